/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All compiled files of a kernel fix joined into one livepatch module: compared, proven, extracted, resolved,
 * linked. Must not know how they were compiled or what a bundle is on disk. */
#pragma once

#include "build/kernel-compile.h"

G_BEGIN_DECLS

typedef struct LpKernelJoin LpKernelJoin;

/* Opens the shipped kernel objects of @objects (LpKernelObject, borrowed). Those that a header brought and
 * that aren't in the shipped kernel are left out, and said. Errors: LP_ERROR_TARGET_MISSING. */
LpKernelJoin *lp_kernel_join_new (const LpKernelTree *tree, const LpBuildRequest *request, GPtrArray *objects,
                                  LpKernelNote note, gpointer user_data, GCancellable *cancellable,
                                  GError **error);
void lp_kernel_join_free (LpKernelJoin *join);

/* Errors: LP_ERROR_REFUSED, LP_ERROR_NOTHING_TO_PATCH. */
gboolean lp_kernel_join_compare (LpKernelJoin *join, GError **error);
/* Every function that is replaced, or that the new code calls in the same file. Errors:
 * LP_ERROR_TARGET_MISMATCH. */
gboolean lp_kernel_join_prove (LpKernelJoin *join, GError **error);

guint lp_kernel_join_count (const LpKernelJoin *join);        /* functions that are replaced */
char *lp_kernel_join_proof_text (const LpKernelJoin *join);   /* one line; caller frees */
GPtrArray *lp_kernel_join_targets (const LpKernelJoin *join); /* LpManifestKernelTarget, sorted */

/* The finished module, signed when the request says so. Fills in functions, proof, digest and size of
 * @manifest's object. Errors: LP_ERROR_REFUSED, LP_ERROR_SOURCES_FAILED, LP_ERROR_FAILED. */
GBytes *lp_kernel_join_link (LpKernelJoin *join, LpManifest *manifest, GError **error);

G_END_DECLS
