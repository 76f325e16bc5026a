/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over the committed corpus without libFuzzer, so that every build (gcc, sanitizers)
 * replays it as a unit test: each file as it is, then cut short and with bytes changed at a few fixed places.
 */
#include <string.h>

#include "fuzz.h"

#define CUTS 16
#define CHANGES 64

/* A copy that ends where its allocation ends. */
static void
run (const guint8 *data, gsize size)
{
  g_autofree guint8 *copy = g_memdup2 (data, size);

  LLVMFuzzerTestOneInput (size > 0 ? copy : (const guint8 *)"", size);
}

static void
replay (gconstpointer path)
{
  g_autofree char *text = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  run ((guint8 *)text, size);
  for (guint i = 0; i < CUTS; i++)
    run ((guint8 *)text, size * i / CUTS);
  for (guint i = 0; i < CHANGES && size > 0; i++)
    {
      gsize at = size * i / CHANGES;
      char before = text[at];
      text[at] ^= 1 << (i % 8);
      run ((guint8 *)text, size);
      text[at] = before;
    }
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  LLVMFuzzerInitialize (&argc, &argv);
  g_assert_cmpint (argc, ==, 2);

  g_autoptr (GDir) entries = g_dir_open (argv[1], 0, NULL);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  g_assert_nonnull (entries);
  while ((name = g_dir_read_name (entries)) != NULL)
    g_ptr_array_add (paths, g_build_filename (argv[1], name, NULL));
  g_assert_cmpuint (paths->len, >, 0);
  g_ptr_array_sort (paths, compare);
  for (guint i = 0; i < paths->len; i++)
    {
      g_autofree char *base = g_path_get_basename (paths->pdata[i]);
      g_autofree char *test = g_strdup_printf ("/replay/%s is read or refused without harm", base);
      g_test_add_data_func (test, paths->pdata[i], replay);
    }
  return g_test_run ();
}
