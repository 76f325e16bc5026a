/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lp-diff: the diff by hand, for developers and tests: object files in, entity out. Not installed.
 *
 *   lp-diff --shipped ELF --twin ELF --uuid U --out ENTITY [--name N] UNIT.baseline.o UNIT.original.o
 * UNIT.patched.o [...]
 *
 * "-" in place of an object means that there is none (a new unit, a unit that goes away). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "diff/diff.h"

static gboolean
open_object (const char *path, LpElf **elf, GError **error)
{
  *elf = NULL;
  return strcmp (path, "-") == 0 || (*elf = lp_elf_open (path, error)) != NULL;
}

static gboolean
read_units (char **paths, int n, GPtrArray *units, GError **error)
{
  for (int i = 0; i + 2 < n; i += 3)
    {
      LpDiffUnit *unit = lp_diff_unit_new (paths[i + (strcmp (paths[i], "-") == 0 ? 2 : 0)]);
      g_ptr_array_add (units, unit);
      if (!open_object (paths[i], &unit->baseline, error)
          || !open_object (paths[i + 1], &unit->original, error)
          || !open_object (paths[i + 2], &unit->patched, error))
        return FALSE;
    }
  return TRUE;
}

static void
report (const LpDiffResult *result)
{
  for (guint i = 0; i < result->functions->len; i++)
    {
      const LpManifestFunction *function = result->functions->pdata[i];
      printf ("%s %s (%s) 0x%" G_GINT64_MODIFIER "x %" G_GUINT64_FORMAT " bytes %s\n", function->kind,
              function->name, function->unit, function->address, function->size, function->redirect);
    }
  for (guint i = 0; result->warnings[i] != NULL; i++)
    printf ("warning: %s\n", result->warnings[i]);
  g_autofree char *proof = json_to_string (result->proof, FALSE);
  printf ("proof: %s\n", proof);
}

static gboolean
run (LpDiffRequest *request, const char *shipped, const char *twin, const char *out, GError **error)
{
  g_autoptr (LpElf) shipped_elf = lp_elf_open (shipped, error);
  g_autoptr (LpElf) twin_elf = shipped_elf != NULL ? lp_elf_open (twin, error) : NULL;
  if (twin_elf == NULL)
    return FALSE;

  request->shipped = shipped_elf;
  request->twin = twin_elf;
  g_autoptr (LpDiffResult) result = lp_diff_run (request, error);
  if (result == NULL)
    return FALSE;
  report (result);
  return g_file_set_contents (out, g_bytes_get_data (result->entity, NULL),
                              (gssize)g_bytes_get_size (result->entity), error);
}

int
main (int argc, char **argv)
{
  g_autofree char *shipped = NULL, *twin = NULL, *uuid = NULL, *out = NULL, *name = NULL;
  const GOptionEntry entries[]
      = { { "shipped", 0, 0, G_OPTION_ARG_FILENAME, &shipped, "file to patch", "ELF" },
          { "twin", 0, 0, G_OPTION_ARG_FILENAME, &twin, "the same with symbols", "ELF" },
          { "uuid", 0, 0, G_OPTION_ARG_STRING, &uuid, "Patch.Uuid", "UUID" },
          { "out", 0, 0, G_OPTION_ARG_FILENAME, &out, "entity to write", "FILE" },
          { "name", 0, 0, G_OPTION_ARG_STRING, &name, "object name", "NAME" },
          { NULL } };
  g_autoptr (GOptionContext) context = g_option_context_new ("BASELINE.o ORIGINAL.o PATCHED.o [...]");
  g_autoptr (GPtrArray) units = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_diff_unit_free);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      fprintf (stderr, "lp-diff: %s\n", error->message);
      return 2;
    }
  if (shipped == NULL || uuid == NULL || out == NULL || argc < 4 || (argc - 1) % 3 != 0)
    {
      g_autofree char *help = g_option_context_get_help (context, TRUE, NULL);
      fputs (help, stderr);
      return 2;
    }

  g_autofree char *base = g_path_get_basename (shipped);
  LpDiffRequest request = { .object_name = name != NULL ? name : base, .uuid = uuid, .units = units };
  if (read_units (argv + 1, argc - 1, units, &error)
      && run (&request, shipped, twin != NULL ? twin : shipped, out, &error))
    return 0;
  fprintf (stderr, "lp-diff: %s: %s\n", lp_error_info_for (error)->name, error->message);
  return lp_error_info_for (error)->exit_code;
}
