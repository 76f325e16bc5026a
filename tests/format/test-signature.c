/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures: each kind of key signs and verifies, also with openssl(1) on the other side; nothing else does.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sample.h"

typedef struct {
  char *folder, *keys, *bundle;
} Fixture;

static const struct {
  const char *name;
  const char *how; /* arguments of openssl genpkey */
} kinds[] = {
  { "ed25519", "-algorithm ed25519" },
  { "ed448", "-algorithm ed448" },
  { "rsa", "-algorithm rsa -pkeyopt rsa_keygen_bits:2048" },
  { "ecdsa", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256" },
};

static void G_GNUC_PRINTF (1, 2) shell (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *line = g_strdup_vprintf (format, args);
  va_end (args);
  char *const argv[] = { "sh", "-euc", line, NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *out = NULL, *err = NULL;
  int status;

  g_assert_true (
      g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error));
  if (!g_spawn_check_wait_status (status, &error))
    g_error ("%s: %s: %s%s", line, error->message, out, err);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("syscare-signature-XXXXXX", NULL);
  fixture->keys = g_build_filename (fixture->folder, "trusted.d", NULL);
  fixture->bundle = sample_bundle (fixture->folder, "HP001", 2);
  g_assert_cmpint (g_mkdir (fixture->keys, 0755), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  shell ("rm -rf -- '%s'", fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->keys);
  g_free (fixture->bundle);
}

/* NAME-private.pem in the folder; NAME.pem among the trusted keys. */
static char *
make_key (Fixture *fixture, const char *name, const char *how)
{
  shell ("cd '%s'; openssl genpkey %s -out %s-private.pem 2>/dev/null; openssl pkey -in %s-private.pem "
         "-pubout -out trusted.d/%s.pem",
         fixture->folder, how, name, name, name);
  return g_strdup_printf ("%s/%s-private.pem", fixture->folder, name);
}

/* How many problems the keys have and who signed the bundle, "" when nobody did. */
static char *
signer (Fixture *fixture, guint n_problems)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (LpKeyring) keyring = lp_keyring_load (fixture->keys, FALSE, problems);
  g_autoptr (GError) error = NULL;
  g_autoptr (LpBundle) bundle = lp_bundle_open_signed (fixture->bundle, 0, keyring, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (problems->len, ==, n_problems);
  return g_strdup (bundle->signer != NULL ? bundle->signer : "");
}

static void
assert_signer (Fixture *fixture, guint n_problems, const char *name)
{
  g_autofree char *found = signer (fixture, n_problems);

  g_assert_cmpstr (found, ==, name);
}

static void
sign (Fixture *fixture, const char *key)
{
  g_autoptr (GError) error = NULL;

  lp_bundle_sign (fixture->bundle, key, &error);
  g_assert_no_error (error);
}

static void
test_kinds (Fixture *fixture, gconstpointer data)
{
  assert_signer (fixture, 0, "");
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *key = make_key (fixture, kinds[i].name, kinds[i].how);
      gboolean raw = g_str_has_prefix (kinds[i].name, "ed");

      sign (fixture, key);
      assert_signer (fixture, 0, kinds[i].name);
      /* openssl(1) verifies ours, and we verify openssl's. */
      if (raw)
        shell (
            "cd '%s'; openssl pkeyutl -verify -rawin -pubin -inkey ../trusted.d/%s.pem -in patch.json "
            "-sigfile patch.json.sig;"
            "rm patch.json.sig; openssl pkeyutl -sign -rawin -inkey '%s' -in patch.json -out patch.json.sig",
            fixture->bundle, kinds[i].name, key);
      else
        shell (
            "cd '%s'; openssl dgst -sha256 -verify ../trusted.d/%s.pem -signature patch.json.sig patch.json;"
            "rm patch.json.sig; openssl dgst -sha256 -sign '%s' -out patch.json.sig patch.json",
            fixture->bundle, kinds[i].name, key);
      assert_signer (fixture, 0, kinds[i].name);
    }
}

static void
test_wrong (Fixture *fixture, gconstpointer data)
{
  g_autofree char *key = make_key (fixture, "one", "-algorithm ed25519");
  g_autofree char *other = make_key (fixture, "two", "-algorithm ed25519");
  g_autofree char *file = g_build_filename (fixture->bundle, LP_SIGNATURE_FILE, NULL);
  g_autofree char *good = NULL;
  gsize size;

  shell ("rm '%s/two.pem'", fixture->keys);
  sign (fixture, other);
  assert_signer (fixture, 0, ""); /* nobody knows that key */
  sign (fixture, key);
  assert_signer (fixture, 0, "one");
  g_assert_true (g_file_get_contents (file, &good, &size, NULL));
  for (gsize i = 0; i < size; i++) /* every byte of it counts */
    {
      good[i] ^= 1;
      g_assert_true (g_file_set_contents (file, good, (gssize)size, NULL));
      assert_signer (fixture, 0, "");
      good[i] ^= 1;
    }
  for (gsize length = 0; length < size; length += 9)
    {
      g_assert_true (g_file_set_contents (file, good, (gssize)length, NULL));
      assert_signer (fixture, 0, "");
    }
  shell ("cd '%s'; head -c 5000 /dev/zero >patch.json.sig", fixture->bundle); /* too long */
  assert_signer (fixture, 0, "");
  shell ("cd '%s'; rm patch.json.sig; ln -s /etc/passwd patch.json.sig", fixture->bundle);
  assert_signer (fixture, 0, "");
  shell ("cd '%s'; rm patch.json.sig; mkfifo patch.json.sig", fixture->bundle);
  assert_signer (fixture, 0, "");
}

static void
test_bad_keys (Fixture *fixture, gconstpointer data)
{
  g_autofree char *key = make_key (fixture, "good", "-algorithm ed25519");
  g_autofree char *weak = make_key (fixture, "weak", "-algorithm rsa -pkeyopt rsa_keygen_bits:1024");
  g_autofree char *wrong = make_key (fixture, "exchange", "-algorithm x25519");
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  sign (fixture, key);
  shell ("cd '%s'; cp ../good-private.pem private.pem; echo nothing >text.pem; : >empty.pem; cp good.pem 'a "
         "name.pem';"
         "cat good.pem good.pem >two.pem; mkdir folder.pem; ln -s good.pem link.pem; mkfifo pipe.pem; head "
         "-c 70000 /dev/zero >large.pem;"
         "echo junk >ignored.txt; echo junk >.hidden.pem",
         fixture->keys);
  G_GNUC_UNUSED g_autoptr (LpKeyring) keyring = lp_keyring_load (fixture->keys, FALSE, problems);
  static const char *const words[] = { "private.pem: holds a private key",
                                       "text.pem: holds no PEM",
                                       "empty.pem: ",
                                       "a name.pem: ",
                                       "two.pem: holds more than one",
                                       "folder.pem: ",
                                       "link.pem: ",
                                       "pipe.pem: ",
                                       "large.pem: ",
                                       "weak.pem: too weak a key",
                                       "exchange.pem: not a key of a known kind" };
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gboolean found = FALSE;
      for (guint k = 0; k < problems->len; k++)
        found = found || strstr (problems->pdata[k], words[i]) != NULL;
      if (!found)
        g_test_fail_printf ("no problem is told about %s", words[i]);
    }
  g_assert_cmpuint (problems->len, ==, G_N_ELEMENTS (words));
  assert_signer (fixture, G_N_ELEMENTS (words), "good"); /* the good one counts all the same */

  const char *const unusable[] = { weak, wrong, "/etc/passwd" };
  for (guint i = 0; i < G_N_ELEMENTS (unusable); i++)
    {
      g_assert_false (lp_bundle_sign (fixture->bundle, unusable[i], &error));
      g_assert_error (error, LP_ERROR, LP_ERROR_INVALID_ARGS);
      g_clear_error (&error);
    }
  g_assert_false (lp_bundle_sign (fixture->bundle, "/nonexistent", &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_FAILED);
  assert_signer (fixture, G_N_ELEMENTS (words), "good"); /* a failure leaves the signature as it was */
}

static void
test_missing_folder (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  G_GNUC_UNUSED g_autoptr (LpKeyring) none = lp_keyring_load ("/nonexistent", TRUE, problems);

  g_assert_cmpuint (problems->len, ==, 0);
  G_GNUC_UNUSED g_autoptr (LpKeyring) file = lp_keyring_load ("/etc/passwd", TRUE, problems);
  g_assert_cmpuint (problems->len, ==, 1);
}

static void
test_owner (Fixture *fixture, gconstpointer data)
{
  G_GNUC_UNUSED g_autofree char *key = make_key (fixture, "good", "-algorithm ed25519");
  G_GNUC_UNUSED g_autofree char *open_key = make_key (fixture, "open", "-algorithm ed25519");
  g_autofree char *path = g_build_filename (fixture->keys, "open.pem", NULL);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

  g_assert_cmpint (g_chmod (path, 0664), ==, 0);
  G_GNUC_UNUSED g_autoptr (LpKeyring) keyring = lp_keyring_load (fixture->keys, TRUE, problems);
  /* Not root's folder, or (as root) one key that others may write. */
  g_assert_cmpuint (problems->len, ==, 1);
  g_assert_nonnull (strstr (problems->pdata[0], "must be root's and writable by nobody else"));
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/signature/every kind of key, with openssl(1) on the other side", test_kinds },
    { "/signature/foreign, damaged, cut and odd ones are none", test_wrong },
    { "/signature/bad keys are told and matter to nobody", test_bad_keys },
    { "/signature/no folder, no keys", test_missing_folder },
    { "/signature/keys that others may write aren't trusted", test_owner },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
