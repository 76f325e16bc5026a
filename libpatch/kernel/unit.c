/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Correlates and compares a pair of kernel objects, then follows what the changed functions need. */
#include "kernel/unit.h"

#include <string.h>

#include "base/error.h"
#include "diff/correlate.h"
#include "kernel/aliases.h"
#include "kernel/branches.h"
#include "kernel/entries.h"
#include "kernel/layouts.h"
#include "kernel/padding.h"
#include "kernel/twins.h"
#include "kernel/unit-check.h"

static const char *const callback_names[LP_N_CALLBACKS]
    = { "pre_patch", "post_patch", "pre_unpatch", "post_unpatch" };

const char *
lp_kernel_callback_name (LpKernelCallback callback)
{
  return callback_names[callback];
}

static void
select_piece (LpKernelUnit *unit, LpPiece *piece)
{
  if (piece->selected)
    return;
  piece->selected = TRUE;
  g_ptr_array_add (unit->selected, piece);
  LpPiece *function = piece->kind == LP_PIECE_FUNCTION ? lp_piece_function (piece) : NULL;
  if (function == NULL)
    return;
  select_piece (unit, function);
  for (guint i = 0; function->parts != NULL && i < function->parts->len; i++)
    select_piece (unit, function->parts->pdata[i]);
}

static gboolean
refers_to_shipped (LpPiece *target, LpKernelDestination *destination, GError **error)
{
  LpPiece *old = target->peer;

  if (old->header != NULL && lp_kernel_is_init_section (old->header->name))
    return lp_unit_refuse (old, "give what stays another name, and use that",
                           "is init code or data, gone from memory, but the fix uses it", error);
  destination->kind = LP_KERNEL_TO_SHIPPED;
  destination->old = old;
  destination->name = old->name;
  return TRUE;
}

LpKernelRange
lp_kernel_range_at (LpPiece *piece, gint64 at)
{
  guint64 start = at < 0 || (guint64)at >= piece->size ? 0 : (guint64)at;

  return (LpKernelRange){ piece, start, lp_piece_constant_end (piece, start) };
}

/* What the kernel's module loader knows. Source: apply_relocate_add() in arch/x86/kernel/module.c. A short
 * branch has a message of its own. */
static gboolean
is_loadable (const LpObject *object, guint32 type)
{
  static const guint32 types[] = { R_X86_64_NONE, R_X86_64_64,    R_X86_64_32,   R_X86_64_32S,
                                   R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_PC64, R_X86_64_PC8 };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    if (types[i] == type)
      return TRUE;
  return object->arch->machine != EM_X86_64;
}

const LpKernelRange *
lp_kernel_unit_range (const LpKernelUnit *unit, const LpPiece *piece, gint64 at)
{
  for (guint i = 0; i < unit->ranges->len; i++)
    {
      const LpKernelRange *range = &g_array_index (unit->ranges, LpKernelRange, i);
      if (range->piece == piece && at >= 0 && (guint64)at >= range->start && (guint64)at < range->end)
        return range;
    }
  return NULL;
}

gboolean
lp_kernel_unit_destination (LpKernelUnit *unit, LpPiece *from, const LpElfRelocation *relocation,
                            LpKernelDestination *destination, GError **error)
{
  LpObject *object = unit->patched;
  const LpElfSymbol *symbol = &object->symbols[relocation->symbol];
  const LpRelocInfo *info = object->arch->reloc_info (relocation->type);
  LpPiece *target = NULL;
  gint64 at = 0;

  *destination = (LpKernelDestination){ .kind = LP_KERNEL_TO_SHIPPED,
                                        .name = symbol->name,
                                        .offset = relocation->addend };
  if (info == NULL || info->kind == LP_RELOC_UNKNOWN || !is_loadable (object, relocation->type))
    {
      lp_error_set (error, LP_ERROR_REFUSED, "this kernel is built in a way that isn't known yet",
                    "%s: relocation type %u is not understood", unit->source, relocation->type);
      return FALSE;
    }
  if (object->by_symbol[relocation->symbol] == NULL)
    return TRUE;
  if (from != NULL)
    {
      LpReference ref;
      if (!lp_object_reference (from, relocation, &ref, error))
        return FALSE;
      target = ref.piece;
      at = ref.offset;
    }
  else
    lp_special_place (object, relocation, &target, &at);
  destination->kind = LP_KERNEL_TO_COPY;
  destination->piece = target;
  destination->at = at;
  destination->offset = relocation->addend + (gint64)symbol->value - (gint64)target->start;
  if (lp_piece_is_private (target) || target->peer == NULL || g_hash_table_contains (unit->carried, target))
    return TRUE;
  /* Within one function, its cold part and its code without a name included, code stays together. Entries are
   * about the new code, and so is what points into the middle of a function. */
  gboolean is_aux = from != NULL && lp_piece_is_private (from);
  if (target->kind == LP_PIECE_FUNCTION && target->selected
      && (from == NULL || (is_aux && (at != 0 || (from->header->flags & SHF_EXECINSTR) != 0))
          || lp_piece_function (from) == lp_piece_function (target)))
    return TRUE;
  return refers_to_shipped (target, destination, error);
}

