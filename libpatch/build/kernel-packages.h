/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel out of the distribution's packages: sources, headers, modules, vmlinux with symbols. Each function
 * fetches when the folder doesn't have it yet. Must not know how kernels are compiled. */
#pragma once

#include "build/apt.h"
#include "build/kernel-tree.h"

G_BEGIN_DECLS

typedef struct {
  const char *folder; /* where it is kept */
  const char *cache;
  const char *release;
  GStrv environment;
  LpKernelNote note;
  gpointer user_data;
  GCancellable *cancellable;
  LpApt *apt;    /* made when first needed */
  char *version; /* of the packages, found with the first one */
} LpKernelPackages;

void lp_kernel_packages_clear (LpKernelPackages *packages);

/* Unpacks the kernel's tree as the new folder @tree. Errors of all: LP_ERROR_TARGET_MISSING. */
gboolean lp_kernel_packages_source (LpKernelPackages *packages, const char *tree, char **version,
                                    GError **error);
/* Folder with .config and Module.symvers. */
gboolean lp_kernel_packages_headers (LpKernelPackages *packages, char **folder, GError **error);
/* The folder lib/modules/RELEASE. */
gboolean lp_kernel_packages_modules (LpKernelPackages *packages, char **folder, GError **error);
/* vmlinux without debug information, but with its symbols and file names. */
gboolean lp_kernel_packages_vmlinux (LpKernelPackages *packages, char **path, GError **error);

G_END_DECLS
