/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: an object, program or library, with everything that LpElf reads from one. */
#include "elf/elf-file.h"
#include "fuzz.h"

static void
use_sections (LpElf *elf)
{
  guint n;
  gsize size;
  guint64 address;
  const LpElfSection *sections = lp_elf_sections (elf, &n);

  for (guint i = 0; i < n; i++)
    {
      const guint8 *data = lp_elf_section_data (elf, &sections[i], &size);
      fuzz_touch (data, size);
      fuzz_touch_string (sections[i].name);
      lp_elf_offset_to_address (elf, sections[i].offset, &address);
    }
}

static void
use_relocations (LpElf *elf)
{
  guint n;
  GError *error = NULL;

  if (lp_elf_dynamic_relocations (elf, &error) == NULL)
    fuzz_check_error (g_steal_pointer (&error));
  lp_elf_sections (elf, &n);
  for (guint i = 0; i < n && lp_elf_header (elf)->e_type == ET_REL; i++)
    {
      GArray *relocations = lp_elf_relocations (elf, i, &error);
      if (relocations == NULL)
        {
          fuzz_check_error (g_steal_pointer (&error));
          return; /* it is the same error for every section */
        }
      fuzz_touch (relocations->data, relocations->len * sizeof (LpElfRelocation));
    }
}

static void
use_symbols (LpElf *elf, LpElfTable table)
{
  GError *error = NULL;
  guint n, n_sections;
  const LpElfSymbol *symbols = lp_elf_symbols (elf, table, &n, &error);
  const LpElfSection *sections = lp_elf_sections (elf, &n_sections);

  if (symbols == NULL)
    fuzz_check_error (error);
  for (guint i = 0; i < n; i++)
    {
      fuzz_touch_string (symbols[i].name);
      fuzz_touch_string (symbols[i].version);
      fuzz_touch_string (symbols[i].file);
      fuzz_touch_string (symbols[symbols[i].file_index].name);
      if (symbols[i].shndx < SHN_LORESERVE || symbols[i].shndx == SHN_XINDEX)
        fuzz_touch_string (sections[symbols[i].section].name);
      const guint8 *bytes = lp_elf_at (elf, symbols[i].value, symbols[i].size);
      if (bytes != NULL)
        fuzz_touch (bytes, MIN (symbols[i].size, 4096));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  GError *error = NULL;
  gsize build_id_size;
  g_autoptr (LpElf) elf = lp_elf_new (bytes, "input", &error);

  if (elf == NULL)
    {
      fuzz_check_error (error);
      return 0;
    }
  const guint8 *build_id = lp_elf_build_id (elf, &build_id_size);
  fuzz_touch (build_id, build_id_size);
  use_sections (elf);
  use_symbols (elf, LP_ELF_SYMTAB);
  use_symbols (elf, LP_ELF_DYNSYM);
  use_relocations (elf);
  return 0;
}