static gboolean follow_relocations (LpKernelUnit *unit, LpPiece *piece, guint64 start, guint64 end,
                                    GError **error);

static gboolean
is_code (const LpPiece *piece)
{
  return piece->header != NULL && (piece->header->flags & SHF_EXECINSTR) != 0;
}

/* One constant of a pool. */
static gboolean
follow_range (LpKernelUnit *unit, LpPiece *piece, gint64 at, GError **error)
{
  LpKernelRange range = lp_kernel_range_at (piece, at);

  for (guint i = 0; i < unit->ranges->len; i++)
    {
      const LpKernelRange *known = &g_array_index (unit->ranges, LpKernelRange, i);
      if (known->piece == piece && known->start == range.start)
        return TRUE;
    }
  g_array_append_val (unit->ranges, range);
  return follow_relocations (unit, piece, range.start, range.end, error);
}

/* Marks what the relocation needs. */
static gboolean
follow (LpKernelUnit *unit, LpPiece *from, const LpElfRelocation *relocation, GError **error)
{
  LpKernelDestination destination;

  if (!lp_kernel_unit_destination (unit, from, relocation, &destination, error))
    return FALSE;
  if (from != NULL && from->kind == LP_PIECE_FUNCTION && relocation->type == R_X86_64_PC8
      && unit->patched->arch->machine == EM_X86_64)
    return lp_unit_refuse (from, "let the fix not change this function, or mark the one it jumps to noinline",
                           "it jumps to another function of its section by a short branch", error);
  if (destination.kind == LP_KERNEL_TO_SHIPPED)
    {
      if (destination.old != NULL && destination.old->kind == LP_PIECE_FUNCTION)
        g_hash_table_add (unit->relied, lp_piece_function (destination.old));
      return TRUE;
    }
  if (destination.piece->kind == LP_PIECE_MERGED)
    return TRUE;
  if (!lp_unit_check_new_data (destination.piece, error))
    return FALSE;
  if (destination.piece->is_pool && is_code (destination.piece)
      && lp_kernel_unit_range (unit, destination.piece, destination.at) != NULL)
    return TRUE;
  if (destination.piece->is_pool)
    return follow_range (unit, destination.piece, destination.at, error);
  select_piece (unit, destination.piece);
  return TRUE;
}

static gboolean
follow_relocations (LpKernelUnit *unit, LpPiece *piece, guint64 start, guint64 end, GError **error)
{
  for (guint i = 0; i < piece->relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (piece->relocations, LpElfRelocation, i);
      guint64 offset = r->offset - piece->start;
      if (offset >= start && offset < end && !follow (unit, piece, r, error))
        return FALSE;
    }
  return TRUE;
}

