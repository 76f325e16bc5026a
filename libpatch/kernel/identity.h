/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tells kernels and their modules apart: release, Build-IDs, what a module file says of itself. Changes
 * nothing; must not know bundles or wishes. Sources: Documentation/ABI/testing/sysfs-kernel-notes,
 * sysfs-module (notes), include/linux/module.h (MODULE_INFO), the gABI's note section. */
#pragma once

#include "elf/elf-file.h"
#include "kernel/livepatch.h"

G_BEGIN_DECLS

/* Release of the running kernel, as uname -r says it. Caller frees. */
char *lp_kernel_release (void);

/* Build-ID of the running vmlinux (@object is "vmlinux") or of a loaded module, hex; NULL when the module
 * isn't loaded, or the kernel shows no Build-ID. Caller frees. */
char *lp_kernel_build_id (const LpKernelPaths *paths, const char *object);

/* The file that modprobe would load as module @name: depmod(8)'s list in @folder ("/lib/modules/RELEASE")
 * says so. NULL when it isn't in it. Caller frees. */
char *lp_kernel_module_file (const char *folder, const char *name);

/* The value of @key ("vermagic", "srcversion", "livepatch", "name") in the module's .modinfo; borrowed from
 * @module, NULL when it isn't there. */
const char *lp_module_info (const LpElf *module, const char *key);

G_END_DECLS
