/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel that is to be patched, ready to compile single files of it: sources, configuration, symbol
 * versions, the shipped vmlinux and modules. Fetched or given, kept in the cache. Must not know the fix. */
#pragma once

#include "build/build.h"
#include "build/workspace.h"

G_BEGIN_DECLS

typedef struct {
  char *release;          /* "6.1.0-56-amd64" */
  char *version;          /* of the package, or of the given tree: "6.1.192-2" */
  char *package;          /* source package: "linux" */
  char *source;           /* the tree, inside @workspace */
  char *objects;          /* folder of its objects (O=), with .config and Module.symvers */
  char *vmlinux;          /* with symbols */
  char *modules;          /* folder with the shipped modules */
  char *compiler;         /* "gcc-12" */
  char *compiler_version; /* the first line of its --version */
  LpWorkspace *workspace;
  GStrv environment;
  gboolean cached;
} LpKernelTree;

typedef void (*LpKernelNote) (const char *text, gpointer user_data);

/* Errors: LP_ERROR_TARGET_MISSING (a package isn't there: which), LP_ERROR_SOURCES_FAILED (preparing fails:
 * the log is named), LP_ERROR_REFUSED (configuration or compiler differ). */
LpKernelTree *lp_kernel_tree_open (const LpBuildRequest *request, const char *cache, guint jobs,
                                   LpKernelNote note, gpointer user_data, GCancellable *cancellable,
                                   GError **error);
void lp_kernel_tree_close (LpKernelTree *tree, gboolean keep);

/* Runs make in the tree with @arguments. Output goes to the log. Errors: LP_ERROR_SOURCES_FAILED with the
 * first error line. */
gboolean lp_kernel_tree_make (const LpKernelTree *tree, const char *const *arguments,
                              GCancellable *cancellable, GError **error);
/* A copy of folder @from ("FOLDER/.") as @to, by hard links where possible: nothing that is done to the copy
 * reaches the original, because files are replaced, never written into. */
gboolean lp_kernel_tree_copy (const LpKernelTree *tree, const char *from, const char *to,
                              GCancellable *cancellable, GError **error);
/* Path of the shipped module of this name (underscores), decompressed when need be; caller frees. Errors:
 * LP_ERROR_TARGET_MISSING. */
char *lp_kernel_tree_module (const LpKernelTree *tree, const char *name, GCancellable *cancellable,
                             GError **error);

G_END_DECLS