/* The code of .altinstr_replacement that an entry of .altinstructions brings along. */
static gboolean
follow_replacement (LpKernelUnit *unit, const LpSpecialEntry *entry, GError **error)
{
  guint section;
  guint64 start, size;
  GArray *relocations = lp_entry_replacement (unit->patched, entry, &section, &start, &size, error);

  if (relocations == NULL)
    return FALSE;
  LpPiece *from = lp_object_piece_at (unit->patched, section, (gint64)start);
  LpKernelRange range = { from, start, start + size };
  if (size > 0 && lp_kernel_unit_range (unit, from, (gint64)start) == NULL)
    g_array_append_val (unit->ranges, range);
  for (guint i = 0; i < relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, i);
      if (r->offset >= start && r->offset < start + size && !follow (unit, from, r, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
follow_entry (LpKernelUnit *unit, guint index, GError **error)
{
  const LpSpecialEntry *entry = &g_array_index (unit->entries, LpSpecialEntry, index);
  GArray *relocations = lp_elf_relocations (unit->patched->elf, entry->section, error);
  gboolean is_alternative = strcmp (entry->table->name, ".altinstructions") == 0;

  if (relocations == NULL)
    return FALSE;
  g_array_append_val (unit->kept, index);
  for (guint i = 0; i < entry->n; i++)
    if (!(is_alternative && i == 1)
        && !follow (unit, NULL, &g_array_index (relocations, LpElfRelocation, entry->first + i), error))
      return FALSE;
  return !is_alternative || follow_replacement (unit, entry, error);
}

/* Whether the entry is about code that goes along: a function, or code without a name that one jumps to or is
 * replaced by. */
static gboolean
is_about_ours (const LpKernelUnit *unit, const LpSpecialEntry *entry)
{
  GArray *relocations;
  LpPiece *piece;
  gint64 at;

  if (entry->owner == NULL || !entry->owner->is_pool)
    return entry->owner != NULL && entry->owner->selected;
  relocations = lp_elf_relocations (unit->patched->elf, entry->section, NULL);
  return relocations != NULL
         && lp_special_place (unit->patched, &g_array_index (relocations, LpElfRelocation, entry->first),
                              &piece, &at)
         && lp_kernel_unit_range (unit, piece, at) != NULL;
}

/* What is selected grows while it is followed. */
static gboolean
follow_all (LpKernelUnit *unit, GError **error)
{
  gboolean grew = TRUE;

  while (grew)
    {
      grew = FALSE;
      for (; unit->followed < unit->selected->len; unit->followed++)
        if (!follow_relocations (unit, unit->selected->pdata[unit->followed], 0, G_MAXUINT64, error))
          return FALSE;
      for (guint i = 0; i < unit->entries->len; i++)
        {
          const LpSpecialEntry *entry = &g_array_index (unit->entries, LpSpecialEntry, i);
          if (unit->entry_kept[i] || !is_about_ours (unit, entry))
            continue;
          unit->entry_kept[i] = grew = TRUE;
          if (!follow_entry (unit, i, error))
            return FALSE;
        }
    }
  return TRUE;
}

/* Functions that the fix names as callbacks (syscare-patch.h): pointers in sections of that name. */
static gboolean
find_callbacks (LpKernelUnit *unit, GError **error)
{
  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      LpPiece *piece = unit->patched->pieces->pdata[i];
      if (piece->header == NULL || !g_str_has_prefix (piece->header->name, LP_CALLBACK_SECTION))
        continue;
      for (guint k = 0; k < LP_N_CALLBACKS; k++)
        {
          LpReference ref;
          if (strcmp (piece->header->name + strlen (LP_CALLBACK_SECTION), callback_names[k]) != 0)
            continue;
          if (piece->relocations->len != 1 || unit->callbacks[k] != NULL)
            return lp_unit_refuse (piece, "name one function",
                                   "not exactly one callback of this kind in this file", error);
          if (!lp_object_reference (piece, &g_array_index (piece->relocations, LpElfRelocation, 0), &ref,
                                    error))
            return FALSE;
          if (ref.piece == NULL || ref.piece->kind != LP_PIECE_FUNCTION || ref.offset != 0)
            return lp_unit_refuse (piece, "name a function that this file defines",
                                   "the callback is no function of this file", error);
          unit->callbacks[k] = ref.piece->symbol;
          select_piece (unit, ref.piece);
        }
    }
  return TRUE;
}

/* Whether the relocation is a near call's or jump's. What takes an address ends with a ModRM byte of mod 0
 * and rm 5 before the field, which none of these opcodes is. Source: Intel SDM volume 2, chapter 2 and
 * appendix A. */
static gboolean
is_branch (const LpPiece *from, const LpElfRelocation *relocation)
{
  guint64 at = relocation->offset - from->start;

  if (from->kind != LP_PIECE_FUNCTION || at < 1 || from->bytes == NULL
      || (relocation->type != R_X86_64_PC32 && relocation->type != R_X86_64_PLT32))
    return FALSE;
  guint8 last = from->bytes[at - 1];
  return last == 0xe8 || last == 0xe9 || (at > 1 && from->bytes[at - 2] == 0x0f && (last & 0xf0) == 0x80);
}

/* The kernel makes whatever is declared inline notrace, and not all of it gets inlined: the bodies of large
 * system calls, above all. Such a function can go along when it is only called, by functions of this file.
 * Others are notrace for a reason, and have sections of their own (.noinstr.text, .sched.text). */
static gboolean
may_be_carried (const LpKernelUnit *unit, LpPiece *piece)
{
  if (piece->peer == NULL || piece->symbol->bind != STB_LOCAL || lp_unit_has_fentry (unit, piece->peer)
      || !lp_unit_any_fentry (unit) || !g_str_has_prefix (piece->peer->header->name, ".text."))
    return FALSE;
  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      LpPiece *from = unit->patched->pieces->pdata[i];
      for (guint k = 0; from->relocations != NULL && !from->is_table && k < from->relocations->len; k++)
        {
          const LpElfRelocation *relocation = &g_array_index (from->relocations, LpElfRelocation, k);
          LpReference ref;
          if (lp_object_reference (from, relocation, &ref, NULL) && ref.piece == piece
              && !(lp_piece_is_private (from) && ref.offset != 0) /* back into it, from code without a name */
              && !(from->kind == LP_PIECE_FUNCTION && lp_piece_function (from) == piece)
              && !is_branch (from, relocation))
            return FALSE;
        }
    }
  return TRUE;
}

/* Returns whether another function must be replaced for it. */
static gboolean
change_callers (const LpKernelUnit *unit, const LpPiece *piece)
{
  gboolean grew = FALSE;

  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      LpPiece *from = unit->patched->pieces->pdata[i];
      LpPiece *caller = from->kind == LP_PIECE_FUNCTION ? lp_piece_function (from) : NULL;
      if (caller == NULL || caller == piece || caller->changed || caller->peer == NULL
          || lp_kernel_is_init_section (caller->peer->header->name))
        continue;
      for (guint k = 0; k < from->relocations->len && !caller->changed; k++)
        {
          LpReference ref;
          if (lp_object_reference (from, &g_array_index (from->relocations, LpElfRelocation, k), &ref, NULL)
              && ref.piece == piece)
            caller->changed = grew = TRUE;
        }
    }
  return grew;
}

