/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells a change of nothing but line numbers from a real one. Must not know why the lines moved. */
#include "diff/lines.h"

#include <string.h>

#include "diff/line-table.h"

#define CALL_WITHIN 16   /* instructions between a number and the call that gets it */
#define NEAR_ITS_LINE 30 /* lines: __LINE__ in a call that is written over several lines is its last one */

static LpLineTable *
lines_of (LpObject *object)
{
  if (object->lines == NULL)
    object->lines = lp_line_table_new (object->elf);
  return object->lines;
}

/* Index of the call (or tail call) that follows instruction @i, or 0. */
static guint
call_after (GArray *insns, guint i)
{
  for (guint k = i + 1; k < insns->len && k <= i + CALL_WITHIN; k++)
    {
      guint8 flow = g_array_index (insns, LpInsn, k).flow;
      if (flow == LP_FLOW_CALL || flow == LP_FLOW_JUMP)
        return k;
      if (flow == LP_FLOW_CONDITIONAL)
        return 0;
    }
  return 0;
}

static gint64
number_in (const LpPiece *piece, const LpInsn *insn)
{
  guint32 value = 0;

  for (guint i = 0; i < insn->number_size && i < sizeof value; i++)
    value |= (guint32)piece->bytes[insn->offset + insn->number_offset + i] << (8 * i);
  return value;
}

/* Whether the numbers in instruction @i moved as the lines of instruction @k did. */
static gboolean
moves_with (LpPiece *a, LpPiece *b, const LpInsn *insn, guint k)
{
  guint64 offset = g_array_index (a->insns, LpInsn, k).offset;
  int a_line = lp_line_table_at (lines_of (a->object), a->section, a->start + offset);
  int b_line = lp_line_table_at (lines_of (b->object), b->section, b->start + offset);
  gint64 x = number_in (a, insn), y = number_in (b, insn);

  return a_line > 0 && b_line > 0 && x - a_line == y - b_line && ABS (x - a_line) <= NEAR_ITS_LINE;
}

static gboolean
is_line_number (LpPiece *a, LpPiece *b, guint i)
{
  const LpInsn *x = &g_array_index (a->insns, LpInsn, i), *y = &g_array_index (b->insns, LpInsn, i);
  guint call = call_after (a->insns, i);

  return x->passes_number && y->passes_number && x->number_offset == y->number_offset
         && x->number_size == y->number_size && x->number_size <= sizeof (guint32) && call != 0
         && (moves_with (a, b, x, i) || moves_with (a, b, x, call));
}

guint8 *
lp_lines_levelled (LpPiece *a, LpPiece *b)
{
  g_autofree guint8 *copy = NULL;

  if (a->size != b->size || lp_piece_insns (a) == NULL || lp_piece_insns (b) == NULL
      || a->insns->len != b->insns->len)
    return NULL;
  for (guint i = 0; i < a->insns->len; i++)
    {
      const LpInsn *x = &g_array_index (a->insns, LpInsn, i), *y = &g_array_index (b->insns, LpInsn, i);

      if (x->offset != y->offset || x->length != y->length)
        return NULL;
      if (memcmp (a->bytes + x->offset, b->bytes + x->offset, x->length) == 0 || !is_line_number (a, b, i))
        continue;
      if (copy == NULL)
        copy = g_memdup2 (b->bytes, b->size);
      memcpy (copy + x->offset + x->number_offset, a->bytes + x->offset + x->number_offset, x->number_size);
    }
  return g_steal_pointer (&copy);
}
