/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bundle directory: patch.json plus its entities, read and verified as a whole, or written as a whole.
 * Must not know which bundles are installed (store/) or wished for. */
#pragma once

#include "format/entity.h"
#include "format/manifest.h"

G_BEGIN_DECLS

typedef struct {
  char *path; /* directory */
  LpManifest *manifest;
  GPtrArray *entities; /* LpEntity, same order as manifest->objects; NULL elements for kind "kernel" */
} LpBundle;

typedef enum {
  LP_BUNDLE_CHECK_OWNER
  = 1 << 0, /* directory and files must be root's and not writable by others (LP_ERROR_UNTRUSTED) */
} LpBundleFlags;

/* Opens @path by directory descriptor (O_NOFOLLOW for its files), checks sizes, digests, that each entity's
 * uuid and Build-ID are the manifest's. Errors: LP_ERROR_PATCH_CORRUPT, LP_ERROR_UNTRUSTED, LP_ERROR_FAILED.
 */
LpBundle *lp_bundle_open (const char *path, LpBundleFlags flags, GError **error);
void lp_bundle_free (LpBundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpBundle, lp_bundle_free)

/* Writes @manifest and @entities (GBytes, order of manifest->objects) as directory @parent/<id>: into a
 * hidden temporary directory, fsync, rename; an existing equal bundle is success, a different one under the
 * same id an error. Returns the path (caller frees). */
char *lp_bundle_write (const char *parent, const LpManifest *manifest, GPtrArray *entities, GError **error);

G_END_DECLS
