/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compare: which functions differ between the objects, by meaning. Must not know about the linked file.
 * For libpatch/diff only. */
#pragma once

#include "diff/object.h"

G_BEGIN_DECLS

typedef struct {
  guint functions_equal;
  guint functions_changed;
  guint functions_line_only; /* differ in nothing but __LINE__ */
  guint functions_new;
  guint data_equal;
} LpCompareCounts;

/* Sets LpPiece.changed in both objects. Errors: LP_ERROR_REFUSED (changed variable, constructor, section of
 * unknown purpose). */
gboolean lp_compare (LpObject *original, LpObject *patched, LpCompareCounts *counts, GError **error);

G_END_DECLS
