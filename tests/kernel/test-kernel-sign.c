/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures of livepatch modules, made with the kernel's own tool as the builder does, and verified by other
 * makers' tools: openssl and kmod. */
#include <arpa/inet.h>
#include <string.h>

#include "base/error.h"
#include "build/kernel-module.h"
#include "build/module-key.h"
#include "object-pairs.h"

/* What stands at the end: include/linux/module_signature.h of the kernel. */
#define MAGIC "~Module signature appended~\n"
#define PKCS7 2
typedef struct {
  guint8 algorithm, hash, type, signer_length, key_id_length, padding[3];
  guint32 size; /* big-endian: bytes of the signature, which stands before this */
} Trailer;

typedef struct {
  char *folder, *key, *certificate, *other_key;
} Keys;

static void
make_key (const char *key, const char *certificate)
{
  const char *const argv[]
      = { "openssl", "req",     "-new",  "-x509",     "-newkey", "rsa:2048",
          "-nodes",  "-sha256", "-days", "30",        "-subj",   "/CN=A vendor of patches",
          "-keyout", key,       "-out",  certificate, NULL };

  run (argv);
}

static Keys *
keys_new (void)
{
  Keys *keys = g_new0 (Keys, 1);

  keys->folder = g_dir_make_tmp ("kernel-sign-XXXXXX", NULL);
  keys->key = g_build_filename (keys->folder, "key.pem", NULL);
  keys->certificate = g_build_filename (keys->folder, "certificate.pem", NULL);
  keys->other_key = g_build_filename (keys->folder, "other.pem", NULL);
  g_autofree char *other = g_build_filename (keys->folder, "other-certificate.pem", NULL);
  make_key (keys->key, keys->certificate);
  make_key (keys->other_key, other);
  return keys;
}

static void
keys_free (Keys *keys)
{
  remove_folder (keys->folder);
  g_free (keys->folder);
  g_free (keys->key);
  g_free (keys->certificate);
  g_free (keys->other_key);
  g_free (keys);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Keys, keys_free)

/* Folder of the kernel's build tools, which come with its headers. Caller frees. */
static char *
kernel_build_tools (void)
{
  g_autoptr (GDir) modules = g_dir_open ("/lib/modules", 0, NULL);

  for (const char *name = modules != NULL ? g_dir_read_name (modules) : NULL; name != NULL;
       name = g_dir_read_name (modules))
    {
      g_autofree char *folder = g_build_filename ("/lib/modules", name, "build", NULL);
      g_autofree char *tool = g_build_filename (folder, "scripts", "sign-file", NULL);
      if (g_file_test (tool, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&folder);
    }
  return NULL;
}

static GBytes *
sign (const Keys *keys, GBytes *module, GError **error)
{
  g_autofree char *tools = kernel_build_tools ();
  char *environment[] = { (char *)"PATH=/usr/bin:/bin", NULL };
  LpWorkspace workspace = { .scratch = keys->folder };
  LpKernelTree tree = { .objects = tools, .workspace = &workspace, .environment = environment };

  if (tools == NULL)
    {
      g_test_fail_printf ("no /lib/modules/*/build/scripts/sign-file: install linux-headers-amd64");
      return NULL;
    }
  return lp_kernel_module_sign (&tree, module, keys->key, keys->certificate, NULL, error);
}

static GBytes *
make_module (const Keys *keys)
{
  g_autofree char *object = compile (keys->folder, "module",
                                     "static const char license[] __attribute__((used, section "
                                     "(\".modinfo\"), aligned (1))) = \"license=GPL\";\n"
                                     "int first (int x) { out (\"a\", x); return in (); }\n",
                                     FALSE, TRUE);
  char *data;
  gsize size;

  g_assert_true (g_file_get_contents (object, &data, &size, NULL));
  return g_bytes_new_take (data, size);
}

static char *
write_part (const Keys *keys, const char *name, const char *data, gsize size)
{
  char *path = g_build_filename (keys->folder, name, NULL);

  g_assert_true (g_file_set_contents (path, data, (gssize)size, NULL));
  return path;
}

/* Whether openssl finds that the signature in @signed is of the certificate's key and of what stands before
 * it. */
static gboolean
verifies (const Keys *keys, const char *data, gsize size)
{
  Trailer trailer;
  gsize end = size - strlen (MAGIC) - sizeof trailer;
  int status;

  g_assert_cmpmem (data + size - strlen (MAGIC), strlen (MAGIC), MAGIC, strlen (MAGIC));
  memcpy (&trailer, data + end, sizeof trailer);
  g_assert_cmpuint (trailer.type, ==, PKCS7);
  gsize length = ntohl (trailer.size);
  g_assert_cmpuint (length, <, end);
  g_autofree char *content = write_part (keys, "content", data, end - length);
  g_autofree char *signature = write_part (keys, "signature", data + end - length, length);
  const char *const argv[] = { "openssl",   "cms",
                               "-verify",   "-binary",
                               "-inform",   "DER",
                               "-in",       signature,
                               "-content",  content,
                               "-certfile", keys->certificate,
                               "-CAfile",   keys->certificate,
                               "-purpose",  "any",
                               "-out",      "/dev/null",
                               NULL };
  g_assert_true (g_spawn_sync (NULL, (char **)argv, NULL,
                               G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                               NULL, NULL, NULL, NULL, &status, NULL));
  return status == 0;
}

static void
assert_modinfo (const char *path, const char *field, const char *expected)
{
  const char *const argv[] = { "modinfo", "-F", field, path, NULL };
  g_autofree char *output = NULL;
  int status;

  g_assert_true (g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, NULL,
                               &status, NULL));
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpstr (g_strstrip (output), ==, expected);
}

