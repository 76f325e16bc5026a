/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The difference between two versions of a source package, as a fix: a security update becomes a hot patch
 * without anybody picking patches. Must not know what the fix is used for. */
#pragma once

#include "build/source.h"

G_BEGIN_DECLS

/* Unpacks @source and @to (a version of the same package, or FILE.dsc) into @scratch and writes what differs
 * outside debian/ as a unified diff, headed by the changelog lines that are new (they name the issues). Gives
 * the path of the fix (caller frees). Errors: LP_ERROR_NOT_SUPPORTED (a tree), LP_ERROR_TARGET_MISSING,
 * LP_ERROR_NOTHING_TO_PATCH (no difference), LP_ERROR_SOURCES_FAILED. */
char *lp_difference_make (LpSource *source, const char *to, const char *cache, const char *scratch,
                          const char *home, GCancellable *cancellable, GError **error);

G_END_DECLS
