/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells a change of nothing but line numbers (__LINE__ handed to a log call or an assertion) from a real one.
 * For libpatch/diff only. */
#pragma once

#include "diff/object.h"

G_BEGIN_DECLS

/* Whether all bytes in which @a and @b differ belong to line numbers: an immediate that is put into an
 * argument of a call, and whose value is, on both sides, the very line that the object's line table has for
 * that place. Without line tables: FALSE. */
gboolean lp_lines_only (LpPiece *a, LpPiece *b);

G_END_DECLS
