/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What object.c and pieces.c share. */
#pragma once

#include "diff/object.h"

/* Makes the pieces of @object, whose tables are there but empty. Errors: LP_ERROR_REFUSED. */
gboolean lp_object_cut (LpObject *object, GError **error);

/* The piece that @offset of section @section belongs to: the nearest one when it lies outside of all. NULL:
 * no pieces there. */
LpPiece *lp_object_piece_at (LpObject *object, guint section, gint64 offset);
