/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prove: the original object's functions are, byte for byte and with every relocation followed, those of the
 * shipped file. For libpatch/diff only. */
#pragma once

#include "diff/place.h"

G_BEGIN_DECLS

typedef struct {
  guint functions;
  guint64 bytes;
  guint relocations;
  GHashTable *symbols; /* set of names that were met and found where the twin says */
} LpProof;

void lp_proof_clear (LpProof *proof);

/* Proves @piece (a function of the original object, located) and its .cold parts.
 * Errors: LP_ERROR_TARGET_MISMATCH naming unit, function and offset. */
gboolean lp_prove_function (LpPlacement *placement, LpPiece *piece, LpProof *proof, GError **error);

G_END_DECLS
