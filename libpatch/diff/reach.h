/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reach: whether an operand in the shipped file reaches what a relocation of the original object means. The
 * other half of prove.c. For libpatch/diff only. */
#pragma once

#include "diff/prove.h"

G_BEGIN_DECLS

typedef struct {
  LpPlacement *placement;
  LpTarget *target;
  LpProof *proof;
  LpPiece *function;   /* the one being proven, not a part */
  LpPiece *piece;      /* the function, or the part at hand */
  GHashTable *offsets; /* LpPiece -> GArray of LpOffsetPair, by @object */
  GHashTable *content; /* "piece index:offset:address" of private pieces found equal */
  guint64 at;          /* offset in @piece of what is being compared: for messages */
  const char *why;     /* (interned or static) what was found there; the first finding stays */
} LpProver;

typedef struct {
  guint32 object; /* offset in the piece */
  guint32 linked; /* offset from the piece's address in the file */
} LpOffsetPair;

/* Notes @why; always FALSE. */
gboolean lp_prover_differs (LpProver *prover, const char *why);
/* Where the instruction at @offset of @piece is in the file, as an offset from the piece's address. FALSE
 * when none begins there. */
gboolean lp_prover_linked_offset (LpProver *prover, LpPiece *piece, guint64 offset, guint64 *linked);
/* Whether @address is what @ref means: the symbol itself, a PLT entry that leads to it, or equal private
 * data. */
gboolean lp_prover_reaches (LpProver *prover, LpPiece *from, const LpReference *ref, guint64 address);
/* Whether the GOT slot at @address holds the address of what @ref means once the loader is done. */
gboolean lp_prover_slot_holds (LpProver *prover, LpPiece *from, const LpReference *ref, guint64 address);
/* Whether the slot or pair of slots at @address tells where the thread-local variable of @ref is. */
gboolean lp_prover_thread_slot (LpProver *prover, const LpReference *ref, guint64 address);
/* The offset of the thread-local variable of @ref in its module's block. FALSE when it can't be found. */
gboolean lp_prover_thread_offset (LpProver *prover, const LpReference *ref, guint64 *offset);

G_END_DECLS
