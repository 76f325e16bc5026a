/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small texts: hex, UUIDs, foreign strings made fit for a message. Must not know what they name. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define LP_UUID_BYTES 16

/* Lower-case hex of @size bytes; caller frees. */
char *lp_hex_encode (const guint8 *bytes, gsize size);
/* Whether @text is lower-case hex of exactly @size bytes. */
gboolean lp_hex_is (const char *text, gsize size);
/* Decodes lower-case hex of at most @max bytes into @bytes. FALSE (nothing written) when @text is malformed,
 * empty or longer. */
gboolean lp_hex_decode (const char *text, guint8 *bytes, gsize max, gsize *size);

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" in lower case, the only form that is accepted; RFC 9562 section 4.
 */
gboolean lp_uuid_parse (const char *text, guint8 uuid[LP_UUID_BYTES]);
char *lp_uuid_format (const guint8 uuid[LP_UUID_BYTES]); /* caller frees */
/* Name-based UUID (SHA-1) of @name_size bytes in @space; RFC 9562 section 5.5. */
void lp_uuid_v5 (const guint8 space[LP_UUID_BYTES], const void *name, gsize name_size,
                 guint8 uuid[LP_UUID_BYTES]);

/* @text as one line of valid UTF-8 without control characters, fit for an error message; caller frees. */
char *lp_text_printable (const char *text);

G_END_DECLS
