/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small texts: hex, UUIDs (with the RFC's own example), foreign strings made printable. */
#include <string.h>

#include "base/text.h"

static void
test_hex (void)
{
  guint8 bytes[4] = { 0 };
  gsize size = 99;
  g_autofree char *text = lp_hex_encode ((const guint8[]){ 0, 0x1f, 0xff }, 3);

  g_assert_cmpstr (text, ==, "001fff");
  g_assert_true (lp_hex_is ("001fff", 3));
  g_assert_false (lp_hex_is ("001fff", 2));
  g_assert_false (lp_hex_is ("001fF0", 3));
  g_assert_true (lp_hex_decode ("001fff", bytes, 4, &size));
  g_assert_cmpuint (size, ==, 3);
  g_assert_cmpuint (bytes[2], ==, 0xff);
  g_assert_false (lp_hex_decode ("", bytes, 4, &size));
  g_assert_false (lp_hex_decode ("001", bytes, 4, &size));
  g_assert_false (lp_hex_decode ("0011223344", bytes, 4, &size));
}

static void
test_uuid (void)
{
  static const char *const malformed[] = { "",
                                           "2ed6657d-e927-568b-95e1-2665a8aea6a",
                                           "2ed6657d-e927-568b-95e1-2665a8aea6a22",
                                           "2ED6657D-e927-568b-95e1-2665a8aea6a2",
                                           "2ed6657de-927-568b-95e1-2665a8aea6a2",
                                           "2ed6657d-e927-568b-95e1-2665a8aea6g2" };
  guint8 dns[LP_UUID_BYTES], uuid[LP_UUID_BYTES];

  /* RFC 9562, appendix A.4: "www.example.com" in the name space of DNS. */
  g_assert_true (lp_uuid_parse ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", dns));
  lp_uuid_v5 (dns, "www.example.com", strlen ("www.example.com"), uuid);
  g_autofree char *text = lp_uuid_format (uuid);
  g_assert_cmpstr (text, ==, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  for (guint i = 0; i < G_N_ELEMENTS (malformed); i++)
    g_assert_false (lp_uuid_parse (malformed[i], uuid));
}

static void
test_printable (void)
{
  g_autofree char *text = lp_text_printable ("a\nb\033[2J\xff\xc3\xa4");

  g_assert_cmpstr (text, ==, "a?b?[2J\xef\xbf\xbd\xc3\xa4");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/hex is lower case and of the right length", test_hex);
  g_test_add_func ("/text/a name-based UUID is the RFC's", test_uuid);
  g_test_add_func ("/text/a foreign string can't break a message", test_printable);
  return g_test_run ();
}
