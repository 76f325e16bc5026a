/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test helper: a sound bundle for one program out of a few words and an object file; prints its directory.
 * The entity comes from make-entity, so that the service can be tested without a build. Knows nothing of the
 * service. */
#include "format/bundle.h"
#include "format/entity.h"

#include <stdio.h>
#include <stdlib.h>

static char *name = "HP001", *source = "toy", *version = "1.0-1", *issue = "CVE-2026-0001",
            *description = "a test";
static char *release = "1", *make_entity, *parent, *claimed_build_id;
static char **files;
static gboolean kernel;
static int count = 1;

static const GOptionEntry options[]
    = { { "name", 0, 0, G_OPTION_ARG_STRING, &name, "Patch name", "NAME" },
        { "source", 0, 0, G_OPTION_ARG_STRING, &source, "Source package", "NAME" },
        { "version", 0, 0, G_OPTION_ARG_STRING, &version, "Its version", "VERSION" },
        { "issue", 0, 0, G_OPTION_ARG_STRING, &issue, "CVE id", "ID" },
        { "description", 0, 0, G_OPTION_ARG_STRING, &description, "Description", "TEXT" },
        { "release", 0, 0, G_OPTION_ARG_STRING, &release, "Release of the patch", "N" },
        { "file", 0, 0, G_OPTION_ARG_STRING_ARRAY, &files, "Claimed path of the target", "PATH" },
        { "claim-build-id", 0, 0, G_OPTION_ARG_STRING, &claimed_build_id,
          "Write this Build-ID into the manifest", "HEX" },
        { "kernel", 0, 0, G_OPTION_ARG_NONE, &kernel, "Say that OBJECT is a livepatch module", NULL },
        { "make-entity", 0, 0, G_OPTION_ARG_FILENAME, &make_entity, "The entity maker", "PROGRAM" },
        { "count", 0, 0, G_OPTION_ARG_INT, &count,
          "Make so many, each for a program of its own; all but the first have the first one's code", "N" },
        { "parent", 0, 0, G_OPTION_ARG_FILENAME, &parent, "Where the bundle goes", "DIR" },
        { NULL } };

static void
die (GError *error)
{
  fprintf (stderr, "bus-bundle: %s\n", error != NULL ? error->message : "usage");
  exit (1);
}

static char *
text_digest (LpElf *elf)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint n;
  const Elf64_Phdr *segments = lp_elf_segments (elf, &n);

  for (guint i = 0; i < n; i++)
    {
      const guint8 *bytes = segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_X) != 0
                                ? lp_elf_at (elf, segments[i].p_vaddr, segments[i].p_filesz)
                                : NULL;
      if (bytes != NULL)
        g_checksum_update (checksum, bytes, segments[i].p_filesz);
    }
  return g_strdup (g_checksum_get_string (checksum));
}

static GBytes *
read_module (const char *path)
{
  GError *error = NULL;
  char *data;
  gsize size;

  if (!g_file_get_contents (path, &data, &size, &error))
    die (error);
  return g_bytes_new_take (data, size);
}

static GBytes *
run_make_entity (const char *target, const char *object, const char *uuid)
{
  g_autofree char *output = g_strdup_printf ("/tmp/bus-bundle.%d", getpid ());
  char *const argv[] = { make_entity, (char *)target, (char *)object, (char *)uuid, output, NULL };
  GError *error = NULL;
  char *data = NULL;
  gsize size = 0;
  int status;

  if (!g_spawn_sync (NULL, (char **)argv, NULL, 0, NULL, NULL, NULL, NULL, &status, &error)
      || !g_spawn_check_wait_status (status, &error) || !g_file_get_contents (output, &data, &size, &error))
    die (error);
  remove (output);
  return g_bytes_new_take (data, size);
}

