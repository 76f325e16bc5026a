/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Variables that kernel macros make without a name of their own (pr_debug's descriptors, WARN_ONCE's flags):
 * which of the patched object is which of the original one. For libpatch/kernel only. */
#pragma once

#include "diff/object.h"

G_BEGIN_DECLS

/* Sets LpPiece.peer of those that are the same, before lp_correlate() deals with the rest. Where they hold
 * their line number, the patched one gets a copy of its bytes with the original's line, which @copies owns.
 */
void lp_twins_pair (LpObject *original, LpObject *patched, GPtrArray *copies);

G_END_DECLS
