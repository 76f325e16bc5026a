/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: an object as the fixed side of a diff, with its symbols, relocations, unwind and line tables;
 * the other side and the linked file are real ones from data/. */
#include "diff/diff.h"
#include "fuzz.h"

static LpElf *
open_data (const char *name)
{
  g_autofree char *path = g_build_filename (FUZZ_DATA, name, NULL);
  g_autoptr (GError) error = NULL;
  LpElf *elf = lp_elf_open (path, &error);

  g_assert_no_error (error);
  return elf;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (LpElf) patched = lp_elf_new (bytes, "input", NULL);
  if (patched == NULL)
    return 0;

  g_autoptr (LpElf) linked = open_data ("linked.so");
  g_autoptr (GPtrArray) units = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_diff_unit_free);
  LpDiffUnit *unit = lp_diff_unit_new ("diff.c");
  unit->baseline = open_data ("baseline.o");
  unit->original = open_data ("original.o");
  unit->patched = lp_elf_ref (patched);
  g_ptr_array_add (units, unit);
  LpDiffRequest request = { "linked.so", "2ed6657d-e927-568b-95e1-2665a8aea6a2", linked, linked, units };
  GError *error = NULL;
  g_autoptr (LpDiffResult) result = lp_diff_run (&request, &error);

  if (result == NULL)
    fuzz_check_error (error);
  return 0;
}
