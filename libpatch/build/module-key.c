/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads key and certificate as scripts/sign-file.c of the kernel does. */
#include "config.h"

#include "build/module-key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/error.h"

#define CERTIFICATE_HINT                                                                                     \
  "openssl req -new -x509 -newkey rsa:4096 -nodes -keyout KEY.pem -out CERT.pem makes a pair "               \
  "(syscare-build(1))"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509, X509_free)

/* Nobody is asked: notes that somebody should be. */
static int
on_passphrase (char *buffer G_GNUC_UNUSED, int size G_GNUC_UNUSED, int writing G_GNUC_UNUSED, void *user_data)
{
  *(gboolean *)user_data = TRUE;
  return -1;
}

static BIO *
open_file (const char *path, GError **error)
{
  g_autoptr (GError) local = NULL;
  char *data;
  gsize size;

  if (!g_file_get_contents (path, &data, &size, &local))
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "%s", local->message);
      return NULL;
    }
  BIO *bio = BIO_new (BIO_s_mem ());
  BIO_write (bio, data, (int)MIN (size, G_MAXINT));
  OPENSSL_cleanse (data, size);
  g_free (data);
  return bio;
}

static EVP_PKEY *
read_key (const char *path, GError **error)
{
  g_autoptr (BIO) bio = open_file (path, error);
  gboolean is_locked = FALSE;

  if (bio == NULL)
    return NULL;
  EVP_PKEY *key = PEM_read_bio_PrivateKey (bio, NULL, on_passphrase, &is_locked);
  ERR_clear_error ();
  if (key == NULL && is_locked)
    lp_error_set (error, LP_ERROR_INVALID_ARGS,
                  "openssl pkey -in KEY.pem -out PLAIN.pem takes the passphrase away",
                  "%s: the private key has a passphrase, which can't be asked for here", path);
  else if (key == NULL)
    lp_error_set (error, LP_ERROR_INVALID_ARGS, CERTIFICATE_HINT, "%s: not a private key in PEM", path);
  return key;
}

static X509 *
read_certificate (const char *path, GError **error)
{
  g_autoptr (BIO) bio = open_file (path, error);

  if (bio == NULL)
    return NULL;
  X509 *certificate = PEM_read_bio_X509 (bio, NULL, NULL, NULL);
  if (certificate == NULL)
    {
      g_autoptr (BIO) again = open_file (path, NULL);
      certificate = again != NULL ? d2i_X509_bio (again, NULL) : NULL;
    }
  ERR_clear_error ();
  if (certificate == NULL)
    lp_error_set (error, LP_ERROR_INVALID_ARGS, CERTIFICATE_HINT,
                  "%s: not an X.509 certificate in PEM or DER", path);
  return certificate;
}

gboolean
lp_module_key_check (const char *key, const char *certificate, GError **error)
{
  g_autoptr (EVP_PKEY) private = read_key (key, error);
  g_autoptr (X509) public = private != NULL ? read_certificate (certificate, error) : NULL;

  if (public == NULL)
    return FALSE;
  gboolean fits = X509_check_private_key (public, private) == 1;
  ERR_clear_error ();
  if (!fits)
    lp_error_set (error, LP_ERROR_INVALID_ARGS, CERTIFICATE_HINT,
                  "%s: the certificate isn't of the key in %s", certificate, key);
  return fits;
}
