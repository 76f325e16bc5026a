/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relocations of an LpElf: those of an object's sections, and the dynamic ones of a program or library.
 * Must not know what a relocation type means (arch/). Sources: gABI "Relocation", "Dynamic Section". */
#include "elf/elf-private.h"

#include <string.h>

#include "base/error.h"

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  const LpElfRelocation *left = a;
  const LpElfRelocation *right = b;

  return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static LpElfRelocation
decode (const guint8 *data)
{
  Elf64_Rela raw;

  memcpy (&raw, data, sizeof raw);
  return (LpElfRelocation){
    .offset = raw.r_offset,
    .type = ELF64_R_TYPE (raw.r_info),
    .symbol = ELF64_R_SYM (raw.r_info),
    .addend = raw.r_addend,
  };
}

/* Appends the relocations of the SHT_RELA section @section to those of @target. */
static gboolean
read_section (LpElf *elf, const LpElfSection *section, const LpElfSection *target, GArray *relocations,
              GError **error)
{
  guint n_symbols;

  if (lp_elf_symbols (elf, LP_ELF_SYMTAB, &n_symbols, error) == NULL)
    return FALSE;

  guint64 n = section->size / sizeof (Elf64_Rela);
  for (guint64 i = 0; i < n; i++)
    {
      LpElfRelocation relocation = decode (elf->data + section->offset + i * sizeof (Elf64_Rela));

      /* Type 0 is R_*_NONE everywhere: it writes nothing, so it may stand at the end. */
      if (!lp_span_inside (relocation.offset, relocation.type != 0 ? 1 : 0, target->size))
        return lp_elf_corrupt (elf, error, "%s: relocation %" G_GUINT64_FORMAT " lies outside %s",
                               section->name, i, target->name);
      if (relocation.addend > LP_ELF_SANE_MAX || relocation.addend < -LP_ELF_SANE_MAX)
        return lp_elf_corrupt (elf, error, "%s: relocation %" G_GUINT64_FORMAT " has an impossible addend",
                               section->name, i);
      if (relocation.symbol >= n_symbols)
        return lp_elf_corrupt (elf, error, "%s: relocation %" G_GUINT64_FORMAT " names symbol %u of %u",
                               section->name, i, relocation.symbol, n_symbols);
      g_array_append_val (relocations, relocation);
    }
  return TRUE;
}

/* The section that the SHT_RELA section @section applies to. */
static const LpElfSection *
check_section (const LpElf *elf, const LpElfSection *section, GError **error)
{
  const LpElfSection *symtab = lp_elf_section_by_type (elf, SHT_SYMTAB);
  const LpElfSection *target
      = section->info > 0 && section->info < elf->n_sections ? &elf->sections[section->info] : NULL;

  if (section->entry_size != sizeof (Elf64_Rela) || section->size % sizeof (Elf64_Rela) != 0)
    lp_elf_corrupt (elf, error,
                    "%s: %" G_GUINT64_FORMAT " bytes in entries of %" G_GUINT64_FORMAT " are no relocations",
                    section->name, section->size, section->entry_size);
  else if (target == NULL)
    lp_elf_corrupt (elf, error, "%s: applies to section %u of %u", section->name, section->info,
                    elf->n_sections);
  else if (symtab == NULL || section->link != symtab->index)
    lp_elf_corrupt (elf, error, "%s: section %u is not the symbol table", section->name, section->link);
  else if (section->size > 0 && target->type == SHT_NOBITS)
    lp_elf_corrupt (elf, error, "%s: relocates %s, which has no bytes", section->name, target->name);
  else
    return target;
  return NULL;
}

static GArray *
relocations_of (LpElf *elf, guint index)
{
  GArray *relocations = g_hash_table_lookup (elf->relocations, GUINT_TO_POINTER (index));

  if (relocations == NULL)
    {
      relocations = g_array_new (FALSE, FALSE, sizeof (LpElfRelocation));
      g_hash_table_insert (elf->relocations, GUINT_TO_POINTER (index), relocations);
    }
  return relocations;
}

