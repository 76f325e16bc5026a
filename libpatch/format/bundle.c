/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens a bundle directory and checks it as a whole; writes one as a whole. Must not know which bundles are
 * installed. Everything is reached through the directory's descriptor, so that nobody can exchange it between
 * two looks. */
#include "format/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"

#define MANIFEST_SIZE_MAX (16 * 1024 * 1024) /* bytes */

/* What a file's failing means for a bundle: missing or oversized content is a damaged patch, a failing disk
 * isn't. */
static GBytes *
read_member (int directory, const char *path, const char *name, gsize max, GError **error)
{
  g_autoptr (GError) reason = NULL;
  struct stat st;

  if (fstatat (directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    lp_error_set_errno (error, errno == ENOENT ? LP_ERROR_PATCH_CORRUPT : LP_ERROR_FAILED, errno, "%s: %s",
                        path, name);
  else if (!S_ISREG (st.st_mode))
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: %s is not a regular file", path, name);
  else if ((guint64)st.st_size > max)
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: %s is larger than %" G_GSIZE_FORMAT " bytes",
                  path, name, max);
  else
    {
      GBytes *bytes = lp_io_read_at (directory, name, max, &reason);
      if (bytes == NULL)
        lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: %s", path, reason->message);
      return bytes;
    }
  return NULL;
}

static gboolean
check_owner (const struct stat *st, const char *path, const char *name, GError **error)
{
  if (st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
    return TRUE;
  lp_error_set (error, LP_ERROR_UNTRUSTED,
                "Make it root's and writable by nobody else, after checking where it came from.",
                "%s%s%s: belongs to uid %u with mode %04o, so others can change it", path,
                name[0] != '\0' ? "/" : "", name, (guint)st->st_uid, (guint)st->st_mode & 07777);
  return FALSE;
}

static gboolean
check_member_owner (int directory, const char *path, const char *name, GError **error)
{
  struct stat st;

  if (fstatat (directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return check_owner (&st, path, name, error);
  return TRUE; /* that it is missing is found, and named, when it is read */
}

static gboolean
check_directory_owner (int directory, const char *path, GError **error)
{
  struct stat st;

  if (fstat (directory, &st) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot stat", path);
      return FALSE;
    }
  return check_owner (&st, path, "", error);
}

/* The entity is the one that the manifest means. */
static gboolean
check_entity (const char *path, const LpManifestObject *object, const LpEntity *entity, GError **error)
{
  g_autofree char *uuid = lp_entity_uuid (entity);
  g_autofree char *build_id = lp_entity_build_id (entity);

  if (strcmp (uuid, object->uuid) != 0)
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s/%s: is the entity of patch %s, not of %s", path,
                  object->entity, uuid, object->uuid);
  else if (strcmp (build_id, object->build_id) != 0)
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s/%s: is for Build-ID %s, the manifest says %s",
                  path, object->entity, build_id, object->build_id);
  else
    return TRUE;
  return FALSE;
}

static gboolean
check_digest (const char *path, const LpManifestObject *object, GBytes *bytes, GError **error)
{
  g_autofree char *digest = lp_io_digest (bytes);

  if (g_bytes_get_size (bytes) != object->size)
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, "Install the patch again.",
                  "%s/%s: has %" G_GSIZE_FORMAT " bytes, the manifest says %" G_GUINT64_FORMAT, path,
                  object->entity, g_bytes_get_size (bytes), object->size);
  else if (strcmp (digest, object->digest) != 0)
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, "Install the patch again.",
                  "%s/%s: its digest differs from the manifest's", path, object->entity);
  else
    return TRUE;
  return FALSE;
}

/* Appends the entity of @object to @bundle: NULL for kernel modules, which only the kernel can judge. */
static gboolean
read_object (int directory, LpBundle *bundle, const LpManifestObject *object, LpBundleFlags flags,
             GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (LpEntity) entity = NULL;
  g_autofree char *name = g_build_filename (bundle->path, object->entity, NULL);

  if ((flags & LP_BUNDLE_CHECK_OWNER) != 0
      && !check_member_owner (directory, bundle->path, object->entity, error))
    return FALSE;
  bytes = read_member (directory, bundle->path, object->entity, LP_ENTITY_FILE_MAX, error);
  if (bytes == NULL || !check_digest (bundle->path, object, bytes, error))
    return FALSE;
  if (strcmp (bundle->manifest->kind, "user") == 0)
    {
      entity = lp_entity_new (bytes, name, error);
      if (entity == NULL || !check_entity (bundle->path, object, entity, error))
        return FALSE;
    }
  g_ptr_array_add (bundle->entities, g_steal_pointer (&entity));
  return TRUE;
}

