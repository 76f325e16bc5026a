/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small but complete entity and bundle that the tests of format/ and store/ start from. Made with the real
 * writer. */
#include "sample.h"

#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"

/* mov $42,%eax; ret */
static const guint8 answer_code[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 };
/* lea (%rdi,%rdi),%eax; ret */
static const guint8 twice_code[] = { 0x8d, 0x04, 0x3f, 0xc3 };
/* jmp rel32 */
static const guint8 stub_code[] = { 0xe9, 0, 0, 0, 0 };

/* CIE: version 1, "zR", code 1, data -8, return address 16; pointers pcrel sdata4; CFA = rsp + 8. */
static const guint8 cie[]
    = { 0x14, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0 };
/* FDE: length 16, CIE pointer, place and size of the code (filled in later), no augmentation. */
static const guint8 fde[] = { 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

static void
put32 (guint8 *place, gint64 value)
{
  gint32 narrow = value;

  memcpy (place, &narrow, sizeof narrow);
}

static void
fill_fde (LpEntityWriter *writer, guint frame, guint text)
{
  gsize size, text_size;
  guint8 *bytes = lp_entity_writer_bytes (writer, frame, &size);
  guint64 address = lp_entity_writer_address (writer, frame);

  lp_entity_writer_bytes (writer, text, &text_size);
  put32 (bytes + 8, lp_entity_writer_address (writer, text) - (address + 8));
  put32 (bytes + 12, text_size);
}

GBytes *
sample_entity (const char *uuid, SampleLayout *layout)
{
  g_autoptr (GError) error = NULL;
  guint8 build_id[20];
  gsize size;

  g_assert_true (lp_hex_decode (SAMPLE_BUILD_ID, build_id, sizeof build_id, NULL));
  g_autoptr (LpEntityWriter) writer
      = lp_entity_writer_new (EM_X86_64, 4096, uuid, build_id, sizeof build_id, &error);
  g_assert_no_error (error);

  lp_entity_writer_set_function_count (writer, 1);
  guint stub = lp_entity_writer_add_piece (writer, LP_ENTITY_TEXT, stub_code, sizeof stub_code, 1);
  guint answer = lp_entity_writer_add_piece (writer, LP_ENTITY_TEXT, answer_code, sizeof answer_code, 16);
  guint twice = lp_entity_writer_add_piece (writer, LP_ENTITY_TEXT, twice_code, sizeof twice_code, 16);
  guint text = lp_entity_writer_add_piece (writer, LP_ENTITY_RODATA, (const guint8 *)"patched", 8, 1);
  guint slot = lp_entity_writer_add_piece (writer, LP_ENTITY_GOT, NULL, 8, 8);
  guint counter = lp_entity_writer_add_piece (writer, LP_ENTITY_DATA, (const guint8[]){ 7, 0, 0, 0 }, 4, 4);
  guint buffer = lp_entity_writer_add_piece (writer, LP_ENTITY_BSS, NULL, 100, 32);
  lp_entity_writer_add_piece (writer, LP_ENTITY_EH_FRAME, cie, sizeof cie, 8);
  guint answer_frame = lp_entity_writer_add_piece (writer, LP_ENTITY_EH_FRAME, fde, sizeof fde, 8);
  guint twice_frame = lp_entity_writer_add_piece (writer, LP_ENTITY_EH_FRAME, fde, sizeof fde, 8);
  lp_entity_writer_add_fde (writer, twice_frame, 0, twice, 0); /* unsorted on purpose */
  lp_entity_writer_add_fde (writer, answer_frame, 0, answer, 0);
  g_assert_true (lp_entity_writer_lay_out (writer, &error));

  guint64 stub_address = lp_entity_writer_address (writer, stub);
  guint64 answer_address = lp_entity_writer_address (writer, answer);
  put32 (lp_entity_writer_bytes (writer, stub, &size) + 1, answer_address - (stub_address + 5));
  put32 (lp_entity_writer_bytes (writer, answer_frame, &size) + 4, sizeof cie + 4);
  put32 (lp_entity_writer_bytes (writer, twice_frame, &size) + 4, sizeof cie + sizeof fde + 4);
  fill_fde (writer, answer_frame, answer);
  fill_fde (writer, twice_frame, twice);

  LpEntityFunction function = {
    .old_address = 0x401000,
    .old_size = 32,
    .new_address = answer_address,
    .new_size = sizeof answer_code,
    .stub_address = stub_address,
    .site_offset = 4,
    .site_size = 5,
    .site_original = { 0x48, 0x83, 0xec, 0x18, 0x90 },
  };
  guint index = lp_entity_writer_add_function (writer, "answer", &function);
  lp_entity_writer_add_range (writer, index, 0x402000, 48);
  guint import = lp_entity_writer_add_symbol (writer, LP_ENTITY_SYMBOL_IMPORT, "puts", "GLIBC_2.2.5",
                                              LP_ENTITY_IMPORT_FUNCTION, 0, 0);
  guint image = lp_entity_writer_add_symbol (writer, LP_ENTITY_SYMBOL_IMAGE, "buffer", NULL, 0,
                                             lp_entity_writer_address (writer, buffer), 100);
  lp_entity_writer_add_symbol (writer, LP_ENTITY_SYMBOL_TARGET, "server", NULL, 0, 0x5000, 8);
  lp_entity_writer_add_relocation (writer, lp_entity_writer_address (writer, slot), R_X86_64_64, import, 0);
  lp_entity_writer_add_relocation (writer, lp_entity_writer_address (writer, twice),
                                   R_X86_64_NONE + R_X86_64_PC32, image, -4);
  lp_entity_writer_add_debug_symbol (writer, "answer", STT_FUNC, answer, 0, sizeof answer_code);
  lp_entity_writer_add_debug_symbol (writer, "twice", STT_FUNC, twice, 0, sizeof twice_code);
  lp_entity_writer_add_debug_symbol (writer, "counter", STT_OBJECT, counter, 0, 4);

  if (layout != NULL)
    *layout = (SampleLayout){ answer_address,
                              lp_entity_writer_address (writer, twice),
                              stub_address,
                              lp_entity_writer_address (writer, slot),
                              lp_entity_writer_address (writer, counter),
                              lp_entity_writer_address (writer, text) };
  GBytes *file = lp_entity_writer_finish (writer, &error);
  g_assert_no_error (error);
  return file;
}

LpManifest *
sample_manifest (const char *name, guint n, GPtrArray **entities)
{
  LpManifest *manifest = lp_manifest_new ();
  LpManifestSource *source = lp_manifest_source_new ();

  manifest->name = g_strdup (name);
  manifest->version = g_strdup ("1");
  manifest->release = g_strdup ("1");
  manifest->architecture = g_strdup ("x86_64");
  manifest->kind = g_strdup ("user");
  manifest->target_source = g_strdup ("sample");
  manifest->target_version = g_strdup ("2:1.0-1");
  manifest->target_packages = g_strsplit ("sample-server", " ", -1);
  manifest->description = g_strdup ("Answers, as it should.\n\xc3\x84 second line.");
  manifest->severity = g_strdup ("high");
  manifest->license = g_strdup ("BSD-3-Clause");
  manifest->issues = g_strsplit ("CVE-2026-0001 CVE-2026-0002", " ", -1);
  source->name = g_strdup ("CVE-2026-0001.patch");
  source->digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, name, -1);
  source->dropped = g_strsplit ("tests/unit/a.tcl: hunk 1: does not apply", "|", -1);
  g_ptr_array_add (manifest->sources, source);
  g_hash_table_insert (manifest->tools, g_strdup ("gcc"), g_strdup ("12.2.0"));

  for (guint i = 0; i < n; i++)
    {
      LpManifestObject *object = lp_manifest_object_new ();
      object->name = g_strdup_printf ("object-%u", i);
      object->entity = g_strdup_printf ("object-%u.entity", i);
      object->build_id = g_strdup (SAMPLE_BUILD_ID);
      object->text_digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "text", -1);
      object->files = g_strsplit ("/usr/bin/sample", " ", -1);
      object->installed = TRUE;
      g_ptr_array_add (manifest->objects, object);
    }
  manifest->id = lp_manifest_derive_id (manifest);

  *entities = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  for (guint i = 0; i < n; i++)
    {
      LpManifestObject *object = manifest->objects->pdata[i];
      LpManifestFunction *function = lp_manifest_function_new ();
      object->uuid = lp_manifest_object_uuid (manifest->id, object->name);
      GBytes *entity = sample_entity (object->uuid, NULL);
      object->digest = lp_io_digest (entity);
      object->size = g_bytes_get_size (entity);
      function->name = g_strdup ("answer");
      function->kind = g_strdup ("changed");
      function->address = 0x401000;
      function->size = 32;
      function->unit = g_strdup ("answer.c");
      function->proof = g_strdup ("identical");
      function->redirect = g_strdup ("after-entry");
      g_ptr_array_add (object->functions, function);
      g_ptr_array_add (*entities, entity);
    }
  return manifest;
}

char *
sample_bundle (const char *parent, const char *name, guint n_objects)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) manifest = sample_manifest (name, n_objects, &entities);
  char *path = lp_bundle_write (parent, manifest, entities, &error);

  g_assert_no_error (error);
  return path;
}

void
sample_remove (const char *directory)
{
  g_autoptr (GDir) entries = g_dir_open (directory, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);
      if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
        sample_remove (path);
      else
        g_assert_cmpint (remove (path), ==, 0);
    }
  g_assert_cmpint (remove (directory), ==, 0);
}
