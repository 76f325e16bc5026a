/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a kernel bundle's manifest says. Must not know how the module was made. */
#pragma once

#include "build/fix.h"
#include "build/kernel-affected.h"
#include "build/kernel-tree.h"

G_BEGIN_DECLS

typedef struct {
  const LpBuildRequest *request;
  const LpKernelTree *tree;
  GPtrArray *fixes; /* LpFix */
  const LpKernelAffected *affected;
  GPtrArray *targets;   /* LpManifestKernelTarget, sorted by name; taken */
  const char *build_id; /* of vmlinux */
} LpKernelBundleInput;

/* The manifest with its one object: everything but what the module itself tells (digest, size, functions,
 * proof). The module's name follows from the bundle's id. */
LpManifest *lp_kernel_bundle_describe (const LpKernelBundleInput *input);

G_END_DECLS
