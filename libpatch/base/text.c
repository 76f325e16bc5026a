/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small texts: hex, UUIDs, foreign strings made fit for a message. Must not know what they name. */
#include "base/text.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

char *
lp_hex_encode (const guint8 *bytes, gsize size)
{
  char *text = g_malloc (size * 2 + 1);

  for (gsize i = 0; i < size; i++)
    {
      text[2 * i] = hex_digits[bytes[i] >> 4];
      text[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
  text[size * 2] = '\0';
  return text;
}

gboolean
lp_hex_is (const char *text, gsize size)
{
  return strspn (text, hex_digits) == size * 2 && text[size * 2] == '\0';
}

gboolean
lp_hex_decode (const char *text, guint8 *bytes, gsize max, gsize *size)
{
  gsize length = strlen (text);

  if (length == 0 || length % 2 != 0 || length / 2 > max || !lp_hex_is (text, length / 2))
    return FALSE;
  for (gsize i = 0; i < length / 2; i++)
    bytes[i] = g_ascii_xdigit_value (text[2 * i]) << 4 | g_ascii_xdigit_value (text[2 * i + 1]);
  if (size != NULL)
    *size = length / 2;
  return TRUE;
}

/* Positions of the dashes in the printed form. */
static gboolean
is_dash (guint position)
{
  return position == 8 || position == 13 || position == 18 || position == 23;
}

gboolean
lp_uuid_parse (const char *text, guint8 uuid[LP_UUID_BYTES])
{
  char hex[LP_UUID_BYTES * 2 + 1];
  guint n = 0;

  if (strlen (text) != 36)
    return FALSE;
  for (guint i = 0; i < 36; i++)
    {
      if (is_dash (i) != (text[i] == '-'))
        return FALSE;
      if (text[i] != '-')
        hex[n++] = text[i];
    }
  hex[n] = '\0';
  return lp_hex_decode (hex, uuid, LP_UUID_BYTES, NULL);
}

char *
lp_uuid_format (const guint8 uuid[LP_UUID_BYTES])
{
  g_autofree char *hex = lp_hex_encode (uuid, LP_UUID_BYTES);

  return g_strdup_printf ("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void
lp_uuid_v5 (const guint8 space[LP_UUID_BYTES], const void *name, gsize name_size, guint8 uuid[LP_UUID_BYTES])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);
  guint8 digest[20];
  gsize digest_size = sizeof digest;

  g_checksum_update (checksum, space, LP_UUID_BYTES);
  g_checksum_update (checksum, name, name_size);
  g_checksum_get_digest (checksum, digest, &digest_size);
  memcpy (uuid, digest, LP_UUID_BYTES);
  uuid[6] = (uuid[6] & 0x0f) | 0x50; /* version 5 */
  uuid[8] = (uuid[8] & 0x3f) | 0x80; /* variant 10 */
}

char *
lp_text_printable (const char *text)
{
  char *valid = g_utf8_make_valid (text, -1);

  for (char *c = valid; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      *c = '?';
  return valid;
}