static void
carry_changed (LpKernelUnit *unit)
{
  gboolean grew = unit->patched->arch->machine == EM_X86_64;

  while (grew)
    {
      grew = FALSE;
      for (guint i = 0; i < unit->patched->pieces->len; i++)
        {
          LpPiece *piece = unit->patched->pieces->pdata[i];
          if (piece->kind != LP_PIECE_FUNCTION || piece->parent != NULL || !piece->changed
              || g_hash_table_contains (unit->carried, piece) || !may_be_carried (unit, piece))
            continue;
          g_hash_table_add (unit->carried, piece);
          grew = change_callers (unit, piece) || grew;
        }
    }
}

/* Whether @function, which is carried, has a caller that is there to be replaced or carried, too. */
static gboolean
has_changed_caller (const LpKernelUnit *unit, LpPiece *function)
{
  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      LpPiece *from = unit->patched->pieces->pdata[i];
      LpPiece *caller = from->kind == LP_PIECE_FUNCTION ? lp_piece_function (from) : NULL;
      gboolean counts = caller != NULL && caller != function && (caller->changed || caller->peer == NULL)
                        && !lp_kernel_is_init_section (caller->header->name);
      for (guint k = 0; counts && k < from->relocations->len; k++)
        {
          LpReference ref;
          if (lp_object_reference (from, &g_array_index (from->relocations, LpElfRelocation, k), &ref, NULL)
              && ref.piece == function)
            return TRUE;
        }
    }
  return FALSE;
}

