/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links the small objects of a kernel fix into a livepatch module. Must not know how they were made. */
#pragma once

#include "build/kernel-tree.h"
#include "kernel/unit.h"

G_BEGIN_DECLS

/* One function that is redirected. */
typedef struct {
  char *object;   /* kernel object */
  char *name;     /* its name there */
  guint position; /* sympos */
  char *alias;    /* global symbol of the new function in the small objects */
} LpKernelRedirect;

typedef struct {
  const char *name; /* of the module */
  gboolean replace;
  GPtrArray *objects;   /* GBytes: small objects, objtool has seen them, references have their names */
  GPtrArray *redirects; /* LpKernelRedirect, sorted by object */
  GPtrArray *callbacks; /* LpKernelCallbackUse */
  GPtrArray *targets;   /* LpManifestKernelTarget: the build of each kernel object */
  GHashTable *spaces;   /* set of char*: symbol name spaces to import */
  const char *license;  /* MODULE_LICENSE */
  const char *description;
} LpKernelModule;

typedef struct {
  char *object;
  LpKernelCallback callback;
  char *alias;
} LpKernelCallbackUse;

void lp_kernel_redirect_free (LpKernelRedirect *redirect);
void lp_kernel_callback_use_free (LpKernelCallbackUse *use);

/* C source that registers the patch; exported for tests. Caller frees. */
char *lp_kernel_module_hook (const LpKernelModule *module);

/* Runs objtool over @object. Warnings are errors: they mean that stacks could not be unwound. */
GBytes *lp_kernel_objtool (const LpKernelTree *tree, GStrv objtool, GBytes *object, const char *name,
                           GCancellable *cancellable, GError **error);

/* The module as the kernel's build links it, for lp_module_convert(). Errors: LP_ERROR_SOURCES_FAILED,
 * LP_ERROR_FAILED. */
LpElf *lp_kernel_module_link (const LpKernelTree *tree, const LpKernelModule *module,
                              GCancellable *cancellable, GError **error);
/* Signed with the kernel's own tool. */
GBytes *lp_kernel_module_sign (const LpKernelTree *tree, GBytes *module, const char *key,
                               const char *certificate, GCancellable *cancellable, GError **error);

G_END_DECLS
