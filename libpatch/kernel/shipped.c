/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbols of a shipped kernel object by name. Source: kernel/livepatch/core.c (klp_find_object_symbol),
 * kernel/kallsyms.c and scripts/kallsyms.c of the kernel. */
#include "kernel/shipped.h"

#include <string.h>

#include "base/error.h"
#include "base/span.h"

#define SECTION_SHIFT 40 /* bits: no section of a module reaches 1 TiB */

static gboolean
has_address (const LpElfSymbol *symbol)
{
  return symbol->name[0] != '\0' && symbol->type != STT_FILE && symbol->type != STT_SECTION
         && symbol->shndx != SHN_UNDEF && symbol->shndx != SHN_COMMON;
}

LpShipped *
lp_shipped_new (LpElf *elf, const char *name, GError **error)
{
  g_autoptr (LpShipped) shipped = g_new0 (LpShipped, 1);
  guint16 type = lp_elf_header (elf)->e_type;

  shipped->name = g_strdup (name);
  shipped->elf = lp_elf_ref (elf);
  shipped->is_vmlinux = strcmp (name, LP_VMLINUX) == 0;
  shipped->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_array_unref);
  g_autoptr (GError) local = NULL;
  shipped->symbols = lp_elf_symbols (elf, LP_ELF_SYMTAB, &shipped->n_symbols, &local);
  if (local != NULL || shipped->n_symbols == 0 || (type == ET_REL) == shipped->is_vmlinux)
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH,
                    "vmlinux with its symbol table comes with the kernel's debug package", "%s: %s",
                    lp_elf_name (elf),
                    local != NULL             ? local->message
                    : shipped->n_symbols == 0 ? "has no symbol table"
                                              : "is not the kind of file that this kernel object is");
      return NULL;
    }
  for (guint i = 1; i < shipped->n_symbols; i++)
    {
      const LpElfSymbol *symbol = &shipped->symbols[i];
      if (!has_address (symbol))
        continue;
      GArray *list = g_hash_table_lookup (shipped->by_name, symbol->name);
      if (list == NULL)
        {
          list = g_array_new (FALSE, FALSE, sizeof (guint));
          g_hash_table_insert (shipped->by_name, (gpointer)symbol->name, list);
        }
      g_array_append_val (list, i);
    }
  return g_steal_pointer (&shipped);
}

void
lp_shipped_free (LpShipped *shipped)
{
  if (shipped == NULL)
    return;
  g_free (shipped->name);
  g_clear_pointer (&shipped->elf, lp_elf_unref);
  g_clear_pointer (&shipped->by_name, g_hash_table_unref);
  g_free (shipped);
}

guint64
lp_shipped_address (const LpShipped *shipped, const LpElfSymbol *symbol)
{
  return shipped->is_vmlinux || symbol->shndx == SHN_ABS
             ? symbol->value
             : ((guint64)symbol->section << SECTION_SHIFT) + symbol->value;
}

const guint8 *
lp_shipped_bytes (const LpShipped *shipped, guint64 address, gsize size)
{
  guint n;
  gsize available;

  if (shipped->is_vmlinux)
    return lp_elf_at (shipped->elf, address, size);
  const LpElfSection *sections = lp_elf_sections (shipped->elf, &n);
  guint64 section = address >> SECTION_SHIFT,
          offset = address & ((G_GUINT64_CONSTANT (1) << SECTION_SHIFT) - 1);
  if (section == 0 || section >= n)
    return NULL;
  const guint8 *bytes = lp_elf_section_data (shipped->elf, &sections[section], &available);
  return bytes != NULL && lp_span_inside (offset, size, available) ? bytes + offset : NULL;
}

GArray *
lp_shipped_named (const LpShipped *shipped, const char *name)
{
  return g_hash_table_lookup (shipped->by_name, name);
}

const LpElfSymbol *
lp_shipped_global (const LpShipped *shipped, const char *name)
{
  GArray *list = lp_shipped_named (shipped, name);

  for (guint i = 0; list != NULL && i < list->len; i++)
    {
      const LpElfSymbol *symbol = &shipped->symbols[g_array_index (list, guint, i)];
      if (symbol->bind != STB_LOCAL)
        return symbol;
    }
  return NULL;
}

static gboolean
is_discarded (const LpShipped *shipped, const LpElfSymbol *symbol)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (shipped->elf, &n);

  return !shipped->is_vmlinux && symbol->section < n
         && g_str_has_prefix (sections[symbol->section].name, ".init");
}

gboolean
lp_shipped_position (const LpShipped *shipped, const LpElfSymbol *symbol, guint *position, GError **error)
{
  GArray *list = lp_shipped_named (shipped, symbol->name);
  gboolean certain = TRUE;

  *position = 0;
  if (list == NULL || list->len < 2)
    return TRUE;
  *position = 1;
  for (guint i = 0; i < list->len; i++)
    {
      const LpElfSymbol *other = &shipped->symbols[g_array_index (list, guint, i)];
      if (other == symbol)
        continue;
      certain = certain && !is_discarded (shipped, other)
                && (!shipped->is_vmlinux || other->value != symbol->value);
      *position += shipped->is_vmlinux ? other->value < symbol->value : other->index < symbol->index;
    }
  if (certain)
    return TRUE;
  lp_error_set (error, LP_ERROR_REFUSED,
                "let the fix do without it: change the functions that call it, or copy what it needs",
                "%s: which of the %u symbols named %s is meant can't be told to the kernel", shipped->name,
                list->len, symbol->name);
  return FALSE;
}
