/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compiles single files of a kernel: once as the kernel's own build does, then by the command that it used,
 * with sections for each function. Must not know what is done with the objects. */
#pragma once

#include "build/kernel-tree.h"
#include "elf/elf-file.h"

G_BEGIN_DECLS

typedef struct {
  char *source;  /* relative to the tree, or to the folder of an outside module: "fs/proc/meminfo.c" */
  char *path;    /* absolute */
  char *object;  /* "vmlinux", or the module that it is part of */
  GStrv command; /* the compiler's command line; without source, -o and dependency file */
  GStrv objtool; /* program and options, without file; empty when it isn't used */
  LpElf *baseline;
  LpElf *original;
  LpElf *patched;
} LpKernelObject;

void lp_kernel_object_free (LpKernelObject *object);
LpKernelObject *lp_kernel_object_new (const char *source);

/* Makes the baselines of @objects (LpKernelObject) by the tree's own rules. @outside: (nullable) folder of a
 * module outside of the tree. Errors: LP_ERROR_SOURCES_FAILED. */
gboolean lp_kernel_compile_baseline (const LpKernelTree *tree, const char *outside, GPtrArray *objects,
                                     guint jobs, GCancellable *cancellable, GError **error);
/* Compiles each with function and data sections and without objtool, into @original or @patched. Errors:
 * LP_ERROR_SOURCES_FAILED with the compiler's first error. */
gboolean lp_kernel_compile (const LpKernelTree *tree, GPtrArray *objects, gboolean patched, guint jobs,
                            GCancellable *cancellable, GError **error);

G_END_DECLS