static void
free_entity (gpointer entity)
{
  if (entity != NULL)
    lp_entity_unref (entity);
}

static LpBundle *
bundle_new (const char *path, LpManifest *manifest)
{
  LpBundle *bundle = g_new0 (LpBundle, 1);

  bundle->path = g_strdup (path);
  bundle->manifest = manifest;
  bundle->entities = g_ptr_array_new_with_free_func (free_entity);
  return bundle;
}

/* Finds out who signed @text. A signature that can't be read is none: what isn't signed isn't trusted. */
static gboolean
read_signer (int directory, LpBundle *bundle, GBytes *text, LpBundleFlags flags, const LpKeyring *keyring,
             GError **error)
{
  struct stat st;

  if (keyring == NULL || fstatat (directory, LP_SIGNATURE_FILE, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return TRUE;
  if ((flags & LP_BUNDLE_CHECK_OWNER) != 0
      && !check_member_owner (directory, bundle->path, LP_SIGNATURE_FILE, error))
    return FALSE;
  g_autoptr (GBytes) signature = lp_io_read_at (directory, LP_SIGNATURE_FILE, LP_SIGNATURE_SIZE_MAX, NULL);
  if (signature != NULL)
    bundle->signer = g_strdup (lp_keyring_find_signer (keyring, text, signature));
  return TRUE;
}

static LpBundle *
open_in (int directory, const char *path, LpBundleFlags flags, const LpKeyring *keyring, GError **error)
{
  gboolean owner = (flags & LP_BUNDLE_CHECK_OWNER) != 0;

  if (owner
      && (!check_directory_owner (directory, path, error)
          || !check_member_owner (directory, path, LP_MANIFEST_FILE, error)))
    return NULL;

  g_autoptr (GBytes) text = read_member (directory, path, LP_MANIFEST_FILE, MANIFEST_SIZE_MAX, error);
  if (text == NULL)
    return NULL;
  LpManifest *manifest = lp_manifest_parse (g_bytes_get_data (text, NULL), g_bytes_get_size (text), error);
  if (manifest == NULL)
    {
      g_prefix_error (error, "%s/", path);
      return NULL;
    }

  g_autoptr (LpBundle) bundle = bundle_new (path, manifest);
  for (guint i = 0; i < manifest->objects->len; i++)
    if (!read_object (directory, bundle, manifest->objects->pdata[i], flags, error))
      return NULL;
  if (!read_signer (directory, bundle, text, flags, keyring, error))
    return NULL;
  return g_steal_pointer (&bundle);
}

LpBundle *
lp_bundle_open (const char *path, LpBundleFlags flags, GError **error)
{
  return lp_bundle_open_signed (path, flags, NULL, error);
}

LpBundle *
lp_bundle_open_signed (const char *path, LpBundleFlags flags, const LpKeyring *keyring, GError **error)
{
  LP_AUTO_FD int directory = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

  if (directory < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot open the patch's directory", path);
      return NULL;
    }
  return open_in (directory, path, flags, keyring, error);
}

void
lp_bundle_free (LpBundle *bundle)
{
  if (bundle == NULL)
    return;
  g_free (bundle->path);
  g_free (bundle->signer);
  lp_manifest_free (bundle->manifest);
  g_ptr_array_unref (bundle->entities);
  g_free (bundle);
}

/* Takes a half-written temporary directory away again; it has no directories in it. */
static void
remove_directory (int parent, const char *name, const LpManifest *manifest)
{
  LP_AUTO_FD int directory = openat (parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

  for (guint i = 0; directory >= 0 && i < manifest->objects->len; i++)
    unlinkat (directory, ((const LpManifestObject *)manifest->objects->pdata[i])->entity, 0);
  if (directory >= 0)
    unlinkat (directory, LP_MANIFEST_FILE, 0);
  unlinkat (parent, name, AT_REMOVEDIR);
}

/* Entities first, patch.json last: who sees the manifest sees a whole bundle. */
static gboolean
fill_directory (int directory, const LpManifest *manifest, const char *text, GPtrArray *entities,
                GError **error)
{
  for (guint i = 0; i < manifest->objects->len; i++)
    {
      const LpManifestObject *object = manifest->objects->pdata[i];
      gsize size;
      const void *data = g_bytes_get_data (entities->pdata[i], &size);
      if (!lp_io_create_at (directory, object->entity, 0644, data, size, error))
        return FALSE;
    }
  return lp_io_create_at (directory, LP_MANIFEST_FILE, 0644, text, strlen (text), error)
         && lp_io_sync_fd (directory, manifest->id, error);
}

static gboolean
make_directory (int parent, const char *name, const LpManifest *manifest, const char *text,
                GPtrArray *entities, GError **error)
{
  if (mkdirat (parent, name, 0755) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot create", name);
      return FALSE;
    }
  LP_AUTO_FD int directory = openat (parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (directory < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot open", name);
      return FALSE;
    }
  return fill_directory (directory, manifest, text, entities, error);
}

/* Whether the bundle in @path says exactly @text (and is whole, so its entities are those too). */
static gboolean
is_equal (const char *path, const char *text)
{
  g_autoptr (LpBundle) bundle = lp_bundle_open (path, 0, NULL);
  g_autofree char *present = bundle != NULL ? lp_manifest_serialize (bundle->manifest) : NULL;

  return present != NULL && strcmp (present, text) == 0;
}

/* What can be wrong with the request itself. */
static gboolean
check_request (const LpManifest *manifest, const char *text, GPtrArray *entities, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (LpManifest) parsed = lp_manifest_parse (text, -1, &reason);

  if (parsed == NULL)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "the new bundle would not be readable: %s",
                    reason->message);
      return FALSE;
    }
  if (entities->len != manifest->objects->len)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "the new bundle has %u objects and %u entities",
                    manifest->objects->len, entities->len);
      return FALSE;
    }
  for (guint i = 0; i < entities->len; i++)
    if (!check_digest (manifest->id, manifest->objects->pdata[i], entities->pdata[i], error))
      return FALSE;
  return TRUE;
}

