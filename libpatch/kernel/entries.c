/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two functions are only equal when the special sections say the same about both. */
#include "kernel/entries.h"

#include <string.h>

#include "base/error.h"

GArray *
lp_entry_replacement (LpObject *object, const LpSpecialEntry *entry, guint *section, guint64 *start,
                      guint64 *size, GError **error)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (object->elf, &n);
  GArray *relocations = lp_elf_relocations (object->elf, entry->section, error);

  if (relocations == NULL)
    return NULL;
  const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, entry->first + 1);
  const LpElfSymbol *symbol = &object->symbols[r->symbol];
  gint64 place = r->addend + (gint64)symbol->value;
  *section = symbol->section;
  *size = lp_special_replacement_size (object, entry);
  *start = (guint64)place;
  if (symbol->shndx == SHN_UNDEF || symbol->section >= n || place < 0
      || (guint64)place > sections[symbol->section].size
      || *size > sections[symbol->section].size - (guint64)place)
    {
      lp_error_set (error, LP_ERROR_REFUSED, "this kernel is built in a way that isn't known yet",
                    "%s: an entry of .altinstructions has no replacement", object->unit);
      return NULL;
    }
  return lp_elf_relocations (object->elf, *section, error);
}

static gboolean
same_element (const LpPiece *a, gint64 a_offset, const LpPiece *b, gint64 b_offset)
{
  guint64 a_start, b_start;
  gsize a_size = lp_piece_element (a, a_offset, &a_start), b_size = lp_piece_element (b, b_offset, &b_start);

  return a_size > 0 && a_size == b_size && memcmp (a->bytes + a_start, b->bytes + b_start, a_size) == 0;
}

/* What relocation @r, of an entry or, when @from isn't NULL, of code without a name, leads to. */
static gboolean
place_of (LpObject *object, LpPiece *from, const LpElfRelocation *r, LpPiece **piece, gint64 *offset)
{
  LpReference ref;

  if (from == NULL)
    return lp_special_place (object, r, piece, offset);
  if (!lp_object_reference (from, r, &ref, NULL) || ref.piece == NULL)
    return FALSE;
  *piece = ref.piece;
  *offset = ref.offset;
  return TRUE;
}

static gboolean
same_place (LpKernelUnit *unit, LpPiece *a_from, const LpElfRelocation *x, LpPiece *b_from,
            const LpElfRelocation *y)
{
  LpPiece *a, *b;
  gint64 a_offset, b_offset;
  gboolean a_here = place_of (unit->original, a_from, x, &a, &a_offset);
  gboolean b_here = place_of (unit->patched, b_from, y, &b, &b_offset);

  if (x->type != y->type || a_here != b_here)
    return FALSE;
  if (!a_here)
    return x->addend == y->addend
           && strcmp (unit->original->symbols[x->symbol].name, unit->patched->symbols[y->symbol].name) == 0;
  if (a->kind == LP_PIECE_MERGED && b->kind == LP_PIECE_MERGED)
    return same_element (a, a_offset, b, b_offset);
  if (lp_piece_is_private (a) && lp_piece_is_private (b))
    return TRUE; /* the code that refers to it was compared with it */
  return a->peer == b && a_offset == b_offset;
}

static gboolean
same_bytes (LpKernelUnit *unit, guint a_section, guint64 a_start, guint b_section, guint64 b_start,
            guint64 size, const LpSpecialTable *table)
{
  guint n_a, n_b;
  gsize a_size, b_size;
  const LpElfSection *as = lp_elf_sections (unit->original->elf, &n_a);
  const LpElfSection *bs = lp_elf_sections (unit->patched->elf, &n_b);
  const guint8 *a = lp_elf_section_data (unit->original->elf, &as[a_section], &a_size);
  const guint8 *b = lp_elf_section_data (unit->patched->elf, &bs[b_section], &b_size);

  for (guint64 i = 0; i < size; i++)
    {
      gboolean ignored = table != NULL && i >= table->ignored_from && i < table->ignored_to;
      if (!ignored && (a_start + i >= a_size || b_start + i >= b_size || a[a_start + i] != b[b_start + i]))
        return FALSE;
    }
  return TRUE;
}

static gboolean
same_replacement (LpKernelUnit *unit, const LpSpecialEntry *x, const LpSpecialEntry *y, gboolean *same,
                  GError **error)
{
  guint a_section, b_section, k = 0;
  guint64 a_start, b_start, a_size, b_size;
  GArray *a = lp_entry_replacement (unit->original, x, &a_section, &a_start, &a_size, error);
  GArray *b
      = a != NULL ? lp_entry_replacement (unit->patched, y, &b_section, &b_start, &b_size, error) : NULL;

  if (b == NULL)
    return FALSE;
  LpPiece *a_from = lp_object_piece_at (unit->original, a_section, (gint64)a_start);
  LpPiece *b_from = lp_object_piece_at (unit->patched, b_section, (gint64)b_start);
  *same = a_size == b_size && same_bytes (unit, a_section, a_start, b_section, b_start, a_size, NULL);
  for (guint i = 0; *same && i < a->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (a, LpElfRelocation, i);
      if (r->offset < a_start || r->offset >= a_start + a_size)
        continue;
      while (k < b->len && g_array_index (b, LpElfRelocation, k).offset < b_start)
        k++;
      const LpElfRelocation *other = k < b->len ? &g_array_index (b, LpElfRelocation, k++) : NULL;
      *same = other != NULL && other->offset - b_start == r->offset - a_start
              && same_place (unit, a_from, r, b_from, other);
    }
  return TRUE;
}

