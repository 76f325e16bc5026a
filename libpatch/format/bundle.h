/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bundle directory: patch.json plus its entities, read and verified as a whole, or written as a whole.
 * Must not know which bundles are installed (store/) or wished for. */
#pragma once

#include "format/entity.h"
#include "format/manifest.h"
#include "format/signature.h"

G_BEGIN_DECLS

typedef struct {
  char *path; /* directory */
  LpManifest *manifest;
  GPtrArray *entities; /* LpEntity, same order as manifest->objects; NULL elements for kind "kernel" */
  char *signer;        /* name of the trusted key that signed it; NULL: none did, or nobody looked */
} LpBundle;

typedef enum {
  LP_BUNDLE_CHECK_OWNER
  = 1 << 0, /* directory and files must be root's and not writable by others (LP_ERROR_UNTRUSTED) */
} LpBundleFlags;

/* Opens @path by directory descriptor (O_NOFOLLOW for its files), checks sizes, digests, that each entity's
 * uuid and Build-ID are the manifest's. Errors: LP_ERROR_PATCH_CORRUPT, LP_ERROR_UNTRUSTED, LP_ERROR_FAILED.
 */
LpBundle *lp_bundle_open (const char *path, LpBundleFlags flags, GError **error);
/* The same, and tells in ->signer whose signature lies in the bundle, as far as @keyring knows. A missing or
 * foreign signature is no error: what follows from it is the caller's decision. */
LpBundle *lp_bundle_open_signed (const char *path, LpBundleFlags flags, const LpKeyring *keyring,
                                 GError **error);
void lp_bundle_free (LpBundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpBundle, lp_bundle_free)

/* Writes @manifest and @entities (GBytes, order of manifest->objects) as directory @parent/<id>: into a
 * hidden temporary directory, fsync, rename; an existing equal bundle is success, a different one under the
 * same id an error. Returns the path (caller frees). */
char *lp_bundle_write (const char *parent, const LpManifest *manifest, GPtrArray *entities, GError **error);

/* Writes the signature of the bundle in directory @path with the private key in @key_file, in place of any
 * that it has. Errors: those of lp_signature_make() and lp_bundle_open(). */
gboolean lp_bundle_sign (const char *path, const char *key_file, GError **error);

G_END_DECLS