/* Without RENAME_NOREPLACE an empty directory of that name would be replaced: harmless, so do without where
 * the filesystem lacks it. */
static gboolean
rename_directory (int parent, const char *from, const char *to)
{
  if (renameat2 (parent, from, parent, to, RENAME_NOREPLACE) == 0)
    return TRUE;
  return errno == EINVAL && renameat (parent, from, parent, to) == 0;
}

/* Moves the finished temporary directory to its name. */
static gboolean
publish (int parent, const char *temporary, const LpManifest *manifest, const char *path, const char *text,
         GError **error)
{
  if (rename_directory (parent, temporary, manifest->id))
    return lp_io_sync_fd (parent, manifest->id, error);

  int rename_errno = errno;
  remove_directory (parent, temporary, manifest);
  gboolean exists = rename_errno == EEXIST || rename_errno == ENOTEMPTY;
  if (exists && is_equal (path, text))
    return TRUE;
  if (exists)
    lp_error_set (error, LP_ERROR_CONFLICT, "Remove it, or write to another directory.",
                  "%s: exists already, with other content", path);
  else
    lp_error_set_errno (error, LP_ERROR_FAILED, rename_errno, "%s: cannot rename", path);
  return FALSE;
}

char *
lp_bundle_write (const char *parent, const LpManifest *manifest, GPtrArray *entities, GError **error)
{
  g_autofree char *text = lp_manifest_serialize (manifest);
  g_autofree char *path = g_build_filename (parent, manifest->id, NULL);
  g_autofree char *temporary = g_strdup_printf (".%s.%u", manifest->id, g_random_int ());

  if (!check_request (manifest, text, entities, error))
    return NULL;
  LP_AUTO_FD int directory = open (parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot open", parent);
      return NULL;
    }
  if (!make_directory (directory, temporary, manifest, text, entities, error))
    {
      remove_directory (directory, temporary, manifest);
      return NULL;
    }
  if (!publish (directory, temporary, manifest, path, text, error))
    return NULL;
  return g_steal_pointer (&path);
}

gboolean
lp_bundle_sign (const char *path, const char *key_file, GError **error)
{
  /* What is signed is whole: a signature under a damaged bundle would only be found where it is used. */
  g_autoptr (LpBundle) bundle = lp_bundle_open (path, 0, error);
  LP_AUTO_FD int directory
      = bundle != NULL ? open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
  g_autoptr (GBytes) text
      = directory >= 0 ? read_member (directory, path, LP_MANIFEST_FILE, MANIFEST_SIZE_MAX, error) : NULL;

  if (bundle != NULL && directory < 0)
    lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot open", path);
  if (text == NULL)
    return FALSE;
  g_autoptr (GBytes) signature = lp_signature_make (key_file, text, error);
  gsize size = 0;
  const void *data = signature != NULL ? g_bytes_get_data (signature, &size) : NULL;
  return data != NULL && lp_io_replace_at (directory, LP_SIGNATURE_FILE, 0644, data, size, error);
}
