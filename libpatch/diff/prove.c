/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prove: instruction by instruction, the original object's code against the shipped file's.
 *
 * Both come from the same source and compiler, but not from the same section layout: without function
 * sections the assembler resolves calls and jumps within .text itself and picks short forms where it can,
 * alignment may differ behind those, and the linker rewrites GOT accesses. So instructions are compared one
 * by one; branches by where they go, operands by what they reach. */
#include "diff/prove.h"

#include <string.h>

#include "base/error.h"

typedef struct {
  LpPlacement *placement;
  LpTarget *target;
  LpProof *proof;
  LpPiece *function;   /* the one being proven, not a part */
  LpPiece *piece;      /* the function, or the part at hand */
  GHashTable *offsets; /* LpPiece -> GArray of Pair: offsets in the object and in the file */
  GHashTable *content; /* "piece index:address" of private pieces found equal */
  guint64 at;          /* offset in @piece of what is being compared: for messages */
  const char *why;     /* (interned or static) what was found there */
} Prover;

typedef struct {
  guint32 object; /* offset in the piece */
  guint32 linked; /* offset from the function's address in the file */
} Pair;

static gboolean reaches (Prover *prover, LpPiece *from, const LpReference *ref, guint64 address);

void
lp_proof_clear (LpProof *proof)
{
  g_clear_pointer (&proof->symbols, g_hash_table_unref);
}

static gboolean
differs (Prover *prover, const char *why)
{
  if (prover->why == NULL)
    prover->why = why;
  return FALSE;
}

