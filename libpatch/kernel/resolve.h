/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a livepatch module gets at what its new code refers to: exported symbols as every module does, others
 * by livepatch references with their position. Must not know how the new code was made. Source:
 * Documentation/livepatch/module-elf-format.rst; klp_resolve_symbols() in kernel/livepatch/core.c. */
#pragma once

#include "kernel/extract.h"
#include "kernel/shipped-proof.h"

G_BEGIN_DECLS

/* Module.symvers: what the kernel and its modules export. */
typedef struct LpKernelExports LpKernelExports;

LpKernelExports *lp_kernel_exports_new (const char *text);
void lp_kernel_exports_free (LpKernelExports *exports);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpKernelExports, lp_kernel_exports_free)
/* The exporter of @name ("vmlinux" or a module's name), NULL when nobody exports it. @name_space: (out)
 * (optional): "" when none. Borrowed. */
const char *lp_kernel_exports_find (const LpKernelExports *exports, const char *name,
                                    const char **name_space);

typedef struct {
  LpShippedProof *proof; /* of the unit; knows the kernel object too */
  const LpKernelExports *exports;
  GHashTable *made;   /* char* -> char*: names that other units of the fix define anew, and the kernel object
                         that   each of them belongs to */
  GHashTable *spaces; /* set of char* (owned): name spaces that must be imported; added to */
  guint n_livepatch;  /* references that livepatch resolves; added to */
} LpKernelResolver;

/* Names for lp_module_rename(). Errors: LP_ERROR_REFUSED naming what can't be reached,
 * LP_ERROR_TARGET_MISMATCH.
 */
GHashTable *lp_kernel_resolve (LpKernelResolver *resolver, const LpKernelExtract *extract, GError **error);

/* Whether static branches and static calls in the module's new code have keys that are known when the module
 * loads: those of vmlinux and its own. Errors: LP_ERROR_REFUSED naming the key. */
gboolean lp_kernel_check_keys (const LpShipped *shipped, LpElf *object, GHashTable *names, GError **error);

G_END_DECLS
