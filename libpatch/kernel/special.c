/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Special sections, taken apart. An entry reaches from its first relocation to the next entry's; its size is
 * checked against what the kernel's structures have, so that a kernel with other ones is refused instead of
 * misread. */
#include "kernel/special.h"

#include <string.h>

#include "base/error.h"

#define REPLACEMENTS ".altinstr_replacement"
#define PATCHABLE "__patchable_function_entries" /* x86-64: says where room is, see padding.h */
#define REFERENCE 4 /* bytes: entries with several references begin with those, relative and side by side */

static const LpSpecialTable tables[] = {
  { "__mcount_loc", LP_SPECIAL_KEPT, 1, 8, 0, 0 },
  { PATCHABLE, LP_SPECIAL_KEPT, 1, 8, 0, 0 },
  { "__bug_table", LP_SPECIAL_KEPT, 2, 12, 8, 10 },    /* struct bug_entry: line at 8 */
  { ".altinstructions", LP_SPECIAL_KEPT, 2, 0, 0, 0 }, /* 12 bytes up to Linux 6.2, then 14 */
  { "__jump_table", LP_SPECIAL_KEPT, 3, 16, 0, 0 },
  { ".smp_locks", LP_SPECIAL_KEPT, 1, 4, 0, 0 },
  { "__ex_table", LP_SPECIAL_KEPT, 2, 12, 0, 0 },
  { ".parainstructions", LP_SPECIAL_KEPT, 1, 10, 0, 0 }, /* padded to 16 */
  { "_kprobe_blacklist", LP_SPECIAL_KEPT, 1, 8, 0, 0 },
  /* What objtool wants to be told of the code. */
  { ".discard.reachable", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.unreachable", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.annotate_insn", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.retpoline_safe", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.instr_begin", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.instr_end", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.unwind_hints", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.ignore_alts", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.intra_function_calls", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.func_stack_frame_non_standard", LP_SPECIAL_KEPT, 1, 8, 0, 0 },
  { ".discard.noendbr", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.validate_unret", LP_SPECIAL_KEPT, 1, 0, 0, 0 },
  { ".discard.addressable", LP_SPECIAL_IGNORED, 0, 0, 0, 0 },
  { ".discard.sym", LP_SPECIAL_IGNORED, 0, 0, 0, 0 },
  { "_error_injection_whitelist", LP_SPECIAL_IGNORED, 0, 0, 0, 0 },
  { ".printk_index", LP_SPECIAL_IGNORED, 0, 0, 0, 0 },
  { ".static_call_sites", LP_SPECIAL_GENERATED, 0, 0, 0, 0 },
  { ".return_sites", LP_SPECIAL_GENERATED, 0, 0, 0, 0 },
  { ".retpoline_sites", LP_SPECIAL_GENERATED, 0, 0, 0, 0 },
  { ".call_sites", LP_SPECIAL_GENERATED, 0, 0, 0, 0 },
  { ".cfi_sites", LP_SPECIAL_GENERATED, 0, 0, 0, 0 },
  { ".ibt_endbr_seal", LP_SPECIAL_GENERATED, 0, 0, 0, 0 },
  { ".orc_unwind", LP_SPECIAL_GENERATED, 0, 0, 0, 0 },
  { ".orc_unwind_ip", LP_SPECIAL_GENERATED, 0, 0, 0, 0 },
  { ".orc_header", LP_SPECIAL_GENERATED, 0, 0, 0, 0 },
};

const LpSpecialTable *
lp_special_table (const char *section)
{
  for (gsize i = 0; i < G_N_ELEMENTS (tables); i++)
    if (strcmp (tables[i].name, section) == 0)
      return &tables[i];
  return NULL;
}

LpSectionUse
lp_special_use (const char *section)
{
  if (strcmp (section, ".altinstr_aux") == 0 || strcmp (section, REPLACEMENTS) == 0)
    return LP_SECTION_AUX;
  /* Exports: entries are compared by their names. */
  if (g_str_has_prefix (section, "___ksymtab") || strcmp (section, "__ksymtab_strings") == 0
      || g_str_has_prefix (section, "___kcrctab"))
    return LP_SECTION_TABLE;
  return lp_special_table (section) != NULL ? LP_SECTION_TABLE : LP_SECTION_ORDINARY;
}

gboolean
lp_special_place (LpObject *object, const LpElfRelocation *relocation, LpPiece **piece, gint64 *offset)
{
  const LpElfSymbol *symbol = &object->symbols[relocation->symbol];
  LpPiece *found = object->by_symbol[relocation->symbol];
  gint64 place = relocation->addend + (gint64)symbol->value;

  if (found == NULL)
    return FALSE;
  if (symbol->type == STT_SECTION)
    found = lp_object_piece_at (object, symbol->section, place);
  *piece = found;
  *offset = place - (gint64)found->start;
  return TRUE;
}

static gboolean
refuse_table (const LpObject *object, const LpElfSection *section, const char *why, GError **error)
{
  lp_error_set (error, LP_ERROR_REFUSED, "this kernel is built in a way that isn't known yet",
                "%s: special section %s: %s", object->unit, section->name, why);
  return FALSE;
}

static gboolean
add_entries (LpObject *object, const LpElfSection *section, const LpSpecialTable *table, GArray *entries,
             GError **error)
{
  GArray *relocations = lp_elf_relocations (object->elf, section->index, error);

  if (relocations == NULL)
    return FALSE;
  if (relocations->len == 0 || relocations->len % table->relocations != 0)
    return refuse_table (object, section, "not a whole number of entries", error);
  for (guint i = 0; i < relocations->len; i += table->relocations)
    {
      const LpElfRelocation *first = &g_array_index (relocations, LpElfRelocation, i);
      guint next = i + table->relocations;
      guint64 end = next < relocations->len ? g_array_index (relocations, LpElfRelocation, next).offset
                                            : section->size;
      LpSpecialEntry entry = { .table = table,
                               .section = section->index,
                               .start = first->offset,
                               .size = end - first->offset,
                               .first = i,
                               .n = table->relocations };
      gint64 offset;
      if (i == 0 && first->offset != 0)
        return refuse_table (object, section, "an entry doesn't begin with its place in code", error);
      for (guint k = 1; k < table->relocations; k++)
        if (first[k].offset != first->offset + k * (guint64)REFERENCE)
          return refuse_table (object, section, "entries of another layout", error);
      if (table->size != 0 && (entry.size < table->size || entry.size >= table->size + 8))
        return refuse_table (object, section, "entries of an unknown size", error);
      if (table->size != 0)
        entry.size = table->size;
      lp_special_place (object, first, &entry.owner, &offset);
      g_array_append_val (entries, entry);
    }
  return TRUE;
}

GArray *
lp_special_entries (LpObject *object, GError **error)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (object->elf, &n);
  g_autoptr (GArray) entries = g_array_new (FALSE, TRUE, sizeof (LpSpecialEntry));

  for (guint i = 1; i < n; i++)
    {
      const LpSpecialTable *table = lp_special_table (sections[i].name);
      gboolean is_kept = table != NULL && table->use == LP_SPECIAL_KEPT
                         && (object->arch->machine != EM_X86_64 || strcmp (table->name, PATCHABLE) != 0);
      if (is_kept && sections[i].size > 0 && !add_entries (object, &sections[i], table, entries, error))
        return NULL;
    }
  return g_steal_pointer (&entries);
}

guint
lp_special_replacement_size (const LpObject *object, const LpSpecialEntry *entry)
{
  guint n;
  gsize size;
  const LpElfSection *sections = lp_elf_sections (object->elf, &n);
  const guint8 *bytes = lp_elf_section_data (object->elf, &sections[entry->section], &size);

  /* struct alt_instr ends with the lengths of original and replacement. */
  return bytes != NULL ? bytes[entry->start + entry->size - 1] : 0;
}
