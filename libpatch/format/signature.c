/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signs and verifies with OpenSSL's EVP interface. Must not know where bundles are installed or who asks. */
#include "format/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/error.h"
#include "base/io.h"

#define KEY_SUFFIX ".pem"
#define KEY_FILE_MAX (64 * 1024) /* bytes */
#define KEYS_MAX 256             /* each costs a check of each signature */
#define KEY_NAME_MAX 64
#define STRENGTH_MIN 112 /* bits of security: RSA 2048, P-224 (NIST SP 800-57 part 1, table 2) */

typedef struct {
  char *name;
  EVP_PKEY *key;
} Key;

struct LpKeyring {
  GPtrArray *keys; /* Key, by name */
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIO, BIO_free_all)

static void
key_free (gpointer data)
{
  Key *key = data;

  g_free (key->name);
  EVP_PKEY_free (key->key);
  g_free (key);
}

/* OpenSSL's words for what went wrong last; empties its queue, which belongs to the thread. */
static char *
take_openssl_error (void)
{
  unsigned long code = ERR_peek_last_error ();
  const char *reason = code != 0 ? ERR_reason_error_string (code) : NULL;
  char *text = g_strdup (reason != NULL ? reason : "not a readable key");

  ERR_clear_error ();
  return text;
}

/* NULL for those that sign the message itself (RFC 8032), which OpenSSL wants no digest for. */
static const EVP_MD *
digest_for (EVP_PKEY *key)
{
  int type = EVP_PKEY_get_base_id (key);

  return type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448 ? NULL : EVP_sha256 ();
}

/* (nullable): why @key can't be used. */
static char *
find_fault (EVP_PKEY *key)
{
  static const int types[] = { EVP_PKEY_ED25519, EVP_PKEY_ED448, EVP_PKEY_RSA, EVP_PKEY_EC };
  gboolean known = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    known = known || EVP_PKEY_get_base_id (key) == types[i];
  if (!known)
    return g_strdup ("not a key of a known kind (Ed25519, Ed448, RSA, ECDSA)");
  if (EVP_PKEY_get_security_bits (key) < STRENGTH_MIN)
    return g_strdup_printf ("too weak a key (%d bits of security, at least %d are needed)",
                            EVP_PKEY_get_security_bits (key), STRENGTH_MIN);
  return NULL;
}

/* The one public key in @bytes; NULL and @fault when there is none. */
static EVP_PKEY *
parse_public_key (GBytes *bytes, char **fault)
{
  gsize size;
  const char *text = g_bytes_get_data (bytes, &size);
  g_autoptr (BIO) bio = BIO_new_mem_buf (text, (int)size);
  g_autoptr (EVP_PKEY) key = NULL;

  /* Somebody's private key must not lie around on every machine. */
  if (g_strstr_len (text, (gssize)size, "PRIVATE KEY") != NULL)
    {
      *fault = g_strdup ("holds a private key; only the public one belongs here");
      return NULL;
    }
  key = PEM_read_bio_PUBKEY (bio, NULL, NULL, NULL);
  if (key == NULL)
    {
      g_autofree char *reason = take_openssl_error ();
      *fault = g_strdup_printf ("holds no PEM public key (%s)", reason);
      return NULL;
    }

  g_autoptr (EVP_PKEY) second = PEM_read_bio_PUBKEY (bio, NULL, NULL, NULL);
  ERR_clear_error (); /* that there is none is what is hoped for */
  *fault = second != NULL ? g_strdup ("holds more than one key") : find_fault (key);
  return *fault == NULL ? g_steal_pointer (&key) : NULL;
}

/* Names get into polkit's details and into lists. */
static gboolean
is_key_name (const char *name)
{
  return name[0] != '\0' && strlen (name) <= KEY_NAME_MAX
         && strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-@") == strlen (name);
}

