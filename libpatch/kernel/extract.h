/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small object: what of a patched object goes into the livepatch module, special sections entry by entry.
 * Must not know the shipped kernel: what it refers to there stays undefined and is listed. */
#pragma once

#include "kernel/unit.h"

G_BEGIN_DECLS

/* Something of the kernel as it was that the new code refers to. */
typedef struct {
  const char *name; /* in the kernel object */
  LpPiece *old;     /* (nullable) the piece of the unit's original object that it is; NULL: of another file */
} LpKernelNeed;

typedef struct {
  GBytes *object;    /* ET_REL, for objtool */
  GHashTable *needs; /* char* (the undefined symbol's name in @object) -> LpKernelNeed */
  guint n_entries;   /* of special sections */
} LpKernelExtract;

/* Errors: LP_ERROR_REFUSED. */
LpKernelExtract *lp_kernel_extract (LpKernelUnit *unit, GError **error);
void lp_kernel_extract_free (LpKernelExtract *extract);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpKernelExtract, lp_kernel_extract_free)

G_END_DECLS
