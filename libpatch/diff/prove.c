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
#include "diff/reach.h"

void
lp_proof_clear (LpProof *proof)
{
  g_clear_pointer (&proof->symbols, g_hash_table_unref);
}

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
check_field (LpProver *prover, const LpReference *ref, const Code *code, const LpInsn *linked, guint field)
{
  guint64 value = read_field (code->linked + linked->offset + field, ref->info);
  guint64 end = code->address + linked->offset + linked->length;
  guint64 offset;

  prover->proof->relocations++;
  switch (ref->info->kind)
    {
    case LP_RELOC_PC:
    case LP_RELOC_PLT:
      return lp_prover_reaches (prover, prover->piece, ref, end + value);
    case LP_RELOC_GOT_PC:
      return lp_prover_slot_holds (prover, prover->piece, ref, end + value);
    case LP_RELOC_ABSOLUTE:
      if (ref->info->width == 8)
        return lp_prover_slot_holds (prover, prover->piece, ref, code->address + linked->offset + field);
      return lp_prover_reaches (prover, prover->piece, ref, value);
    case LP_RELOC_TLS_LE:
      if (!prover->target->has_thread_block || !lp_prover_thread_offset (prover, ref, &offset))
        return lp_prover_differs (prover, "thread-local variable that isn't the program's own");
      return value == prover->target->thread_offset + offset
             || lp_prover_differs (prover, g_intern_string (ref->symbol->name));
    case LP_RELOC_TLS_IE:
    case LP_RELOC_TLS_GD:
    case LP_RELOC_TLS_LD:
      return lp_prover_thread_slot (prover, ref, end + value);
    case LP_RELOC_TLS_DTPOFF:
      return (lp_prover_thread_offset (prover, ref, &offset) && value == offset)
             || lp_prover_differs (prover, g_intern_string (ref->symbol->name));
    default:
      return lp_prover_differs (prover, g_intern_string (ref->info->name));
    }
}

/* The relocations in one instruction of the object. */
typedef struct {
  const LpElfRelocation *first;
  guint n;
} Places;

/* Same instruction, apart from the relocated fields, each of which reaches the same. */
static gboolean
fields_equal (LpProver *prover, const Places *places, const LpInsn *object, const LpInsn *linked,
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
        return lp_prover_differs (prover, "relocation");
    }
  return TRUE;
}

/* What the linker made of a GOT access. @taken: how many of the linked instructions it became. */
static gboolean
relaxed_equal (LpProver *prover, const LpReference *ref, const LpInsn *object, const LpInsn *linked,
               guint n_linked, const Code *code, guint *taken)
{
  const guint8 *a = code->object + object->offset, *b = code->linked + linked->offset;
  LpRelaxed how;

  if (!ref->info->relaxable || linked->offset + object->length > code->linked_size
      || !prover->target->arch->relaxed (a, b, object->length, &how))
    return lp_prover_differs (prover, "other instruction");
  *taken = linked->length < how.length ? 2 : 1; /* jmp foo; nop */
  if (*taken > n_linked)
    return lp_prover_differs (prover, "other instruction");

  prover->proof->relocations++;
  guint64 value = read_field (b + how.field_offset, ref->info);
  guint64 end = code->address + linked->offset + how.field_offset + ref->info->width;
  return lp_prover_reaches (prover, prover->piece, ref, how.is_absolute ? value : end + value);
}

static gboolean
relocated_insn_equal (LpProver *prover, const Places *places, const LpInsn *object, const LpInsn *linked,
                      guint n_linked, const Code *code, guint *taken)
{
  LpReference ref;

  *taken = 1;
  if (!lp_object_reference (prover->piece, places->first, &ref, NULL))
    return lp_prover_differs (prover, "relocation that isn't understood");
  if (object->flow != LP_FLOW_NONE && linked->flow == object->flow && linked->id == object->id
      && (ref.info->kind == LP_RELOC_PC || ref.info->kind == LP_RELOC_PLT))
    {
      prover->proof->relocations++;
      return lp_prover_reaches (prover, prover->piece, &ref, linked->target);
    }
  if (linked->length == object->length && fields_equal (prover, places, object, linked, code))
    return TRUE;
  return prover->why == NULL && places->n == 1
             ? relaxed_equal (prover, &ref, object, linked, n_linked, code, taken)
             : lp_prover_differs (prover, "other instruction");
}

/* A branch that the assembler resolved on both sides; its target is checked when all offsets are known. */
typedef struct {
  guint32 object_target;
  guint64 linked_target;
  guint32 at;
} Branch;

static gboolean
plain_insn_equal (LpProver *prover, const LpInsn *object, const LpInsn *linked, const Code *code,
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
         || lp_prover_differs (prover, "other instruction");
}