/* Where the instruction at @offset of @piece is in the file, as an offset from the piece's address. */
static gboolean
linked_offset (Prover *prover, LpPiece *piece, guint64 offset, guint64 *linked)
{
  GArray *pairs = g_hash_table_lookup (prover->offsets, piece);
  guint low = 0, high = pairs != NULL ? pairs->len : 0;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const Pair *pair = &g_array_index (pairs, Pair, middle);
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

/* --- what an operand reaches
 * ---------------------------------------------------------------------------------------- */

/* Whether the PLT entry at @address leads to @name, or (in a library that binds to itself) to @value. */
static gboolean
plt_leads_to (Prover *prover, guint64 address, const char *name, guint64 value)
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
reaches_external (Prover *prover, const LpReference *ref, guint64 address)
{
  const LpElfSymbol *symbol;
  const char *name = ref->symbol->name;

  if (!lp_target_global (prover->target, name, &symbol, NULL))
    return differs (prover, g_intern_string (name));
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
plain_bytes_equal (Prover *prover, const guint8 *bytes, gsize size, guint64 address)
{
  const guint8 *linked = lp_elf_at (prover->target->shipped, address, size);
  return linked != NULL && memcmp (bytes, linked, size) == 0;
}

/* One relocated place of private data, which is at @p in the file. */
static gboolean
place_reaches (Prover *prover, LpPiece *piece, const LpElfRelocation *r, const LpReference *ref, guint64 p)
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
  return reaches (prover, piece, ref, value);
}

/* Bytes [from, to) of private @piece against those at @address (of byte @from). */
static gboolean
private_range_equal (Prover *prover, LpPiece *piece, guint64 from, guint64 to, guint64 address)
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
next_start (Prover *prover, LpPiece *piece, guint64 offset)
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
reaches_private (Prover *prover, const LpReference *ref, guint64 address)
{
  LpPiece *piece = ref->piece;
  guint64 start;

  if (piece->kind == LP_PIECE_MERGED)
    {
      gsize size = lp_piece_element (piece, ref->offset, &start);
      guint64 back = (guint64)ref->offset - start;
      return size != 0 ? plain_bytes_equal (prover, piece->bytes + start, size, address - back)
                       : differs (prover, "not a string");
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
reaches_named (Prover *prover, LpPiece *from, const LpReference *ref, guint64 address)
{
  LpPiece *piece = ref->piece;
  guint64 offset = (guint64)ref->offset, linked;

  if (!lp_placement_locate (prover->placement, piece, NULL))
    return differs (prover, g_intern_string (piece->name));
  g_hash_table_add (prover->proof->symbols, (gpointer)g_intern_string (piece->name));

  if (piece->kind == LP_PIECE_FUNCTION && ref->offset != 0)
    {
      if (lp_piece_function (piece) != prover->function || !linked_offset (prover, piece, offset, &linked))
        return FALSE;
      offset = linked;
    }
  if (piece->address + offset == address)
    return TRUE;
  return ref->offset == 0 && piece->symbol->bind != STB_LOCAL
         && plt_leads_to (prover, address, piece->name, piece->address);
}

static gboolean
reaches (Prover *prover, LpPiece *from, const LpReference *ref, guint64 address)
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
  return ok || differs (prover, g_intern_string (ref->piece != NULL ? ref->piece->name : ref->symbol->name));
}

/* The slot at @address holds what @ref names. */
static gboolean
slot_holds (Prover *prover, LpPiece *from, const LpReference *ref, guint64 address)
{
  LpTargetWord word;

  if (!lp_target_word (prover->target, address, &word))
    return differs (prover, "not a GOT slot");
  if (word.kind == LP_DYNAMIC_SYMBOL || word.kind == LP_DYNAMIC_CALL)
    return (word.symbol != NULL && strcmp (word.symbol->name, ref->symbol->name) == 0)
           || differs (prover, g_intern_string (ref->symbol->name));
  if (word.is_plain || word.kind == LP_DYNAMIC_RELATIVE)
    return reaches (prover, from, ref, word.value);
  return differs (prover, g_intern_string (ref->symbol->name));
}

/* --- instructions
 * ----------------------------------------------------------------------------------------------------- */

typedef struct {
  const guint8 *object; /* the piece's code */
  const guint8 *linked;
  guint64 address; /* of @linked */
  gsize linked_size;
} Code;

static guint64
read_field (const guint8 *bytes, const LpRelocInfo *info)
{
  guint64 value = 0;

  for (guint i = 0; i < info->width; i++)
    value |= (guint64)bytes[i] << (8 * i);
  if (info->is_signed && info->width < 8 && (value >> (info->width * 8 - 1)) != 0)
    value |= ~(guint64)0 << (info->width * 8);
  return value;
}

static gboolean
check_field (Prover *prover, const LpReference *ref, const Code *code, const LpInsn *linked, guint field)
{
  guint64 value = read_field (code->linked + linked->offset + field, ref->info);
  guint64 end = code->address + linked->offset + linked->length;
  LpReference start = *ref;

  prover->proof->relocations++;
  switch (ref->info->kind)
    {
    case LP_RELOC_PC:
    case LP_RELOC_PLT:
      return reaches (prover, prover->piece, ref, end + value);
    case LP_RELOC_GOT_PC:
      return slot_holds (prover, prover->piece, &start, end + value);
    case LP_RELOC_ABSOLUTE:
      if (ref->info->width == 8)
        return slot_holds (prover, prover->piece, ref, code->address + linked->offset + field);
      return reaches (prover, prover->piece, ref, value);
    case LP_RELOC_TLS_LE:
      if (ref->piece == NULL || !prover->target->has_thread_block
          || !lp_placement_locate (prover->placement, ref->piece, NULL))
        return differs (prover, "thread-local variable that isn't the program's own");
      return value == prover->target->thread_offset + ref->piece->address + (guint64)ref->offset
             || differs (prover, g_intern_string (ref->piece->name));
    default:
      return differs (prover, g_intern_string (ref->info->name));
    }
}

/* The relocations in one instruction of the object. */
typedef struct {
  const LpElfRelocation *first;
  guint n;
} Places;

/* Same instruction, apart from the relocated fields, each of which reaches the same. */
static gboolean
fields_equal (Prover *prover, const Places *places, const LpInsn *object, const LpInsn *linked,
              const Code *code)
{
  const guint8 *a = code->object + object->offset, *b = code->linked + linked->offset;
  guint at = 0;

  for (guint i = 0; i < places->n; i++)
    {
      const LpRelocInfo *info = prover->target->arch->reloc_info (places->first[i].type);
      guint64 field = places->first[i].offset - prover->piece->start - object->offset;

      if (info == NULL || field < at || field + info->width > object->length
          || memcmp (a + at, b + at, field - at) != 0)
        return FALSE;
      at = (guint)field + info->width;
    }
  if (memcmp (a + at, b + at, object->length - at) != 0)
    return FALSE;

  for (guint i = 0; i < places->n; i++)
    {
      LpReference ref;
      guint64 field = places->first[i].offset - prover->piece->start - object->offset;
      if (!lp_object_reference (prover->piece, &places->first[i], &ref, NULL)
          || !check_field (prover, &ref, code, linked, (guint)field))
        return differs (prover, "relocation");
    }
  return TRUE;
}

/* What the linker made of a GOT access. @taken: how many of the linked instructions it became. */
static gboolean
relaxed_equal (Prover *prover, const LpReference *ref, const LpInsn *object, const LpInsn *linked,
               guint n_linked, const Code *code, guint *taken)
{
  const guint8 *a = code->object + object->offset, *b = code->linked + linked->offset;
  LpRelaxed how;

  if (!ref->info->relaxable || linked->offset + object->length > code->linked_size
      || !prover->target->arch->relaxed (a, b, object->length, &how))
    return differs (prover, "other instruction");
  *taken = linked->length < how.length ? 2 : 1; /* jmp foo; nop */
  if (*taken > n_linked)
    return differs (prover, "other instruction");

  prover->proof->relocations++;
  guint64 value = read_field (b + how.field_offset, ref->info);
  guint64 end = code->address + linked->offset + how.field_offset + ref->info->width;
  return reaches (prover, prover->piece, ref, how.is_absolute ? value : end + value);
}

static gboolean
relocated_insn_equal (Prover *prover, const Places *places, const LpInsn *object, const LpInsn *linked,
                      guint n_linked, const Code *code, guint *taken)
{
  LpReference ref;

  *taken = 1;
  if (!lp_object_reference (prover->piece, places->first, &ref, NULL))
    return differs (prover, "relocation that isn't understood");
  if (object->flow != LP_FLOW_NONE && linked->flow == object->flow && linked->id == object->id
      && (ref.info->kind == LP_RELOC_PC || ref.info->kind == LP_RELOC_PLT))
    {
      prover->proof->relocations++;
      return reaches (prover, prover->piece, &ref, linked->target);
    }
  if (linked->length == object->length && fields_equal (prover, places, object, linked, code))
    return TRUE;
  return prover->why == NULL && places->n == 1
             ? relaxed_equal (prover, &ref, object, linked, n_linked, code, taken)
             : differs (prover, "other instruction");
}

/* A branch that the assembler resolved on both sides; its target is checked when all offsets are known. */
typedef struct {
  guint32 object_target;
  guint64 linked_target;
  guint32 at;
} Branch;

static gboolean
plain_insn_equal (Prover *prover, const LpInsn *object, const LpInsn *linked, const Code *code,
                  GArray *branches)
{
  if (object->flow != LP_FLOW_NONE && object->flow == linked->flow && object->id == linked->id)
    {
      Branch branch = { (guint32)(object->target - prover->piece->start), linked->target, object->offset };
      g_array_append_val (branches, branch);
      return TRUE;
    }
  return (object->length == linked->length
          && memcmp (code->object + object->offset, code->linked + linked->offset, object->length) == 0)
         || differs (prover, "other instruction");
}

static gboolean
check_branches (Prover *prover, GArray *branches, const Code *code)
{
  for (guint i = 0; i < branches->len; i++)
    {
      const Branch *branch = &g_array_index (branches, Branch, i);
      guint64 linked;
      prover->at = branch->at;
      if (!linked_offset (prover, prover->piece, branch->object_target, &linked)
          || code->address + linked != branch->linked_target)
        return differs (prover, "branch to another place");
    }
  return TRUE;
}

/* Steps through both codes. First pass (@branches == NULL): only pairs up offsets. */
static gboolean
walk (Prover *prover, GArray *object, GArray *linked, const Code *code, GArray *pairs, GArray *branches)
{
  GArray *relocations = prover->piece->relocations;
  guint i = 0, k = 0, r = 0;

  while (i < object->len)
    {
      const LpInsn *a = &g_array_index (object, LpInsn, i);
      const LpInsn *b = k < linked->len ? &g_array_index (linked, LpInsn, k) : NULL;
      guint taken = 1;

      prover->at = a->offset;
      if (pairs != NULL)
        {
          Pair pair = { a->offset, b != NULL ? b->offset : (guint32)code->linked_size };
          g_array_append_val (pairs, pair);
        }
      if (a->is_nop && (b == NULL || !b->is_nop || a->length != b->length))
        {
          i++; /* alignment of another length */
          continue;
        }
      if (b != NULL && b->is_nop && !a->is_nop)
        {
          if (pairs != NULL)
            g_array_set_size (pairs, pairs->len - 1);
          k++;
          continue;
        }
      if (b == NULL)
        return differs (prover, "shorter than the original");

      Places places = { 0 };
      while (r < relocations->len
             && g_array_index (relocations, LpElfRelocation, r).offset - prover->piece->start < a->offset)
        r++;
      places.first = &g_array_index (relocations, LpElfRelocation, r);
      while (r + places.n < relocations->len
             && places.first[places.n].offset - prover->piece->start < (guint64)a->offset + a->length)
        places.n++;

      if (branches == NULL)
        {
          LpRelaxed how;
          if (places.n != 0 && b->length < a->length && b->offset + a->length <= code->linked_size
              && b->flow == LP_FLOW_JUMP && a->flow == LP_FLOW_NONE
              && prover->target->arch->relaxed (code->object + a->offset, code->linked + b->offset, a->length,
                                                &how))
            taken = 2;
        }
      else if (places.n != 0 ? !relocated_insn_equal (prover, &places, a, b, linked->len - k, code, &taken)
                             : !plain_insn_equal (prover, a, b, code, branches))
        return FALSE;
      i++;
      k += taken;
    }

  for (; branches != NULL && k < linked->len; k++)
    if (!g_array_index (linked, LpInsn, k).is_nop)
      return differs (prover, "longer than the original");
  return TRUE;
}

static gboolean
open_code (Prover *prover, LpPiece *piece, Code *code, GArray *linked, GError **error)
{
  code->object = piece->bytes;
  code->address = piece->address;
  code->linked_size = piece->linked_size;
  code->linked = lp_elf_at (prover->target->shipped, piece->address, piece->linked_size);
  if (lp_piece_insns (piece) == NULL)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: %s holds bytes that are not instructions",
                    piece->object->unit, piece->name);
      return FALSE;
    }
  if (code->linked == NULL || piece->linked_size == 0)
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL,
                    "%s: %s: no code at 0x%" G_GINT64_MODIFIER "x in %s", piece->object->unit, piece->name,
                    piece->address, prover->target->name);
      return FALSE;
    }
  if (!prover->target->arch->decode (code->linked, code->linked_size, code->address, linked, error))
    {
      g_prefix_error (error, "%s: %s in %s: ", piece->object->unit, piece->name, prover->target->name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
prove_piece (Prover *prover, LpPiece *piece, gboolean pairs_only, GError **error)
{
  g_autoptr (GArray) linked = g_array_new (FALSE, FALSE, sizeof (LpInsn));
  g_autoptr (GArray) branches = g_array_new (FALSE, FALSE, sizeof (Branch));
  Code code;

  prover->piece = piece;
  prover->why = NULL;
  if (!lp_placement_locate (prover->placement, piece, error)
      || !open_code (prover, piece, &code, linked, error))
    return FALSE;
  if (pairs_only)
    {
      GArray *pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
      g_hash_table_insert (prover->offsets, piece, pairs);
      walk (prover, piece->insns, linked, &code, pairs, NULL);
      return TRUE;
    }

  if (!walk (prover, piece->insns, linked, &code, NULL, branches)
      || !check_branches (prover, branches, &code))
    {
      lp_error_set (
          error, LP_ERROR_TARGET_MISMATCH,
          "the rebuilt original is not what was shipped: same source version, compiler and options?",
          "%s: %s+0x%" G_GINT64_MODIFIER "x differs from %s (%s)", piece->object->unit, piece->name,
          prover->at, prover->target->name, prover->why);
      return FALSE;
    }
  prover->proof->bytes += code.linked_size;
  return TRUE;
}

gboolean
lp_prove_function (LpPlacement *placement, LpPiece *piece, LpProof *proof, GError **error)
{
  g_autoptr (GHashTable) offsets = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
  g_autoptr (GHashTable) content = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Prover prover = { .placement = placement,
                    .target = placement->target,
                    .proof = proof,
                    .function = piece,
                    .offsets = offsets,
                    .content = content };
  guint n_parts = piece->parts != NULL ? piece->parts->len : 0;

  if (proof->symbols == NULL)
    proof->symbols = g_hash_table_new (NULL, NULL);

  /* All offsets first: tables and parts refer to each other. */
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i <= n_parts; i++)
      if (!prove_piece (&prover, i == 0 ? piece : piece->parts->pdata[i - 1], pass == 0, error))
        return FALSE;
  proof->functions++;
  return TRUE;
}
