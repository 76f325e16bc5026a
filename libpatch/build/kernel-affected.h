/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files of a kernel's tree a fix changes, and which compilations read them. Must not know how they are
 * compiled. */
#pragma once

#include "build/fix.h"
#include "build/kernel-tree.h"

G_BEGIN_DECLS

typedef struct {
  char *source;         /* relative: "fs/proc/meminfo.c" */
  gboolean from_header; /* only a header of it changes: it may not be part of this kernel at all */
} LpKernelSource;

typedef struct {
  GPtrArray *sources; /* LpKernelSource, sorted */
  GPtrArray *paths;   /* char*: absolute paths in the tree that change */
  GPtrArray *content; /* char*: file with the new content of each */
  GPtrArray *dropped; /* GPtrArray of char*, one per fix: what was left out, and why */
} LpKernelAffected;

void lp_kernel_affected_free (LpKernelAffected *affected);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpKernelAffected, lp_kernel_affected_free)

/* Applies @fixes (LpFix) to copies. @top: the kernel's tree, or the folder of a module outside of it. Errors:
 * LP_ERROR_SOURCES_FAILED (doesn't apply), LP_ERROR_REFUSED (assembly, vDSO, build files, new sources, a
 * header that too much depends on), LP_ERROR_NOTHING_TO_PATCH. */
LpKernelAffected *lp_kernel_affected_find (const LpKernelTree *tree, const char *top, GPtrArray *fixes,
                                           GCancellable *cancellable, GError **error);

/* What the fix does to a file of this path. */
typedef enum {
  LP_KERNEL_FILE_SOURCE,
  LP_KERNEL_FILE_HEADER,
  LP_KERNEL_FILE_IGNORED, /* documents, tools, other machines: nothing that runs in this kernel */
  LP_KERNEL_FILE_REFUSED,
} LpKernelFileKind;

/* @why: (out): for IGNORED and REFUSED. Exported for tests. @machine: "x86". */
LpKernelFileKind lp_kernel_file_kind (const char *path, const char *machine, const char **why);

G_END_DECLS
