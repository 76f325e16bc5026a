/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Damaged objects: whatever stands in them, the diff answers with an entity or a named error; it never reads
 * out of bounds (run it under ASan) and never makes an entity that its own reader refuses. The seed is fixed:
 * a failure can be repeated. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "diff/diff.h"
#include "format/entity.h"

#define ROUNDS 1500

static GBytes *files[5]; /* shipped, twin, baseline, original, patched */

static void
run (const char *command)
{
  int status;
  g_autofree char *err = NULL;
  g_assert_true (g_spawn_command_line_sync (command, NULL, &err, &status, NULL));
  if (status != 0)
    g_error ("%s: %s", command, err);
}

static GBytes *
read_bytes (const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL), *bytes = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  return g_bytes_new_take (g_steal_pointer (&bytes), size);
}

static void
compile_samples (void)
{
  g_autofree char *source = g_test_build_filename (G_TEST_DIST, "cases", "switch2.c", NULL);
  g_autofree char *dir = g_dir_make_tmp ("lp-damage-XXXXXX", NULL);
  const char *const names[] = { "shipped", "twin", "base.o", "original.o", "patched.o" };

  g_autofree char *commands
      = g_strdup_printf ("sh -c 'set -e; cd %s; gcc -g -O2 -c -o base.o %s; gcc -Wl,--build-id -o twin "
                         "base.o; strip -o shipped twin; "
                         "gcc -g -O2 -ffunction-sections -fdata-sections -c -o original.o %s; "
                         "gcc -g -O2 -DFIX -ffunction-sections -fdata-sections -c -o patched.o %s'",
                         dir, source, source, source);
  run (commands);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    files[i] = read_bytes (dir, names[i]);
  g_autofree char *clean = g_strdup_printf ("rm -rf %s", dir);
  run (clean);
}

/* @bytes with a few of them changed, mostly where tables lie: at the end of the file, where section headers
 * and symbols are. */
static GBytes *
damaged (GBytes *bytes, GRand *rand)
{
  static const guint8 telling[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
  gsize size;
  guint8 *copy = g_memdup2 (g_bytes_get_data (bytes, &size), g_bytes_get_size (bytes));

  for (int n = g_rand_int_range (rand, 1, 6); n > 0; n--)
    {
      gsize from = g_rand_boolean (rand) ? 0 : size / 2;
      gsize at = from + (gsize)g_rand_int_range (rand, 0, (gint32)(size - from));
      copy[at] = g_rand_boolean (rand) ? telling[g_rand_int_range (rand, 0, G_N_ELEMENTS (telling))]
                                       : (guint8)g_rand_int (rand);
    }
  return g_bytes_new_take (copy, size);
}

static LpElf *
open_bytes (GBytes *bytes, const char *name)
{
  g_autoptr (GError) error = NULL;
  LpElf *elf = lp_elf_new (bytes, name, &error);
  g_assert_true ((elf == NULL) == (error != NULL));
  return elf;
}

static gboolean
diff_damaged (guint which, GRand *rand)
{
  g_autoptr (GBytes) bad = damaged (files[which], rand);
  g_autoptr (LpElf) shipped = open_bytes (which == 0 ? bad : files[0], "shipped");
  g_autoptr (LpElf) twin = open_bytes (which == 1 ? bad : files[1], "twin");
  g_autoptr (GPtrArray) units = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_diff_unit_free);
  LpDiffUnit *unit = lp_diff_unit_new ("switch2.c");

  g_ptr_array_add (units, unit);
  unit->baseline = open_bytes (which == 2 ? bad : files[2], "base.o");
  unit->original = open_bytes (which == 3 ? bad : files[3], "original.o");
  unit->patched = open_bytes (which == 4 ? bad : files[4], "patched.o");
  if (shipped == NULL || twin == NULL || unit->baseline == NULL || unit->original == NULL
      || unit->patched == NULL)
    return FALSE;

  const LpDiffRequest request = { .object_name = "switch2",
                                  .uuid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
                                  .shipped = shipped,
                                  .twin = twin,
                                  .units = units };
  g_autoptr (GError) error = NULL;
  g_autoptr (LpDiffResult) result = lp_diff_run (&request, &error);
  g_assert_true ((result == NULL) == (error != NULL));
  if (result == NULL)
    return FALSE;

  g_autoptr (LpEntity) entity = lp_entity_new (result->entity, "entity", &error);
  g_assert_no_error (error);
  g_assert_nonnull (entity);
  return TRUE;
}

