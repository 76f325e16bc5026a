/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies of the bundles whose patches are wished for, in the state directory. A package manager may take an
 * installed bundle away at any time, an upgrade does: what is in effect must still reach new processes, come
 * back after a reboot and be withdrawn. Must not know the truth in the processes. */
#include "store/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"

#define KEPT_DIRECTORY "bundles"
#define MEMBER_MAX ((gsize)64 * 1024 * 1024) /* bytes, as of an entity */

static char *
kept_path (const LpStore *store, const char *id)
{
  return g_build_filename (store->state_dir, KEPT_DIRECTORY, id, NULL);
}

/* A flat directory. */
static void
remove_copy (const char *path)
{
  g_autoptr (GDir) entries = g_dir_open (path, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      unlink (file);
    }
  rmdir (path);
}

/* @name must be there, or may be missing when @optional. */
static gboolean
copy_member (int from, int to, const char *name, gboolean optional, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GBytes) bytes = lp_io_read_at (from, name, MEMBER_MAX, &reason);
  gsize size = 0;
  const void *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  if (bytes == NULL && optional && g_error_matches (reason, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return TRUE;
  if (bytes == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
  return lp_io_create_at (to, name, 0644, data, size, error);
}

static gboolean
copy_members (const LpBundle *bundle, const char *path, GError **error)
{
  LP_AUTO_FD int from = open (bundle->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  LP_AUTO_FD int to = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

  if (from < 0 || to < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot open", from < 0 ? bundle->path : path);
      return FALSE;
    }
  for (guint i = 0; i < bundle->manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (bundle->manifest->objects, i);

      if (!copy_member (from, to, object->entity, /* optional= */ FALSE, error))
        return FALSE;
    }
  return copy_member (from, to, LP_SIGNATURE_FILE, /* optional= */ TRUE, error)
         && copy_member (from, to, LP_MANIFEST_FILE, /* optional= */ FALSE, error)
         && lp_io_sync_fd (to, path, error);
}

/* Puts a copy of @bundle in place; the older one, if there is one, is gone only for a moment in which the
 * installed one is there. */
static gboolean
keep (LpStore *store, const LpBundle *bundle, GError **error)
{
  g_autofree char *path = kept_path (store, bundle->manifest->id);
  g_autofree char *hidden = g_strdup_printf (".%s", bundle->manifest->id);
  g_autofree char *temporary = kept_path (store, hidden);

  /* patch.json holds the digests of the entities. */
  if (lp_io_same (bundle->path, path, LP_MANIFEST_FILE) && lp_io_same (bundle->path, path, LP_SIGNATURE_FILE))
    return TRUE;
  remove_copy (temporary);
  if (g_mkdir_with_parents (temporary, 0700) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot create", temporary);
      return FALSE;
    }
  if (!copy_members (bundle, temporary, error))
    {
      remove_copy (temporary);
      return FALSE;
    }
  remove_copy (path);
  if (rename (temporary, path) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot rename", temporary);
      return FALSE;
    }
  g_autofree char *folder = kept_path (store, "");
  LP_AUTO_FD int parent = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return lp_io_sync_fd (parent, folder, error);
}

static gboolean
is_wished (LpStore *store, const LpManifest *manifest)
{
  for (guint i = 0; i < manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (manifest->objects, i);

      if (lp_store_wish (store, object->uuid) != NULL)
        return TRUE;
    }
  return FALSE;
}

/* Reads the copies of what isn't installed, and deletes those that nobody wishes for. */
static void
read_kept (LpStore *store, GHashTable *installed, const LpKeyring *keyring)
{
  g_autofree char *folder = kept_path (store, "");
  g_autoptr (GDir) entries = g_dir_open (folder, 0, NULL);
  guint8 uuid[LP_UUID_BYTES];
  const char *name;

  g_ptr_array_set_size (store->kept, 0);
  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = kept_path (store, name);
      g_autoptr (GError) error = NULL;
      LpBundle *present = g_hash_table_lookup (installed, name);

      if (!lp_uuid_parse (name, uuid) || (present != NULL && !is_wished (store, present->manifest)))
        {
          remove_copy (path);
          continue;
        }
      if (present != NULL)
        continue;
      g_autoptr (LpBundle) bundle = lp_bundle_open_signed (path, store->flags, keyring, &error);
      if (bundle == NULL)
        lp_store_add_problem (store->kept_problems, "%s: the copy of a patch in effect is damaged: %s", path,
                              error->message);
      else if (is_wished (store, bundle->manifest))
        g_ptr_array_add (store->kept, g_steal_pointer (&bundle));
      else
        remove_copy (path);
    }
}

void
lp_store_update_kept (LpStore *store, const LpKeyring *keyring)
{
  g_autoptr (GHashTable) installed = g_hash_table_new (g_str_hash, g_str_equal);

  g_ptr_array_set_size (store->kept_problems, 0);
  for (guint i = 0; i < store->bundles->len; i++)
    {
      LpBundle *bundle = g_ptr_array_index (store->bundles, i);
      g_autoptr (GError) error = NULL;

      g_hash_table_insert (installed, bundle->manifest->id, bundle);
      if (is_wished (store, bundle->manifest) && !keep (store, bundle, &error))
        lp_store_add_problem (store->kept_problems, "%s: can't keep a copy of the patch: %s", bundle->path,
                              error->message);
    }
  read_kept (store, installed, keyring);
}

gboolean
lp_store_keep (LpStore *store, const char *uuid, GError **error)
{
  for (guint i = 0; i < store->bundles->len; i++)
    {
      const LpBundle *bundle = g_ptr_array_index (store->bundles, i);

      for (guint k = 0; k < bundle->manifest->objects->len; k++)
        if (strcmp (((LpManifestObject *)g_ptr_array_index (bundle->manifest->objects, k))->uuid, uuid) == 0)
          return keep (store, bundle, error);
    }
  return TRUE; /* its files are gone: the copy is what there is */
}

GPtrArray *
lp_store_kept (LpStore *store)
{
  return store->kept;
}
