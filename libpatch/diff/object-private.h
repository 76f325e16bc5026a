/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What object.c and pieces.c share. */
#pragma once

#include "diff/object.h"

/* Makes the pieces of @object, whose tables are there but empty. Errors: LP_ERROR_REFUSED. */
gboolean lp_object_cut (LpObject *object, GError **error);
