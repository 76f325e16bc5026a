/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives resolved branches their relocations back. Source: x86-64 psABI 1.0 section 4.4. */
#include "kernel/branches.h"

#define FIELD 4 /* bytes of a near branch's displacement, at the end of the instruction */

static gint
by_offset (gconstpointer a, gconstpointer b)
{
  const LpElfRelocation *x = a, *y = b;

  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static gboolean
has_relocation (const LpPiece *piece, guint64 start, guint64 end)
{
  for (guint i = 0; i < piece->relocations->len; i++)
    {
      guint64 offset = g_array_index (piece->relocations, LpElfRelocation, i).offset;
      if (offset >= start && offset < end)
        return TRUE;
    }
  return FALSE;
}

static void
relocate_branch (LpPiece *piece, const LpInsn *insn)
{
  guint64 start = piece->start + insn->offset, end = start + insn->length;
  LpPiece *target = lp_object_piece_at (piece->object, piece->section, (gint64)insn->target);

  if (target == NULL || target == piece || target->symbol == NULL || has_relocation (piece, start, end))
    return;
  /* A short branch (one byte) can't go along: whoever needs the function finds a relocation that can't reach.
   */
  gboolean is_short = insn->length < FIELD + 1;
  guint width = is_short ? 1 : FIELD;
  LpElfRelocation relocation = { .offset = end - width,
                                 .type = is_short ? R_X86_64_PC8 : R_X86_64_PLT32,
                                 .symbol = target->symbol->index,
                                 .addend = (gint64)(insn->target - target->symbol->value) - (gint64)width };
  g_array_append_val (piece->relocations, relocation);
}

void
lp_branches_relocate (LpObject *object)
{
  if (object->arch->machine != EM_X86_64)
    return; /* aarch64's assembler keeps relocations of calls; its other branches stay inside */
  for (guint i = 0; i < object->pieces->len; i++)
    {
      LpPiece *piece = object->pieces->pdata[i];
      if (piece->kind != LP_PIECE_FUNCTION || piece->section >= object->n_sections
          || object->by_section[piece->section]->len < 2)
        continue;
      GArray *insns = lp_piece_insns (piece);
      for (guint k = 0; insns != NULL && k < insns->len; k++)
        {
          const LpInsn *insn = &g_array_index (insns, LpInsn, k);
          if (insn->flow != LP_FLOW_NONE
              && (insn->target < piece->start || insn->target >= piece->start + piece->size))
            relocate_branch (piece, insn);
        }
      g_array_sort (piece->relocations, by_offset);
    }
}
