/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reach: what an operand in the shipped file leads to. Must not know instructions.
 * Sources: x86-64 psABI 4.4 (GOT, PLT), ELF TLS ABI 3.4 (slots of each model). */
#include "diff/reach.h"

#include <string.h>

#include "base/error.h"

gboolean
lp_prover_differs (LpProver *prover, const char *why)
{
  if (prover->why == NULL)
    prover->why = why;
  return FALSE;
}

/* Where the instruction at @offset of @piece is in the file, as an offset from the piece's address. */
gboolean
lp_prover_linked_offset (LpProver *prover, LpPiece *piece, guint64 offset, guint64 *linked)
{
  GArray *pairs = g_hash_table_lookup (prover->offsets, piece);
  guint low = 0, high = pairs != NULL ? pairs->len : 0;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const LpOffsetPair *pair = &g_array_index (pairs, LpOffsetPair, middle);
      if (pair->object == offset)
        {
          *linked = pair->linked;
          return TRUE;
        }
      if (pair->object < offset)
        low = middle + 1;
      else
        high = middle;
    }
  return FALSE;
}

/* Whether the PLT entry at @address leads to @name, or (in a library that binds to itself) to @value. */
static gboolean
plt_leads_to (LpProver *prover, guint64 address, const char *name, guint64 value)
{
  guint64 slot;
  LpTargetWord word;

  if (!lp_target_plt_slot (prover->target, address, &slot) || !lp_target_word (prover->target, slot, &word))
    return FALSE;
  if (word.kind == LP_DYNAMIC_CALL || word.kind == LP_DYNAMIC_SYMBOL)
    return word.symbol != NULL && strcmp (word.symbol->name, name) == 0;
  if (word.kind == LP_DYNAMIC_RELATIVE || word.kind == LP_DYNAMIC_RESOLVER)
    return value != 0 && word.value == value;
  return word.is_plain && value != 0 && word.value == value;
}

/* @address of a symbol that the object doesn't define. */
static gboolean
reaches_external (LpProver *prover, const LpReference *ref, guint64 address)
{
  const LpElfSymbol *symbol;
  const char *name = ref->symbol->name;

  if (!lp_target_global (prover->target, name, &symbol, NULL))
    return lp_prover_differs (prover, g_intern_string (name));
  if (symbol != NULL && symbol->value + (guint64)ref->offset == address)
    return TRUE;
  if (symbol != NULL && plt_leads_to (prover, address, name, symbol->value))
    return TRUE;
  if (plt_leads_to (prover, address, name, 0))
    return TRUE;

  LpDynamicName *entry = lp_target_dynamic (prover->target, name);
  if (entry != NULL && entry->copy != 0 && entry->copy + (guint64)ref->offset == address)
    return TRUE;
  if (entry != NULL && entry->is_import && entry->value != 0
      && entry->value + (guint64)ref->offset == address)
    return TRUE;
  return symbol == NULL && ref->symbol->bind == STB_WEAK && address == 0;
}

static gboolean
plain_bytes_equal (LpProver *prover, const guint8 *bytes, gsize size, guint64 address)
{
  const guint8 *linked = lp_elf_at (prover->target->shipped, address, size);
  return linked != NULL && memcmp (bytes, linked, size) == 0;
}

/* One relocated place of private data, which is at @p in the file. */
static gboolean
place_reaches (LpProver *prover, LpPiece *piece, const LpElfRelocation *r, const LpReference *ref, guint64 p)
{
  const guint8 *bytes = lp_elf_at (prover->target->shipped, p, ref->info->width);
  LpTargetWord word;
  guint64 value;

  if (bytes == NULL)
    return FALSE;
  if (ref->info->kind == LP_RELOC_PC && ref->info->width == 4)
    {
      /* An entry of a table: the distance of its destination from where the compiler counted. */
      gint32 distance;
      memcpy (&distance, bytes, sizeof distance);
      value = p + (guint64)ref->to_base + (guint64)(gint64)(gint32)GINT32_FROM_LE (distance);
    }
  else if (ref->info->kind == LP_RELOC_ABSOLUTE && ref->info->width == 8)
    {
      if (!lp_target_word (prover->target, p, &word))
        return FALSE;
      if (word.kind == LP_DYNAMIC_SYMBOL)
        return word.symbol != NULL && strcmp (word.symbol->name, ref->symbol->name) == 0
               && (gint64)word.value == ref->offset;
      if (!word.is_plain && word.kind != LP_DYNAMIC_RELATIVE)
        return FALSE;
      value = word.value;
    }
  else if (ref->info->kind == LP_RELOC_ABSOLUTE && ref->info->width == 4)
    {
      guint32 number;
      memcpy (&number, bytes, sizeof number);
      value = GUINT32_FROM_LE (number);
    }
  else
    return FALSE;
  prover->proof->relocations++;
  return lp_prover_reaches (prover, piece, ref, value);
}

