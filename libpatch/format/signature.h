/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signatures of bundles and the keys that are trusted. A signature is over the bytes of patch.json, which
 * hold the digests of everything else in the bundle. Must not know where bundles are installed or who asks.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define LP_SIGNATURE_FILE "patch.json.sig"
#define LP_SIGNATURE_SIZE_MAX 4096 /* bytes: RSA with 32768 bits */

/* The trusted public keys: immutable. */
typedef struct LpKeyring LpKeyring;

/**
 * lp_keyring_load:
 * @directory: whose *.pem files are the keys, one PEM block "PUBLIC KEY" (RFC 7468 section 13) in each
 * @check_owner: directory and files must be root's and writable by nobody else
 * @problems: (element-type utf8): gets a sentence for each file that is no usable key
 *
 * Never fails: what isn't a usable key isn't trusted, and the others count all the same. A directory that is
 * missing holds no keys. Ed25519, Ed448, RSA and ECDSA keys of at least 112 bits of strength are usable. A
 * key's name is its file's without ".pem". Blocks on the disk. Returns: (transfer full).
 */
LpKeyring *lp_keyring_load (const char *directory, gboolean check_owner, GPtrArray *problems);
void lp_keyring_free (LpKeyring *keyring);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpKeyring, lp_keyring_free)

/* Name of the key whose signature of @text @signature is, NULL when it is no trusted key's; borrowed from
 * @keyring. With equal keys under several names the first name, by order of the alphabet. */
const char *lp_keyring_find_signer (const LpKeyring *keyring, GBytes *text, GBytes *signature);

/* Signature of @text with the private key in the PEM file @key_file (RFC 7468 section 10 or 11; OpenSSL asks
 * on the terminal for the passphrase of an encrypted one): pure Ed25519 or Ed448 (RFC 8032), RSA PKCS #1 v1.5
 * (RFC 8017) or ECDSA with SHA-256. Errors: LP_ERROR_FAILED (can't be read), LP_ERROR_INVALID_ARGS (not a
 * usable private key). Caller frees. */
GBytes *lp_signature_make (const char *key_file, GBytes *text, GError **error);

G_END_DECLS