static void
test_signed (void)
{
  g_autoptr (Keys) keys = keys_new ();
  g_autoptr (GBytes) module = make_module (keys);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) with = sign (keys, module, &error);
  gsize size, size_before;

  if (with == NULL)
    {
      g_test_fail_printf ("%s", error != NULL ? error->message : "not signed");
      return;
    }
  const char *data = g_bytes_get_data (with, &size);
  const char *before = g_bytes_get_data (module, &size_before);
  g_assert_cmpuint (size, >, size_before);
  g_assert_cmpint (memcmp (data, before, size_before), ==, 0);
  g_assert_true (verifies (keys, data, size));
  g_autofree char *path = write_part (keys, "module.ko", data, size);
  assert_modinfo (path, "signer", "A vendor of patches");
  assert_modinfo (path, "sig_hashalgo", "sha256");
  assert_modinfo (path, "sig_id", "PKCS#7");

  g_autofree char *damaged = g_memdup2 (data, size);
  damaged[size_before / 2] ^= 1;
  g_assert_false (verifies (keys, damaged, size));
}

static void
assert_bad (const char *key, const char *certificate, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (lp_module_key_check (key, certificate, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_INVALID_ARGS);
  if (strstr (error->message, words) == NULL)
    g_test_fail_printf ("%s", error->message);
}

static void
test_bad_keys (void)
{
  g_autoptr (Keys) keys = keys_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *locked = g_build_filename (keys->folder, "locked.pem", NULL);
  g_autofree char *der = g_build_filename (keys->folder, "certificate.der", NULL);
  const char *const lock[]
      = { "openssl", "pkey", "-in", keys->key, "-aes256", "-passout", "pass:secret", "-out", locked, NULL };
  const char *const convert[]
      = { "openssl", "x509", "-in", keys->certificate, "-outform", "DER", "-out", der, NULL };

  run (lock);
  run (convert);
  g_assert_true (lp_module_key_check (keys->key, keys->certificate, &error));
  g_assert_true (lp_module_key_check (keys->key, der, &error));
  g_assert_no_error (error);
  assert_bad ("/nowhere/key.pem", keys->certificate, "/nowhere/key.pem");
  assert_bad (keys->key, "/nowhere/certificate.pem", "/nowhere/certificate.pem");
  assert_bad (keys->certificate, keys->certificate, "not a private key in PEM");
  assert_bad (keys->key, keys->key, "not an X.509 certificate");
  assert_bad (keys->other_key, keys->certificate, "the certificate isn't of the key in");
  assert_bad (locked, keys->certificate, "has a passphrase");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernel sign/a signed module is verified by openssl and modinfo", test_signed);
  g_test_add_func ("/kernel sign/keys and certificates that can't be used are named", test_bad_keys);
  return g_test_run ();
}
