/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells a change of nothing but line numbers (__LINE__ handed to a log call or an assertion) from a real one.
 * For libpatch/diff only. */
#pragma once

#include "diff/object.h"

G_BEGIN_DECLS

/* @b's code with the line numbers of @a put in; NULL when there is none to put in. A number counts as a line
 * number only if it is handed to a call and moved by exactly as many lines as its own instruction did between
 * the objects' line tables, which it is close to. So objects without line tables have no line numbers: their
 * functions count as changed, which is safe. Caller frees. */
guint8 *lp_lines_levelled (LpPiece *a, LpPiece *b);

G_END_DECLS