static gboolean
same_entry (LpKernelUnit *unit, const LpSpecialEntry *x, const LpSpecialEntry *y, gboolean *same,
            GError **error)
{
  GArray *a = lp_elf_relocations (unit->original->elf, x->section, error);
  GArray *b = a != NULL ? lp_elf_relocations (unit->patched->elf, y->section, error) : NULL;
  gboolean is_alternative = strcmp (x->table->name, ".altinstructions") == 0;

  if (b == NULL)
    return FALSE;
  *same = x->table == y->table && x->n == y->n
          && same_bytes (unit, x->section, x->start, y->section, y->start, MIN (x->size, y->size), x->table);
  for (guint i = 0; *same && i < x->n; i++)
    *same = (is_alternative && i == 1)
            || same_place (unit, NULL, &g_array_index (a, LpElfRelocation, x->first + i), NULL,
                           &g_array_index (b, LpElfRelocation, y->first + i));
  return !*same || !is_alternative || same_replacement (unit, x, y, same, error);
}

/* Entries by the piece that they are about, in order; those for objtool don't count. */
static GHashTable *
by_owner (GArray *entries)
{
  GHashTable *owners = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);

  for (guint i = 0; i < entries->len; i++)
    {
      LpSpecialEntry *entry = &g_array_index (entries, LpSpecialEntry, i);
      if (entry->owner == NULL || g_str_has_prefix (entry->table->name, ".discard."))
        continue;
      GPtrArray *list = g_hash_table_lookup (owners, entry->owner);
      if (list == NULL)
        {
          list = g_ptr_array_new ();
          g_hash_table_insert (owners, entry->owner, list);
        }
      g_ptr_array_add (list, entry);
    }
  return owners;
}

static gboolean
same_entries (LpKernelUnit *unit, GPtrArray *a, GPtrArray *b, gboolean *same, GError **error)
{
  guint n_a = a != NULL ? a->len : 0, n_b = b != NULL ? b->len : 0;

  *same = n_a == n_b;
  for (guint i = 0; *same && i < n_a; i++)
    if (!same_entry (unit, a->pdata[i], b->pdata[i], same, error))
      return FALSE;
  return TRUE;
}

gboolean
lp_entries_compare (LpKernelUnit *unit, GError **error)
{
  g_autoptr (GHashTable) old = by_owner (unit->old_entries), new = by_owner (unit->entries);

  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      LpPiece *piece = unit->patched->pieces->pdata[i];
      LpPiece *function = lp_piece_function (piece);
      gboolean same;
      if (piece->kind != LP_PIECE_FUNCTION || piece->peer == NULL || function->changed
          || function->peer == NULL)
        continue;
      if (!same_entries (unit, g_hash_table_lookup (old, piece->peer), g_hash_table_lookup (new, piece),
                         &same, error))
        return FALSE;
      if (same)
        continue;
      function->changed = function->peer->changed = TRUE;
      unit->counts.functions_changed++;
      unit->counts.functions_equal -= unit->counts.functions_equal > 0;
    }
  return TRUE;
}

/* Data without a name that nothing refers to: only somebody who knows its section finds it. */
static gboolean
is_unknown_table (const LpPiece *piece)
{
  return (piece->kind == LP_PIECE_ANONYMOUS || piece->kind == LP_PIECE_SPECIAL) && piece->starts == NULL
         && piece->header != NULL && (piece->header->flags & SHF_EXECINSTR) == 0;
}

gboolean
lp_entries_check (const LpKernelUnit *unit, GError **error)
{
  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      const LpPiece *table = unit->patched->pieces->pdata[i];
      for (guint k = 0; is_unknown_table (table) && k < table->relocations->len; k++)
        {
          LpPiece *about;
          gint64 offset;
          if (!lp_special_place (unit->patched, &g_array_index (table->relocations, LpElfRelocation, k),
                                 &about, &offset)
              || about->kind != LP_PIECE_FUNCTION || !about->selected)
            continue;
          lp_error_set (error, LP_ERROR_REFUSED, "this kernel is built in a way that isn't known yet",
                        "%s: %s: section %s says something about it that isn't understood", unit->source,
                        about->name, table->header->name);
          return FALSE;
        }
    }
  return TRUE;
}