static LpManifest *
make_manifest (LpElf *target, const char *path)
{
  LpManifest *manifest = lp_manifest_new ();
  LpManifestObject *object = lp_manifest_object_new ();
  LpManifestSource *fix = lp_manifest_source_new ();
  const char *const issues[] = { issue, NULL };
  const char *const packages[] = { source, NULL };
  const char *const own[] = { path, NULL };

  manifest->name = g_strdup (name);
  manifest->version = g_strdup ("1");
  manifest->release = g_strdup (release);
  manifest->architecture = g_strdup ("x86_64");
  manifest->kind = g_strdup ("user");
  manifest->target_source = g_strdup (source);
  manifest->target_packages = g_strdupv ((char **)packages);
  manifest->target_version = g_strdup (version);
  manifest->description = g_strdup (description);
  manifest->severity = g_strdup ("low");
  manifest->license = g_strdup ("GPL-2.0-or-later");
  manifest->issues = g_strdupv ((char **)issues);
  fix->name = g_strdup ("fix.patch");
  fix->digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, description, -1);
  g_ptr_array_add (manifest->sources, fix);
  object->name = g_path_get_basename (path);
  object->entity = g_strdup_printf ("%s.entity", object->name);
  object->build_id = claimed_build_id != NULL ? g_strdup (claimed_build_id) : lp_elf_build_id_hex (target);
  object->text_digest = text_digest (target);
  object->files = g_strdupv (files != NULL ? files : (char **)own);
  object->installed = TRUE;
  if (kernel)
    {
      g_free (manifest->kind);
      manifest->kind = g_strdup ("kernel");
      object->kernel = lp_manifest_kernel_new ();
      object->kernel->release = g_strdup ("1.2.3");
      object->kernel->module = g_strdup ("syscare_test");
      g_ptr_array_add (object->kernel->targets, lp_manifest_kernel_target_new ("vmlinux", object->build_id));
      g_free (object->name);
      object->name = lp_manifest_kernel_object_name (object->kernel);
    }
  g_ptr_array_add (manifest->objects, object);
  manifest->id = lp_manifest_derive_id (manifest);
  object->uuid = lp_manifest_object_uuid (manifest->id, object->name);
  return manifest;
}

static void
write_bundle (LpManifest *manifest, GBytes *entity)
{
  g_autoptr (GPtrArray) entities = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  LpManifestObject *object = g_ptr_array_index (manifest->objects, 0);
  LpManifestFunction *function = lp_manifest_function_new ();
  GError *error = NULL;

  g_ptr_array_add (entities, g_bytes_ref (entity));
  object->size = g_bytes_get_size (entity);
  object->digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, entity);
  function->name = g_strdup ("answer");
  function->kind = g_strdup ("changed");
  function->unit = g_strdup ("toy.c");
  function->proof = g_strdup ("identical");
  function->redirect = g_strdup ("after-entry");
  g_ptr_array_add (object->functions, function);

  g_autofree char *path = lp_bundle_write (parent, manifest, entities, &error);
  if (path == NULL)
    die (error);
  printf ("%s\n", path);
}

/* The entity with another patch's and another target's identity. */
static GBytes *
relabel (GBytes *entity, const LpManifestObject *object)
{
  gsize size;
  guint8 *bytes = g_bytes_unref_to_data (g_bytes_ref (entity), &size);
  LpEntityIdentity *identity = (LpEntityIdentity *)(bytes + LP_ENTITY_NOTE_OFFSET + 12 + 8);
  guint n = 0;

  for (const char *c = object->uuid; *c != '\0'; c++)
    if (*c != '-')
      {
        guint8 *byte = &identity->uuid[n++ / 2];
        *byte = (guint8)(*byte << 4 | g_ascii_xdigit_value (*c));
      }
  for (gsize i = 0; i < identity->build_id_size; i++)
    identity->build_id[i] = (guint8)(g_ascii_xdigit_value (object->build_id[2 * i]) << 4
                                     | g_ascii_xdigit_value (object->build_id[2 * i + 1]));
  return g_bytes_new_take (bytes, size);
}

/* Further ones, for measuring with many: they can be listed, not applied. */
static void
write_more (LpElf *target, const char *path, GBytes *entity)
{
  for (int i = 1; i < count; i++)
    {
      g_autofree char *number = g_strdup_printf ("%d", i);
      g_autofree char *file = g_strdup_printf ("%s-%d", path, i);

      name = g_strdup_printf ("HP%05d", i);
      issue = g_strdup_printf ("CVE-2026-%05d", i);
      source = g_strdup_printf ("toy%d", i % 500);
      claimed_build_id = g_compute_checksum_for_string (G_CHECKSUM_SHA1, number, -1);
      g_autoptr (LpManifest) manifest = make_manifest (target, file);
      g_autoptr (GBytes) own = relabel (entity, g_ptr_array_index (manifest->objects, 0));
      write_bundle (manifest, own);
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("TARGET OBJECT");
  GError *error = NULL;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 3 || make_entity == NULL
      || parent == NULL)
    die (error);
  g_autoptr (LpElf) target = lp_elf_open (argv[1], &error);
  if (target == NULL)
    die (error);

  g_autoptr (LpManifest) manifest = make_manifest (target, argv[1]);
  const LpManifestObject *object = g_ptr_array_index (manifest->objects, 0);
  g_autoptr (GBytes) entity
      = kernel ? read_module (argv[2]) : run_make_entity (argv[1], argv[2], object->uuid);
  write_bundle (manifest, entity);
  write_more (target, argv[1], entity);
  return 0;
}