/* Bytes [from, to) of private @piece against those at @address (of byte @from). */
static gboolean
private_range_equal (LpProver *prover, LpPiece *piece, guint64 from, guint64 to, guint64 address)
{
  guint64 at = from;

  if (piece->bytes == NULL)
    return FALSE;
  for (guint i = 0; i < piece->relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (piece->relocations, LpElfRelocation, i);
      guint64 offset = r->offset - piece->start;
      LpReference ref;

      if (offset < from || offset >= to)
        continue;
      if (!lp_object_reference (piece, r, &ref, NULL)
          || !plain_bytes_equal (prover, piece->bytes + at, offset - at, address + (at - from))
          || !place_reaches (prover, piece, r, &ref, address + (offset - from)))
        return FALSE;
      at = offset + ref.info->width;
    }
  return at >= to || plain_bytes_equal (prover, piece->bytes + at, to - at, address + (at - from));
}

/* Offsets in @piece that the function's code refers to: each can be the start of a table that the linked file
 * has elsewhere. */
static guint64
next_start (LpProver *prover, LpPiece *piece, guint64 offset)
{
  guint64 end = piece->size;
  guint n_parts = prover->function->parts != NULL ? prover->function->parts->len : 0;

  if (piece->is_pool)
    return lp_piece_constant_end (piece, offset);
  for (guint u = 0; u <= n_parts; u++)
    {
      LpPiece *user = u == 0 ? prover->function : prover->function->parts->pdata[u - 1];
      for (guint i = 0; i < user->relocations->len; i++)
        {
          LpReference ref;
          if (lp_object_reference (user, &g_array_index (user->relocations, LpElfRelocation, i), &ref, NULL)
              && ref.piece == piece && ref.offset > (gint64)offset && (guint64)ref.offset < end)
            end = (guint64)ref.offset;
        }
    }
  return end;
}

static gboolean
reaches_private (LpProver *prover, const LpReference *ref, guint64 address)
{
  LpPiece *piece = ref->piece;
  guint64 start;

  if (piece->kind == LP_PIECE_MERGED)
    {
      gsize size = lp_piece_element (piece, ref->element, &start);
      guint64 back = (guint64)ref->offset - start;
      return size != 0 ? plain_bytes_equal (prover, piece->bytes + start, size, address - back)
                       : lp_prover_differs (prover, "not a string");
    }

  gint64 offset = CLAMP (ref->offset, 0, (gint64)piece->size);
  guint64 from = (guint64)offset;
  g_autofree char *key
      = g_strdup_printf ("%u:%" G_GUINT64_FORMAT ":%" G_GINT64_MODIFIER "x", piece->index, from, address);
  if (!g_hash_table_add (prover->content, g_steal_pointer (&key)))
    return TRUE; /* found equal, or being compared */
  return private_range_equal (prover, piece, from, next_start (prover, piece, from),
                              address + (guint64)(offset - ref->offset));
}

static gboolean
reaches_named (LpProver *prover, LpPiece *from, const LpReference *ref, guint64 address)
{
  LpPiece *piece = ref->piece;
  guint64 offset = (guint64)ref->offset, linked;

  if (!lp_placement_locate (prover->placement, piece, NULL))
    return lp_prover_differs (prover, g_intern_string (piece->name));
  g_hash_table_add (prover->proof->symbols, (gpointer)g_intern_string (piece->name));

  if (piece->kind == LP_PIECE_FUNCTION && ref->offset != 0)
    {
      if (lp_piece_function (piece) != prover->function
          || !lp_prover_linked_offset (prover, piece, offset, &linked))
        return FALSE;
      offset = linked;
    }
  if (piece->address + offset == address)
    return TRUE;
  return ref->offset == 0 && piece->symbol->bind != STB_LOCAL
         && plt_leads_to (prover, address, piece->name, piece->address);
}

