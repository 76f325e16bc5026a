/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Follows every offset and index of an entity that was accepted, as the engine would. */
#pragma once

#include "arch/arch.h"
#include "format/entity.h"
#include "fuzz.h"

static inline void
fuzz_use_entity (const LpEntity *entity)
{
  const LpEntityIdentity *identity = lp_entity_identity (entity);
  LpElf *elf = lp_entity_elf (entity);
  const LpArch *arch = lp_arch_for_machine (lp_elf_header (elf)->e_machine);
  guint n, n_symbols, n_segments, n_functions;
  const LpEntityFunction *functions = lp_entity_functions (entity, &n_functions);
  const Elf64_Phdr *segments = lp_elf_segments (elf, &n_segments);

  for (guint i = 0; i < n_segments; i++)
    if (segments[i].p_type == PT_LOAD)
      {
        g_assert (segments[i].p_vaddr + segments[i].p_memsz <= identity->image_size);
        fuzz_touch (lp_elf_at (elf, segments[i].p_vaddr, segments[i].p_filesz), segments[i].p_filesz);
      }
  for (guint i = 0; i < n_functions; i++)
    {
      const guint8 *code = lp_elf_at (elf, functions[i].new_address, functions[i].new_size);
      g_assert (code != NULL && lp_elf_at (elf, functions[i].stub_address, 1) != NULL);
      g_assert (functions[i].site_size <= sizeof functions[i].site_original);
      fuzz_touch (code, functions[i].new_size);
      fuzz_touch_string (lp_entity_string (entity, functions[i].name));
    }
  const guint8 *sites = lp_elf_at (elf, identity->sites, n_functions * sizeof (LpEntitySite));
  g_assert (sites != NULL);
  const LpEntityRange *ranges = lp_entity_ranges (entity, &n);
  for (guint i = 0; i < n; i++)
    g_assert (ranges[i].function < n_functions && ranges[i].address + ranges[i].size > ranges[i].address);
  const LpEntitySymbol *symbols = lp_entity_symbols (entity, &n_symbols);
  for (guint i = 0; i < n_symbols; i++)
    {
      fuzz_touch_string (lp_entity_string (entity, symbols[i].name));
      fuzz_touch_string (lp_entity_string (entity, symbols[i].version));
    }
  const LpEntityRelocation *relocations = lp_entity_relocations (entity, &n);
  for (guint i = 0; i < n; i++)
    {
      g_assert (relocations[i].symbol < n_symbols);
      guint width = arch->reloc_info (relocations[i].type)->width;
      g_assert (lp_elf_at (elf, relocations[i].offset, width) != NULL);
    }
}