/* All sections at once: an object that was compiled with -ffunction-sections has thousands. */
static gboolean
read_all_sections (LpElf *elf, GError **error)
{
  guint64 total = 0;

  for (guint i = 1; i < elf->n_sections; i++)
    {
      const LpElfSection *section = &elf->sections[i];

      if (section->type == SHT_REL)
        {
          lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL,
                        "%s: holds relocations without addends (SHT_REL)", elf->name);
          return FALSE;
        }
      if (section->type != SHT_RELA)
        continue;

      /* Sections that share their bytes could make a small file look like billions of relocations. */
      total += section->size;
      if (total > elf->size)
        return lp_elf_corrupt (elf, error, "%s: relocation sections overlap", section->name);

      const LpElfSection *target = check_section (elf, section, error);
      if (target == NULL || !read_section (elf, section, target, relocations_of (elf, target->index), error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
ensure_relocations (LpElf *elf, GError **error)
{
  GHashTableIter iter;
  gpointer relocations;

  if (elf->relocations_read)
    return TRUE;
  if (!read_all_sections (elf, error))
    {
      g_hash_table_remove_all (elf->relocations);
      return FALSE;
    }
  g_hash_table_iter_init (&iter, elf->relocations);
  while (g_hash_table_iter_next (&iter, NULL, &relocations))
    g_array_sort (relocations,
                  compare_offsets); /* stable: several relocations of one place keep their order */
  elf->relocations_read = TRUE;
  return TRUE;
}

GArray *
lp_elf_relocations (LpElf *elf, guint index, GError **error)
{
  if (elf->header.e_type != ET_REL || index >= elf->n_sections)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL,
                    "%s: section %u of an object was asked for its relocations", elf->name, index);
      return NULL;
    }
  return ensure_relocations (elf, error) ? relocations_of (elf, index) : NULL;
}

/* What PT_DYNAMIC says about relocations. */
typedef struct {
  guint64 rela, rela_size, rela_entry;
  guint64 plt, plt_size, plt_kind;
  guint64 relr, relr_size;
  gboolean has_rel;
} DynamicTags;

static void
note_tag (DynamicTags *tags, const Elf64_Dyn *entry)
{
  switch (entry->d_tag)
    {
    case DT_RELA:
      tags->rela = entry->d_un.d_ptr;
      break;
    case DT_RELASZ:
      tags->rela_size = entry->d_un.d_val;
      break;
    case DT_RELAENT:
      tags->rela_entry = entry->d_un.d_val;
      break;
    case DT_JMPREL:
      tags->plt = entry->d_un.d_ptr;
      break;
    case DT_PLTRELSZ:
      tags->plt_size = entry->d_un.d_val;
      break;
    case DT_PLTREL:
      tags->plt_kind = entry->d_un.d_val;
      break;
    case DT_RELR:
      tags->relr = entry->d_un.d_ptr;
      break;
    case DT_RELRSZ:
      tags->relr_size = entry->d_un.d_val;
      break;
    case DT_REL:
      tags->has_rel = TRUE;
      break;
    default:
      break;
    }
}

static void
read_tags (const LpElf *elf, const Elf64_Phdr *dynamic, DynamicTags *tags)
{
  for (guint64 at = 0; lp_span_inside (at, sizeof (Elf64_Dyn), dynamic->p_filesz); at += sizeof (Elf64_Dyn))
    {
      Elf64_Dyn entry;

      memcpy (&entry, elf->data + dynamic->p_offset + at, sizeof entry);
      if (entry.d_tag == DT_NULL)
        return;
      note_tag (tags, &entry);
    }
}

static gboolean
is_loaded (const LpElf *elf, guint64 address)
{
  for (guint i = 0; i < elf->n_segments; i++)
    if (elf->segments[i].p_type == PT_LOAD
        && lp_span_contains (elf->segments[i].p_vaddr, elf->segments[i].p_memsz, address, 1))
      return TRUE;
  return FALSE;
}

static gboolean
read_dynamic_table (LpElf *elf, const char *what, guint64 address, guint64 size, GArray *relocations,
                    GError **error)
{
  const guint8 *data = lp_elf_at (elf, address, size);
  guint n_symbols;

  if (size == 0)
    return TRUE;
  if (data == NULL)
    return lp_elf_corrupt (elf, error, "the table of %s lies outside the loaded segments", what);
  if (size % sizeof (Elf64_Rela) != 0)
    return lp_elf_corrupt (elf, error,
                           "the table of %s has %" G_GUINT64_FORMAT " bytes, not a multiple of its entries",
                           what, size);
  if (lp_elf_symbols (elf, LP_ELF_DYNSYM, &n_symbols, error) == NULL)
    return FALSE;

  for (guint64 at = 0; at < size; at += sizeof (Elf64_Rela))
    {
      LpElfRelocation relocation = decode (data + at);

      if (relocation.type != 0 && !is_loaded (elf, relocation.offset))
        return lp_elf_corrupt (elf, error, "%s: place 0x%" G_GINT64_MODIFIER "x is in no loaded segment",
                               what, relocation.offset);
      if (relocation.symbol != 0 && relocation.symbol >= n_symbols)
        return lp_elf_corrupt (elf, error, "%s: symbol %u of %u", what, relocation.symbol, n_symbols);
      g_array_append_val (relocations, relocation);
    }
  return TRUE;
}

/* One relocation of DT_RELR: relative, its addend stands in the place. */
static gboolean
append_relative (LpElf *elf, guint64 place, GArray *relocations, GError **error)
{
  guint32 type = elf->header.e_machine == EM_AARCH64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
  const guint8 *data = lp_elf_at (elf, place, sizeof (guint64));
  LpElfRelocation relocation = { .offset = place, .type = type };

  if (data == NULL)
    return lp_elf_corrupt (elf, error,
                           "packed relative relocations: place 0x%" G_GINT64_MODIFIER
                           "x is in no loaded segment",
                           place);
  memcpy (&relocation.addend, data, sizeof relocation.addend);
  g_array_append_val (relocations, relocation);
  return TRUE;
}

/* gABI "Relative relocation table": an even word is a place, an odd one a bitmap of the 63 words that follow
 * the last place. */
static gboolean
read_packed_table (LpElf *elf, guint64 address, guint64 size, GArray *relocations, GError **error)
{
  const guint8 *data = lp_elf_at (elf, address, size);
  guint64 next = 0;

  if (size == 0)
    return TRUE;
  if (data == NULL || size % sizeof (guint64) != 0)
    return lp_elf_corrupt (elf, error, "the table of packed relative relocations is damaged");

  for (guint64 at = 0; at < size; at += sizeof (guint64))
    {
      guint64 word;
      memcpy (&word, data + at, sizeof word);

      if ((word & 1) == 0)
        {
          if (!append_relative (elf, word, relocations, error))
            return FALSE;
          next = word + sizeof (guint64);
          continue;
        }
      for (guint bit = 1; bit < 64; bit++)
        if ((word >> bit & 1) != 0
            && !append_relative (elf, next + (bit - 1) * sizeof (guint64), relocations, error))
          return FALSE;
      next += 63 * sizeof (guint64);
    }
  return TRUE;
}

static gboolean
read_dynamic (LpElf *elf, GArray *relocations, GError **error)
{
  DynamicTags tags = { .rela_entry = sizeof (Elf64_Rela), .plt_kind = DT_RELA };

  for (guint i = 0; i < elf->n_segments; i++)
    if (elf->segments[i].p_type == PT_DYNAMIC)
      read_tags (elf, &elf->segments[i], &tags);

  if (tags.has_rel || tags.plt_kind != DT_RELA)
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL,
                    "%s: has dynamic relocations without addends (DT_REL)", elf->name);
      return FALSE;
    }
  if (tags.rela_entry != sizeof (Elf64_Rela))
    return lp_elf_corrupt (elf, error,
                           "dynamic relocations are said to have %" G_GUINT64_FORMAT " bytes each",
                           tags.rela_entry);

  /* DT_RELASZ may or may not count the PLT's; where the ranges overlap, they are counted once. */
  if (tags.plt_size > 0 && lp_span_contains (tags.rela, tags.rela_size, tags.plt, tags.plt_size))
    tags.rela_size = tags.plt - tags.rela;
  return read_dynamic_table (elf, "dynamic relocations", tags.rela, tags.rela_size, relocations, error)
         && read_dynamic_table (elf, "PLT relocations", tags.plt, tags.plt_size, relocations, error)
         && read_packed_table (elf, tags.relr, tags.relr_size, relocations, error);
}

GArray *
lp_elf_dynamic_relocations (LpElf *elf, GError **error)
{
  if (elf->dynamic_relocations == NULL)
    {
      g_autoptr (GArray) relocations = g_array_new (FALSE, FALSE, sizeof (LpElfRelocation));

      if (!read_dynamic (elf, relocations, error))
        return NULL;
      elf->dynamic_relocations = g_steal_pointer (&relocations);
    }
  return elf->dynamic_relocations;
}