static gboolean
only_root_writes (int fd)
{
  struct stat st;

  return fstat (fd, &st) == 0 && st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static EVP_PKEY *
read_key (int directory, const char *file, gboolean check_owner, char **fault)
{
  g_autoptr (GError) error = NULL;
  LP_AUTO_FD int fd = openat (directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

  if (fd < 0)
    {
      *fault = g_strdup_printf ("cannot open: %s", g_strerror (errno));
      return NULL;
    }
  if (check_owner && !only_root_writes (fd))
    {
      *fault = g_strdup ("must be root's and writable by nobody else");
      return NULL;
    }
  g_autoptr (GBytes) bytes = lp_io_read_fd (fd, file, KEY_FILE_MAX, &error);
  if (bytes == NULL)
    {
      *fault = g_strdup (error->message);
      return NULL;
    }
  return parse_public_key (bytes, fault);
}

static void
add_key (LpKeyring *keyring, int fd, const char *directory, const char *file, gboolean check_owner,
         GPtrArray *problems)
{
  g_autofree char *name = g_strndup (file, strlen (file) - strlen (KEY_SUFFIX));
  g_autofree char *fault = NULL;
  EVP_PKEY *evp = NULL;

  if (keyring->keys->len >= KEYS_MAX)
    fault = g_strdup_printf ("more than %d keys", KEYS_MAX);
  else if (!is_key_name (name))
    fault = g_strdup ("a key's file name has only letters, digits, '.', '_', '-' and '@'");
  else
    evp = read_key (fd, file, check_owner, &fault);
  if (evp == NULL)
    {
      g_ptr_array_add (problems, g_strdup_printf ("%s/%s: %s; it is not trusted", directory, file, fault));
      return;
    }
  Key *key = g_new0 (Key, 1);
  key->name = g_steal_pointer (&name);
  key->key = evp;
  g_ptr_array_add (keyring->keys, key);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The names of the key files in order, so that equal keys get the same name every time. */
static GPtrArray *
list_key_files (const char *directory)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) entries = g_dir_open (directory, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    if (name[0] != '.' && g_str_has_suffix (name, KEY_SUFFIX))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

LpKeyring *
lp_keyring_load (const char *directory, gboolean check_owner, GPtrArray *problems)
{
  LpKeyring *keyring = g_new0 (LpKeyring, 1);
  LP_AUTO_FD int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  keyring->keys = g_ptr_array_new_with_free_func (key_free);
  if (fd < 0 && errno == ENOENT)
    return keyring;
  if (fd < 0)
    {
      g_ptr_array_add (problems, g_strdup_printf ("%s: cannot open: %s; no key is trusted", directory,
                                                  g_strerror (errno)));
      return keyring;
    }
  if (check_owner && !only_root_writes (fd))
    {
      g_ptr_array_add (
          problems,
          g_strdup_printf ("%s: must be root's and writable by nobody else; no key in it is trusted",
                           directory));
      return keyring;
    }

  g_autoptr (GPtrArray) files = list_key_files (directory);
  for (guint i = 0; i < files->len; i++)
    add_key (keyring, fd, directory, files->pdata[i], check_owner, problems);
  return keyring;
}

void
lp_keyring_free (LpKeyring *keyring)
{
  if (keyring == NULL)
    return;
  g_ptr_array_unref (keyring->keys);
  g_free (keyring);
}

static gboolean
verify (EVP_PKEY *key, GBytes *text, GBytes *signature)
{
  g_autoptr (EVP_MD_CTX) context = EVP_MD_CTX_new ();
  gsize text_size, signature_size;
  const guint8 *text_data = g_bytes_get_data (text, &text_size);
  const guint8 *signature_data = g_bytes_get_data (signature, &signature_size);
  /* EVP_DigestVerify(3): 1 is the only good answer; 0 and negative ones aren't. */
  gboolean good = context != NULL && EVP_DigestVerifyInit (context, NULL, digest_for (key), NULL, key) == 1
                  && EVP_DigestVerify (context, signature_data, signature_size, text_data, text_size) == 1;

  ERR_clear_error ();
  return good;
}

const char *
lp_keyring_find_signer (const LpKeyring *keyring, GBytes *text, GBytes *signature)
{
  for (guint i = 0; g_bytes_get_size (signature) > 0 && i < keyring->keys->len; i++)
    {
      const Key *key = g_ptr_array_index (keyring->keys, i);

      if (verify (key->key, text, signature))
        return key->name;
    }
  return NULL;
}

static EVP_PKEY *
read_private_key (const char *key_file, GError **error)
{
  g_autoptr (BIO) bio = BIO_new_file (key_file, "r");
  g_autoptr (EVP_PKEY) key = NULL;
  g_autofree char *fault = NULL;

  if (bio == NULL)
    {
      fault = take_openssl_error ();
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: cannot open the key: %s", key_file, fault);
      return NULL;
    }
  key = PEM_read_bio_PrivateKey (bio, NULL, NULL, NULL);
  fault = key == NULL ? take_openssl_error () : find_fault (key);
  if (fault == NULL)
    return g_steal_pointer (&key);
  lp_error_set (error, LP_ERROR_INVALID_ARGS, "openssl genpkey -algorithm ed25519 -out KEY.pem makes one",
                "%s: can't sign with it: %s", key_file, fault);
  return NULL;
}

GBytes *
lp_signature_make (const char *key_file, GBytes *text, GError **error)
{
  g_autoptr (EVP_PKEY) key = read_private_key (key_file, error);
  g_autoptr (EVP_MD_CTX) context = EVP_MD_CTX_new ();
  gsize text_size, size = LP_SIGNATURE_SIZE_MAX;
  const guint8 *text_data = g_bytes_get_data (text, &text_size);

  if (key == NULL)
    return NULL;
  g_autofree guint8 *signature = g_malloc (size);
  if (EVP_DigestSignInit (context, NULL, digest_for (key), NULL, key) == 1
      && EVP_DigestSign (context, signature, &size, text_data, text_size) == 1)
    return g_bytes_new_take (g_steal_pointer (&signature), size);
  g_autofree char *fault = take_openssl_error ();
  lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "%s: can't sign with it: %s", key_file, fault);
  return NULL;
}
