/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Place: where the pieces of one translation unit lie in the linked file. Local symbols are looked up among
 * those of the very source file they come from, never by name alone. For libpatch/diff only. */
#pragma once

#include "diff/object.h"
#include "diff/target.h"

G_BEGIN_DECLS

typedef struct {
  LpTarget *target; /* borrowed */
  const char *unit;
  LpFileGroup *group; /* NULL: none fits, @why says it */
  char *why;
  guint n_symbols; /* of the baseline found in the twin where they must be */
} LpPlacement;

/* Finds the STT_FILE group of @baseline (NULL: the unit is new and lies nowhere). It never fails: what can't
 * be placed is an error only when something needs it. */
LpPlacement *lp_placement_new (LpTarget *target, LpElf *baseline, const char *unit, GError **error);
void lp_placement_free (LpPlacement *placement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpPlacement, lp_placement_free)

/* Fills in @piece->address and linked_size. Errors: LP_ERROR_TARGET_MISMATCH or LP_ERROR_REFUSED naming the
 * symbol. */
gboolean lp_placement_locate (LpPlacement *placement, LpPiece *piece, GError **error);

G_END_DECLS
