/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key that livepatch modules are signed with. Must not know how they are made. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Demands that @key is a private key (PEM, without a passphrase) and @certificate (PEM or DER, X.509) is of
 * that key: the kernel's own tool would only say so after minutes, and in OpenSSL's words. Errors:
 * LP_ERROR_INVALID_ARGS naming the file and what is wrong with it. */
gboolean lp_module_key_check (const char *key, const char *certificate, GError **error);

G_END_DECLS
