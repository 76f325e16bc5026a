/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proof: an object compiled from the original source, as the kernel's own build does it, is byte for byte
 * what was shipped. Must not know the fix. */
#pragma once

#include "kernel/shipped.h"

G_BEGIN_DECLS

typedef struct {
  LpShipped *shipped; /* borrowed */
  LpElf *baseline;    /* borrowed */
  const char *source;
  const LpElfSymbol *symbols;
  guint n_symbols;
  guint64 *bases;    /* per section of @baseline: address of its start in @shipped */
  gboolean *known;   /* whether @bases says something */
  guint functions;   /* proven so far */
  guint relocations; /* whose meaning was compared */
  guint64 bytes;
  GHashTable *done; /* set of symbol indexes */
} LpShippedProof;

/* Finds where the sections of @baseline (compiled without function sections, seen by objtool) are. Errors:
 * LP_ERROR_TARGET_MISMATCH (nothing of it is in @shipped). */
LpShippedProof *lp_shipped_proof_new (LpShipped *shipped, LpElf *baseline, const char *source,
                                      GError **error);
void lp_shipped_proof_free (LpShippedProof *proof);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpShippedProof, lp_shipped_proof_free)

/* Demands that function @name of the baseline, and its .cold part, are in the shipped object. Errors:
 * LP_ERROR_TARGET_MISMATCH naming the offset and what differs. */
gboolean lp_shipped_proof_function (LpShippedProof *proof, const char *name, GError **error);
/* The shipped symbol of what @name is in the baseline's file. Errors: LP_ERROR_TARGET_MISMATCH. */
const LpElfSymbol *lp_shipped_proof_locate (LpShippedProof *proof, const char *name, GError **error);

G_END_DECLS
