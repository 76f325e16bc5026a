/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this room share; not for others. */
#pragma once

#include "kernel/livepatch.h"

G_BEGIN_DECLS

/* <sysfs>/kernel/livepatch/@name, or the folder above it when @name is NULL. Caller frees. */
char *lp_livepatch_folder (const LpKernelPaths *paths, const char *name);
/* <sysfs>/module/@name. Caller frees. */
char *lp_module_folder (const LpKernelPaths *paths, const char *name);

/* finit_module(2) of @fd. Errors: LP_ERROR_MODULE_REJECTED with the likely reason in words, LP_ERROR_CONFLICT
 * (already loaded). */
gboolean lp_module_load (const LpKernelPaths *paths, int fd, const char *name, GError **error);
/* delete_module(2), tried again for a while when the module is still in use: after a transition the kernel
 * drops its last reference a little later. Success when it isn't loaded. */
gboolean lp_module_unload (const LpKernelPaths *paths, const char *name, GError **error);

G_END_DECLS