static gboolean
select_changed (LpKernelUnit *unit, GError **error)
{
  carry_changed (unit);
  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      LpPiece *piece = unit->patched->pieces->pdata[i];
      gboolean is_carried = g_hash_table_contains (unit->carried, piece);
      if (piece->kind != LP_PIECE_FUNCTION || piece->parent != NULL || !piece->changed)
        continue;
      if (!is_carried && !lp_unit_check_replaceable (unit, piece, error))
        return FALSE;
      if (is_carried && !has_changed_caller (unit, piece))
        return lp_unit_refuse (piece, "leave this part out of the fix",
                               "the fix changes what only init code calls, which has run already", error);
      if (!is_carried)
        g_ptr_array_add (unit->replaced, piece);
      g_hash_table_add (unit->relied, piece->peer);
      select_piece (unit, piece);
    }
  return TRUE;
}

gboolean
lp_kernel_unit_select_new (LpKernelUnit *unit, GError **error)
{
  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      LpPiece *piece = unit->patched->pieces->pdata[i];
      gboolean is_ours
          = piece->kind == LP_PIECE_FUNCTION || piece->kind == LP_PIECE_DATA || piece->kind == LP_PIECE_CONST;
      if (is_ours && piece->peer == NULL && piece->parent == NULL && piece->symbol != NULL
          && piece->symbol->bind != STB_LOCAL && piece->header != NULL
          && !lp_kernel_is_init_section (piece->header->name)
          && !g_str_has_prefix (piece->header->name, LP_CALLBACK_SECTION))
        select_piece (unit, piece);
    }
  return follow_all (unit, error) && lp_entries_check (unit, error);
}

LpKernelUnit *
lp_kernel_unit_new (const LpKernelSources *sources, GError **error)
{
  g_autoptr (LpKernelUnit) unit = g_new0 (LpKernelUnit, 1);

  unit->source = sources->source;
  unit->replaced = g_ptr_array_new ();
  unit->selected = g_ptr_array_new ();
  unit->ranges = g_array_new (FALSE, FALSE, sizeof (LpKernelRange));
  unit->kept = g_array_new (FALSE, FALSE, sizeof (guint));
  unit->relied = g_hash_table_new (NULL, NULL);
  unit->carried = g_hash_table_new (NULL, NULL);
  unit->levelled = g_ptr_array_new_with_free_func (g_free);
  unit->original = lp_object_new_for (sources->original, sources->source, lp_special_use, error);
  if (unit->original == NULL)
    return NULL;
  unit->patched = lp_object_new_for (sources->patched, sources->source, lp_special_use, error);
  if (unit->patched == NULL)
    return NULL;
  unit->old_entries = lp_special_entries (unit->original, error);
  if (unit->old_entries == NULL)
    return NULL;
  unit->entries = lp_special_entries (unit->patched, error);
  if (unit->entries == NULL)
    return NULL;
  unit->entry_kept = g_new0 (gboolean, unit->entries->len + 1);
  lp_padding_attach (unit->original);
  lp_padding_attach (unit->patched);
  lp_branches_relocate (unit->original);
  lp_branches_relocate (unit->patched);
  lp_twins_pair (unit->original, unit->patched, unit->levelled);
  if (!lp_unit_check_kernel (unit, error)
      || !lp_layouts_compare (sources->original, sources->patched, sources->source, error)
      || !lp_aliases_pair (unit->original, unit->patched, error)
      || !lp_correlate (unit->original, unit->patched, error) || !lp_unit_check_places (unit, error)
      || !lp_compare (unit->original, unit->patched, &unit->counts, error)
      || !lp_entries_compare (unit, error) || !lp_unit_check_unreferenced (unit, error)
      || !select_changed (unit, error) || !find_callbacks (unit, error) || !follow_all (unit, error)
      || !lp_entries_check (unit, error))
    return NULL;
  return g_steal_pointer (&unit);
}

void
lp_kernel_unit_free (LpKernelUnit *unit)
{
  if (unit == NULL)
    return;
  g_clear_pointer (&unit->entries, g_array_unref);
  g_clear_pointer (&unit->old_entries, g_array_unref);
  g_free (unit->entry_kept);
  lp_object_free (unit->original);
  lp_object_free (unit->patched);
  g_ptr_array_unref (unit->replaced);
  g_ptr_array_unref (unit->selected);
  g_array_unref (unit->ranges);
  g_array_unref (unit->kept);
  g_hash_table_unref (unit->relied);
  g_hash_table_unref (unit->carried);
  g_ptr_array_unref (unit->levelled);
  g_free (unit);
}
