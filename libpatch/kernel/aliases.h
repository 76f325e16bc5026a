/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions and variables with several names. For libpatch/kernel only. */
#pragma once

#include "diff/object.h"

G_BEGIN_DECLS

/* Sets LpPiece.peer of those that are the same under another of their names. What is one in one object and
 * two in the other (an alias that the fix adds or takes away; two equal functions that the compiler folded)
 * can't be redirected by name. Errors: LP_ERROR_REFUSED. */
gboolean lp_aliases_pair (LpObject *original, LpObject *patched, GError **error);

G_END_DECLS
