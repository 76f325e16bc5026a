/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One livepatch module of an installed bundle, opened and compared: with what was asked for, with the running
 * kernel, with the livepatches that are in it. Changes nothing; must not know states or wishes. */
#pragma once

#include "format/bundle.h"
#include "kernel/livepatch.h"

#include <json-glib/json-glib.h>

typedef struct {
  char *name; /* full name, for messages */
  LpBundle *bundle;
  const LpManifestObject *object; /* of the bundle */
  const LpManifestKernel *kernel; /* of the object */
  int fd;                         /* the module's file, whose content was digested */
  LpElf *elf;                     /* that content */
  gboolean has_signature;
} ScKernelModule;

/* @patch, @keyring: as for sc_entity_open(). Errors: LP_ERROR_CHANGED, LP_ERROR_UNTRUSTED,
 * LP_ERROR_PATCH_CORRUPT, those of lp_bundle_open(). */
ScKernelModule *sc_kernel_module_open (JsonObject *patch, LpBundleFlags flags, const LpKeyring *keyring,
                                       GError **error);
void sc_kernel_module_free (ScKernelModule *module);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScKernelModule, sc_kernel_module_free)

/* Whether the running kernel may be given @module. @known: names of our own livepatch modules; @force: what
 * another livepatch does to the same functions, or that one of somebody else is replaced, is no obstacle.
 * Errors: LP_ERROR_KERNEL_UNSUPPORTED, LP_ERROR_TARGET_MISMATCH, LP_ERROR_PATCH_CORRUPT,
 * LP_ERROR_MODULE_REJECTED, LP_ERROR_CONFLICT, LP_ERROR_BUSY. */
gboolean sc_kernel_module_check (const ScKernelModule *module, JsonArray *known, gboolean force,
                                 GError **error);

/* Two of one transaction: livepatch would run only the later one's code of a function that both replace.
 * Errors: LP_ERROR_CONFLICT. */
gboolean sc_kernel_module_check_pair (const ScKernelModule *module, const ScKernelModule *other,
                                      gboolean force, GError **error);