static gboolean
check_branches (LpProver *prover, GArray *branches, const Code *code)
{
  for (guint i = 0; i < branches->len; i++)
    {
      const Branch *branch = &g_array_index (branches, Branch, i);
      guint64 linked;
      prover->at = branch->at;
      if (!lp_prover_linked_offset (prover, prover->piece, branch->object_target, &linked)
          || code->address + linked != branch->linked_target)
        return lp_prover_differs (prover, "branch to another place");
    }
  return TRUE;
}

/* A walk through both codes, instruction by instruction. */
typedef struct {
  GArray *object;
  GArray *linked;
  guint i, k; /* next ones */
  guint r;    /* first relocation at or behind the object's instruction */
} Walk;

/* The next two instructions that must be equal: steps over alignment, which may differ. @a NULL: the object's
 * code has ended;
 * @b NULL: the linked one has. @pairs: (nullable): gets the offsets of everything stepped over. */
static void
next_pair (Walk *walk, const Code *code, GArray *pairs, const LpInsn **a, const LpInsn **b)
{
  for (*a = NULL; walk->i < walk->object->len; walk->i++)
    {
      *a = &g_array_index (walk->object, LpInsn, walk->i);
      while (!(*a)->is_nop && walk->k < walk->linked->len
             && g_array_index (walk->linked, LpInsn, walk->k).is_nop)
        walk->k++;
      *b = walk->k < walk->linked->len ? &g_array_index (walk->linked, LpInsn, walk->k) : NULL;
      if (pairs != NULL)
        {
          LpOffsetPair pair = { (*a)->offset, *b != NULL ? (*b)->offset : (guint32)code->linked_size };
          g_array_append_val (pairs, pair);
        }
      if (!(*a)->is_nop || (*b != NULL && (*b)->is_nop && (*a)->length == (*b)->length))
        {
          walk->i++;
          return;
        }
      *a = NULL;
    }
}

static void
places_in (LpProver *prover, Walk *walk, const LpInsn *insn, Places *places)
{
  GArray *relocations = prover->piece->relocations;
  guint64 start = prover->piece->start + insn->offset;

  while (walk->r < relocations->len && g_array_index (relocations, LpElfRelocation, walk->r).offset < start)
    walk->r++;
  places->n = 0;
  places->first = walk->r < relocations->len ? &g_array_index (relocations, LpElfRelocation, walk->r) : NULL;
  while (walk->r + places->n < relocations->len && places->first[places->n].offset < start + insn->length)
    places->n++;
}

/* First pass: which instruction of the one is which of the other. */
static void
pair_offsets (LpProver *prover, GArray *object, GArray *linked, const Code *code, GArray *pairs)
{
  Walk walk = { .object = object, .linked = linked };
  const LpInsn *a, *b;

  for (next_pair (&walk, code, pairs, &a, &b); a != NULL && b != NULL; next_pair (&walk, code, pairs, &a, &b))
    {
      LpRelaxed how;
      gboolean becomes_two = b->length < a->length && b->offset + a->length <= code->linked_size
                             && b->flow == LP_FLOW_JUMP && a->flow == LP_FLOW_NONE
                             && prover->target->arch->relaxed (code->object + a->offset,
                                                               code->linked + b->offset, a->length, &how);
      walk.k += becomes_two ? 2 : 1;
    }
}

/* Second pass: are they equal. */
static gboolean
compare_code (LpProver *prover, GArray *object, GArray *linked, const Code *code, GArray *branches)
{
  Walk walk = { .object = object, .linked = linked };
  const LpInsn *a, *b;

  for (next_pair (&walk, code, NULL, &a, &b); a != NULL; next_pair (&walk, code, NULL, &a, &b))
    {
      Places places;
      guint taken = 1;

      prover->at = a->offset;
      if (b == NULL)
        return lp_prover_differs (prover, "shorter than the original");
      places_in (prover, &walk, a, &places);
      if (places.n != 0 ? !relocated_insn_equal (prover, &places, a, b, linked->len - walk.k, code, &taken)
                        : !plain_insn_equal (prover, a, b, code, branches))
        return FALSE;
      walk.k += taken;
    }

  for (; walk.k < linked->len; walk.k++)
    if (!g_array_index (linked, LpInsn, walk.k).is_nop)
      return lp_prover_differs (prover, "longer than the original");
  return TRUE;
}

static gboolean
open_code (LpProver *prover, LpPiece *piece, Code *code, GArray *linked, GError **error)
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
  if (!prover->target->arch->decode (code->linked, code->linked_size, code->address, linked, NULL))
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL,
                    "%s: %s differs from %s (its bytes there are not instructions)", piece->object->unit,
                    piece->name, prover->target->name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
prove_piece (LpProver *prover, LpPiece *piece, gboolean pairs_only, GError **error)
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
      GArray *pairs = g_array_new (FALSE, FALSE, sizeof (LpOffsetPair));
      g_hash_table_insert (prover->offsets, piece, pairs);
      pair_offsets (prover, piece->insns, linked, &code, pairs);
      return TRUE;
    }

  if (!compare_code (prover, piece->insns, linked, &code, branches)
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
  LpProver prover = { .placement = placement,
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