static void
damaged_input_is_answered (gconstpointer data)
{
  guint which = GPOINTER_TO_UINT (data), n_made = 0;
  g_autoptr (GRand) rand = g_rand_new_with_seed (which + 1);

  for (guint i = 0; i < ROUNDS; i++)
    n_made += diff_damaged (which, rand);
  g_test_message ("%u of %u still made an entity (the damage was in bytes that don't matter)", n_made,
                  ROUNDS);
  g_assert_cmpuint (n_made, <, ROUNDS);
}

/* --- the proof's strength
 * ----------------------------------------------------------------------------------------------------- */

static LpDiffResult *
diff_files (GBytes *shipped_bytes, GBytes *twin_bytes, GError **error)
{
  g_autoptr (LpElf) shipped = open_bytes (shipped_bytes, "shipped"), twin = open_bytes (twin_bytes, "twin");
  g_autoptr (GPtrArray) units = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_diff_unit_free);
  LpDiffUnit *unit = lp_diff_unit_new ("switch2.c");

  g_ptr_array_add (units, unit);
  unit->baseline = open_bytes (files[2], "base.o");
  unit->original = open_bytes (files[3], "original.o");
  unit->patched = open_bytes (files[4], "patched.o");
  const LpDiffRequest request = { .object_name = "switch2",
                                  .uuid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
                                  .shipped = shipped,
                                  .twin = twin,
                                  .units = units };
  return lp_diff_run (&request, error);
}

static GBytes *
with_flipped_bit (GBytes *bytes, guint64 address, guint bit)
{
  g_autoptr (LpElf) elf = open_bytes (bytes, "file");
  gsize size;
  guint8 *copy = g_memdup2 (g_bytes_get_data (bytes, &size), g_bytes_get_size (bytes));
  guint64 offset;

  g_assert_true (lp_elf_address_to_offset (elf, address, &offset));
  copy[offset] ^= (guint8)(1u << bit);
  return g_bytes_new_take (copy, size);
}

/* One bit of the replaced function is another one in the shipped file and its twin, at each of its bytes in
 * turn. */
static void
every_flipped_bit_is_found (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpDiffResult) good = diff_files (files[0], files[1], &error);
  g_assert_no_error (error);
  g_assert_cmpuint (good->functions->len, ==, 1);

  const LpManifestFunction *function = good->functions->pdata[0];
  for (guint64 i = 0; i < function->size; i++)
    {
      g_autoptr (GBytes) shipped = with_flipped_bit (files[0], function->address + i, i % 8);
      g_autoptr (GBytes) twin = with_flipped_bit (files[1], function->address + i, i % 8);
      g_autoptr (GError) mismatch = NULL;
      g_autoptr (LpDiffResult) result = diff_files (shipped, twin, &mismatch);
      g_assert_null (result);
      g_assert_cmpint (mismatch->code, ==, LP_ERROR_TARGET_MISMATCH);
      g_assert_nonnull (strstr (mismatch->message, function->name));
    }
}

int
main (int argc, char **argv)
{
  static const char *const names[] = { "shipped", "twin", "baseline", "original", "patched" };

  g_test_init (&argc, &argv, NULL);
  compile_samples ();
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_strdup_printf ("/diff/damaged-%s", names[i]);
      g_test_add_data_func (path, GUINT_TO_POINTER (i), damaged_input_is_answered);
    }
  g_test_add_func ("/diff/every-flipped-bit-is-found", every_flipped_bit_is_found);
  int status = g_test_run ();
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    g_bytes_unref (files[i]);
  return status;
}
