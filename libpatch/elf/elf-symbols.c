/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbol tables of an LpElf: .symtab and .dynsym, each read and checked as a whole when it is first asked
 * for. Must not know what the symbols are used for. Sources: gABI "Symbol Table", "Extended section
 * numbering". */
#include "elf/elf-private.h"

#include <string.h>

#include "base/error.h"

/* .symtab_shndx: section indexes that don't fit into 16 bits, parallel to the symbol table. */
typedef struct {
  const guint8 *data; /* NULL when the file has none */
  gsize size;
} ExtendedIndexes;

static gboolean
find_extended_indexes (const LpElf *elf, const LpElfSection *table, ExtendedIndexes *extended, GError **error)
{
  *extended = (ExtendedIndexes){ NULL, 0 };
  for (guint i = 1; i < elf->n_sections; i++)
    {
      const LpElfSection *section = &elf->sections[i];

      if (section->type != SHT_SYMTAB_SHNDX || section->link != table->index)
        continue;
      extended->data = lp_elf_section_data (elf, section, &extended->size);
      if (extended->size / sizeof (Elf32_Word) < table->size / sizeof (Elf64_Sym))
        return lp_elf_corrupt (elf, error, "%s has fewer entries than %s", section->name, table->name);
      return TRUE;
    }
  return TRUE;
}

/* Which section the symbol is in; st_shndx values from SHN_LORESERVE on are no indexes. */
static gboolean
resolve_section (const LpElf *elf, const LpElfSection *table, const ExtendedIndexes *extended,
                 LpElfSymbol *symbol, GError **error)
{
  symbol->section = symbol->shndx;
  if (symbol->shndx == SHN_UNDEF || symbol->shndx == SHN_ABS || symbol->shndx == SHN_COMMON)
    return TRUE;
  if (symbol->shndx == SHN_XINDEX)
    {
      if (extended->data == NULL)
        return lp_elf_corrupt (
            elf, error, "%s: symbol %u (%s) has an extended section index, but there is no table for it",
            table->name, symbol->index, symbol->name);
      memcpy (&symbol->section, extended->data + (gsize)symbol->index * sizeof (Elf32_Word),
              sizeof (Elf32_Word));
    }
  else if (symbol->shndx >= SHN_LORESERVE)
    return lp_elf_corrupt (elf, error, "%s: symbol %u (%s) has the unknown reserved section index 0x%x",
                           table->name, symbol->index, symbol->name, symbol->shndx);
  if (symbol->section >= elf->n_sections)
    return lp_elf_corrupt (elf, error, "%s: symbol %u (%s) is in section %u, but there are only %u",
                           table->name, symbol->index, symbol->name, symbol->section, elf->n_sections);
  return TRUE;
}

/* In an object a symbol's value is an offset in its section (its end included), or the alignment of a common
 * symbol. */
static gboolean
check_value (const LpElf *elf, const LpElfSection *table, const LpElfSymbol *symbol, GError **error)
{
  gboolean is_section
      = symbol->shndx == SHN_XINDEX || (symbol->shndx != SHN_UNDEF && symbol->shndx < SHN_LORESERVE);

  if (symbol->size > LP_ELF_SANE_MAX)
    return lp_elf_corrupt (elf, error, "%s: symbol %u (%s) has an impossible size", table->name,
                           symbol->index, symbol->name);
  if (elf->header.e_type != ET_REL)
    return TRUE;
  if (is_section && symbol->value > elf->sections[symbol->section].size)
    return lp_elf_corrupt (elf, error, "%s: symbol %u (%s) lies outside its section", table->name,
                           symbol->index, symbol->name);
  if (symbol->shndx == SHN_COMMON && symbol->value > LP_ELF_SANE_MAX)
    return lp_elf_corrupt (elf, error, "%s: symbol %u (%s) has an impossible alignment", table->name,
                           symbol->index, symbol->name);
  return TRUE;
}

static gboolean
read_symbol (const LpElf *elf, const LpElfSection *table, const LpElfSection *strings,
             const ExtendedIndexes *extended, LpElfSymbol *symbol, GError **error)
{
  Elf64_Sym raw;

  memcpy (&raw, elf->data + table->offset + (guint64)symbol->index * sizeof raw, sizeof raw);
  symbol->name = lp_elf_string (elf, strings, raw.st_name);
  if (symbol->name == NULL)
    return lp_elf_corrupt (elf, error, "%s: name of symbol %u lies outside %s", table->name, symbol->index,
                           strings->name);
  symbol->value = raw.st_value;
  symbol->size = raw.st_size;
  symbol->type = ELF64_ST_TYPE (raw.st_info);
  symbol->bind = ELF64_ST_BIND (raw.st_info);
  symbol->visibility = ELF64_ST_VISIBILITY (raw.st_other);
  symbol->shndx = raw.st_shndx;
  return resolve_section (elf, table, extended, symbol, error) && check_value (elf, table, symbol, error);
}

/* Local symbols stand behind the STT_FILE symbol of their translation unit. Global ones come after all local
 * ones. */
static void
name_files (LpElfSymbol *symbols, guint n)
{
  const LpElfSymbol *file = NULL;

  for (guint i = 1; i < n; i++)
    {
      if (symbols[i].type == STT_FILE)
        file = &symbols[i];
      if (symbols[i].bind != STB_LOCAL || file == NULL)
        continue;
      symbols[i].file = file->name;
      symbols[i].file_index = file->index;
    }
}

static gboolean
read_table (LpElf *elf, const LpElfSection *table, LpElfSymbolTable *result, GError **error)
{
  guint64 n = table->size / sizeof (Elf64_Sym);
  ExtendedIndexes extended;

  if (table->entry_size != sizeof (Elf64_Sym) || table->size % sizeof (Elf64_Sym) != 0)
    return lp_elf_corrupt (elf, error,
                           "%s: %" G_GUINT64_FORMAT " bytes in entries of %" G_GUINT64_FORMAT
                           " are no symbol table",
                           table->name, table->size, table->entry_size);
  if (n > G_MAXUINT32)
    return lp_elf_corrupt (elf, error, "%s: too many symbols", table->name);

  const LpElfSection *strings = lp_elf_linked_strings (elf, table, error);
  if (strings == NULL || !find_extended_indexes (elf, table, &extended, error))
    return FALSE;

  g_autofree LpElfSymbol *symbols = g_new0 (LpElfSymbol, n);
  for (guint i = 0; i < n; i++)
    {
      symbols[i].index = i;
      if (!read_symbol (elf, table, strings, &extended, &symbols[i], error))
        return FALSE;
    }
  if (table->type == SHT_DYNSYM && !lp_elf_read_versions (elf, table, symbols, n, error))
    return FALSE;
  if (table->type == SHT_SYMTAB)
    name_files (symbols, n);
  result->symbols = g_steal_pointer (&symbols);
  result->n = n;
  return TRUE;
}

const LpElfSymbol *
lp_elf_symbols (LpElf *elf, LpElfTable table, guint *n, GError **error)
{
  static const LpElfSymbol none; /* what an absent table's pointer may be compared with */
  LpElfSymbolTable *cache = &elf->tables[table];

  *n = 0;
  if (!cache->read)
    {
      const LpElfSection *section
          = lp_elf_section_by_type (elf, table == LP_ELF_SYMTAB ? SHT_SYMTAB : SHT_DYNSYM);

      if (section != NULL && !read_table (elf, section, cache, error))
        return NULL;
      cache->read = TRUE;
    }
  *n = cache->n;
  return cache->symbols != NULL ? cache->symbols : &none;
}
