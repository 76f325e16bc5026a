/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Correlate: finds for every piece of the patched object the same thing in the original one (LpPiece.peer,
 * both ways). Must not know whether they are equal. For libpatch/diff only. */
#pragma once

#include "diff/object.h"

G_BEGIN_DECLS

/* Functions in doubt stay without a peer: they are new, and whoever calls them counts as changed. Variables
 * in doubt are an error, because a copy of a variable would lose its value. Errors: LP_ERROR_REFUSED naming
 * the variable. */
gboolean lp_correlate (LpObject *original, LpObject *patched, GError **error);

G_END_DECLS