gboolean
lp_prover_reaches (LpProver *prover, LpPiece *from, const LpReference *ref, guint64 address)
{
  gboolean ok;

  if (ref->piece == NULL)
    {
      ok = reaches_external (prover, ref, address);
      if (ok)
        g_hash_table_add (prover->proof->symbols, (gpointer)g_intern_string (ref->symbol->name));
    }
  else if (lp_piece_is_private (ref->piece))
    ok = reaches_private (prover, ref, address);
  else
    ok = reaches_named (prover, from, ref, address);
  return ok
         || lp_prover_differs (prover,
                               g_intern_string (ref->piece != NULL ? ref->piece->name : ref->symbol->name));
}

/* The slot at @address holds what @ref names. */
gboolean
lp_prover_slot_holds (LpProver *prover, LpPiece *from, const LpReference *ref, guint64 address)
{
  LpTargetWord word;

  if (!lp_target_word (prover->target, address, &word))
    return lp_prover_differs (prover, "not a GOT slot");
  if (word.kind == LP_DYNAMIC_SYMBOL || word.kind == LP_DYNAMIC_CALL)
    return (word.symbol != NULL && strcmp (word.symbol->name, ref->symbol->name) == 0)
           || lp_prover_differs (prover, g_intern_string (ref->symbol->name));
  if (word.is_plain || word.kind == LP_DYNAMIC_RELATIVE)
    return lp_prover_reaches (prover, from, ref, word.value);
  return lp_prover_differs (prover, g_intern_string (ref->symbol->name));
}

gboolean
lp_prover_thread_offset (LpProver *prover, const LpReference *ref, guint64 *offset)
{
  const LpElfSymbol *symbol = NULL;

  if (ref->piece != NULL)
    {
      if (ref->piece->symbol == NULL || !lp_placement_locate (prover->placement, ref->piece, NULL))
        return FALSE;
      *offset = ref->piece->address + (guint64)ref->offset;
      return TRUE;
    }
  if (!lp_target_global (prover->target, ref->symbol->name, &symbol, NULL) || symbol == NULL
      || symbol->type != STT_TLS)
    return FALSE;
  *offset = symbol->value + (guint64)ref->offset;
  return TRUE;
}

/* The relocation at a slot names the variable, or gives its offset: in the addend (initial exec) or in the
 * slot behind it. */
gboolean
lp_prover_thread_slot (LpProver *prover, const LpReference *ref, guint64 address)
{
  const LpElfRelocation *r = g_hash_table_lookup (prover->target->words, &address);
  guint64 offset;
  LpTargetWord second;

  if (r == NULL || prover->target->arch->dynamic_kind (r->type) != LP_DYNAMIC_OTHER)
    return lp_prover_differs (prover, "not a slot for a thread-local variable");
  if (r->symbol != 0 && r->symbol < prover->target->n_dynamic_symbols)
    return strcmp (prover->target->dynamic_symbols[r->symbol].name, ref->symbol->name) == 0
           || lp_prover_differs (prover, g_intern_string (ref->symbol->name));
  if (ref->info->kind == LP_RELOC_TLS_LD)
    return TRUE; /* the module's own block, whatever the variable */
  if (!lp_prover_thread_offset (prover, ref, &offset))
    return lp_prover_differs (prover, g_intern_string (ref->symbol->name));
  if (ref->info->kind == LP_RELOC_TLS_IE)
    return (guint64)r->addend == offset || lp_prover_differs (prover, g_intern_string (ref->symbol->name));
  return (lp_target_word (prover->target, address + sizeof (guint64), &second) && second.is_plain
          && second.value == offset)
         || lp_prover_differs (prover, g_intern_string (ref->symbol->name));
}
