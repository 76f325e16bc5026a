/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `syscare build --kernel`: from a source fix to a bundle with a livepatch module, without building a kernel.
 * Must not know the command line. */
#pragma once

#include "build/build.h"

G_BEGIN_DECLS

/* As lp_build_run(); @cache: the cache folder. */
LpBuildResult *lp_kernel_build_run (const LpBuildRequest *request, const char *cache,
                                    GCancellable *cancellable, LpBuildProgress progress, gpointer user_data,
                                    GError **error);

G_END_DECLS
