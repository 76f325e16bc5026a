/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store as a whole: its directories, and the bundles that are installed. Must not know what wishes or
 * history look like on disk. */
#include "store/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"

#define SETTLED_AFTER 60                /* seconds without a change of a directory */
#define HISTORY_LIMIT (4 * 1024 * 1024) /* bytes: some ten thousand records */

void
lp_store_explain_write (const LpStore *store, const char *what, const GError *reason, GError **error)
{
  const char *last = strrchr (reason->message, ':'); /* what the system said stands behind it */
  g_autofree char *hint
      = g_strdup_printf ("make %s writable (is its disk full?) and try again", store->state_dir);

  lp_error_set (error, LP_ERROR_FAILED, hint, "%s can't be recorded in %s: %s", what, store->state_dir,
                last != NULL ? last + 2 : reason->message);
}

void
lp_store_add_problem (GPtrArray *problems, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *raw = g_strdup_vprintf (format, args);
  va_end (args);

  g_ptr_array_add (problems, lp_text_printable (raw));
}

static gboolean
make_directory (const char *path, mode_t mode, GError **error)
{
  if (g_mkdir_with_parents (path, mode) == 0)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot create the directory", path);
  return FALSE;
}

LpStore *
lp_store_open (const char *patch_dir, const char *state_dir, const char *trusted_dir, LpBundleFlags flags,
               GError **error)
{
  g_autoptr (LpStore) store = g_new0 (LpStore, 1);

  store->patch_dir = g_strdup (patch_dir);
  store->state_dir = g_strdup (state_dir);
  store->trusted_dir = g_strdup (trusted_dir);
  store->state_fd = -1;
  store->flags = flags;
  store->history_limit = HISTORY_LIMIT;
  store->settled_after = SETTLED_AFTER;
  store->bundles = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_bundle_free);
  store->kept = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_bundle_free);
  store->kept_problems = g_ptr_array_new_with_free_func (g_free);
  store->unsettled = g_ptr_array_new_with_free_func (g_free);
  store->patch_problems = g_ptr_array_new_with_free_func (g_free);
  store->key_problems = g_ptr_array_new_with_free_func (g_free);
  store->state_problems = g_ptr_array_new_with_free_func (g_free);
  store->wishes = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)lp_wish_free);

  if (!make_directory (patch_dir, 0755, error) || !make_directory (state_dir, 0700, error))
    return NULL;
  store->state_fd = open (state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (store->state_fd < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot open", state_dir);
      return NULL;
    }
  if (!lp_store_load_wishes (store, error) || !lp_store_rescan (store, NULL, error))
    return NULL;
  return g_steal_pointer (&store);
}

void
lp_store_free (LpStore *store)
{
  if (store == NULL)
    return;
  g_free (store->patch_dir);
  g_free (store->state_dir);
  g_free (store->trusted_dir);
  lp_fd_clear (&store->state_fd);
  g_ptr_array_unref (store->bundles);
  g_ptr_array_unref (store->kept);
  g_ptr_array_unref (store->kept_problems);
  g_ptr_array_unref (store->unsettled);
  g_ptr_array_unref (store->patch_problems);
  g_ptr_array_unref (store->key_problems);
  g_ptr_array_unref (store->state_problems);
  g_hash_table_unref (store->wishes);
  g_free (store);
}

void
lp_store_set_settled_after (LpStore *store, guint seconds)
{
  store->settled_after = seconds;
}

GPtrArray *
lp_store_unsettled (LpStore *store)
{
  return store->unsettled;
}

GPtrArray *
lp_store_bundles (LpStore *store)
{
  return store->bundles;
}

static void
add_problems (GStrvBuilder *builder, const char *word, const GPtrArray *problems)
{
  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *text = g_strdup_printf ("%s: %s", word, (const char *)problems->pdata[i]);
      g_strv_builder_add (builder, text);
    }
}

GStrv
lp_store_problems (LpStore *store)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  add_problems (builder, "state", store->state_problems);
  add_problems (builder, "key", store->key_problems);
  add_problems (builder, "bundle", store->kept_problems);
  add_problems (builder, "bundle", store->patch_problems);
  return g_strv_builder_end (builder);
}

/* Names under which package managers write a file before they rename it: dpkg's suffixes, rpm's ";" and a hex
 * number. */
static gboolean
is_half_written_name (const char *name)
{
  return g_str_has_suffix (name, ".dpkg-new") || g_str_has_suffix (name, ".dpkg-tmp")
         || strchr (name, ';') != NULL;
}

static gboolean
is_being_written (const char *path)
{
  g_autoptr (GDir) entries = g_dir_open (path, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    if (is_half_written_name (name))
      return TRUE;
  return FALSE;
}

/* A directory that may hold a bundle, or will. */
static gboolean
is_candidate (const char *path, const char *name, GPtrArray *problems)
{
  struct stat st;

  if (name[0] == '.' || lstat (path, &st) != 0)
    return FALSE;
  /* Where it leads could change between two looks. */
  if (S_ISLNK (st.st_mode))
    lp_store_add_problem (problems, "%s: is a symbolic link, which is not followed", path);
  return S_ISDIR (st.st_mode);
}

/* Without a manifest it isn't ours, or isn't finished. */
static gboolean
has_manifest (const char *path)
{
  g_autofree char *manifest = g_build_filename (path, LP_MANIFEST_FILE, NULL);
  struct stat st;

  return lstat (manifest, &st) == 0;
}

/* Whether somebody may still be at work in it: a sound bundle may yet get its signature. Clocks may jump, so
 * the future is recent, too. */
static gboolean
is_recent (const LpStore *store, const char *path)
{
  struct stat st;

  return lstat (path, &st) == 0 && g_get_real_time () / G_USEC_PER_SEC - st.st_ctime < store->settled_after;
}

/* The bundle in @path; NULL when there is none to be used, which is a problem unless it is still being
 * written. */
static LpBundle *
read_bundle (LpStore *store, const char *path, const char *name, const LpKeyring *keyring,
             GPtrArray *problems)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpBundle) bundle = NULL;

  if (!has_manifest (path))
    {
      if (!is_recent (store, path))
        lp_store_add_problem (problems, "%s: holds no %s: it is no patch's directory, or was never completed",
                              path, LP_MANIFEST_FILE);
      return NULL;
    }
  bundle = lp_bundle_open_signed (path, store->flags, keyring, &error);
  if (bundle != NULL && strcmp (bundle->manifest->id, name) == 0)
    return g_steal_pointer (&bundle);
  if (bundle != NULL)
    lp_store_add_problem (problems, "%s: holds bundle %s: a bundle's directory is named by its id", path,
                          bundle->manifest->id);
  else if (!is_being_written (path))
    {
      g_autofree char *what = lp_error_split (error->message, NULL);
      lp_store_add_problem (problems, "%s", what);
    }
  return NULL;
}

static gboolean
is_same (const LpBundle *left, const LpBundle *right)
{
  if (strcmp (left->path, right->path) != 0 || g_strcmp0 (left->signer, right->signer) != 0)
    return FALSE;

  /* The manifest holds the entities' digests, so equal manifests mean equal bundles. */
  return g_strcmp0 (left->manifest->seal, right->manifest->seal) == 0;
}

/* The present bundles by their paths: char* -> index + 1. */
static GHashTable *
index_bundles (LpStore *store)
{
  GHashTable *known = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < store->bundles->len; i++)
    g_hash_table_insert (known, ((LpBundle *)store->bundles->pdata[i])->path, GUINT_TO_POINTER (i + 1));
  return known;
}

/* The present bundle that equals @bundle, whose place stays empty; else @bundle itself. */
static LpBundle *
keep_known (LpStore *store, GHashTable *known, LpBundle *bundle)
{
  guint place = GPOINTER_TO_UINT (g_hash_table_lookup (known, bundle->path));

  if (place == 0 || store->bundles->pdata[place - 1] == NULL
      || !is_same (store->bundles->pdata[place - 1], bundle))
    return bundle;
  lp_bundle_free (bundle);
  return g_steal_pointer (&store->bundles->pdata[place - 1]);
}

static int
compare_bundles (gconstpointer a, gconstpointer b)
{
  const LpBundle *left = *(const LpBundle *const *)a;
  const LpBundle *right = *(const LpBundle *const *)b;
  g_autofree char *left_name = lp_manifest_full_name (left->manifest, left->manifest->objects->pdata[0]);
  g_autofree char *right_name = lp_manifest_full_name (right->manifest, right->manifest->objects->pdata[0]);
  int order = strcmp (left_name, right_name);

  return order != 0 ? order : strcmp (left->manifest->id, right->manifest->id);
}

/* Who can rename directories in it can exchange patches. */
static gboolean
is_trusted_directory (LpStore *store, GPtrArray *problems)
{
  struct stat st;

  if ((store->flags & LP_BUNDLE_CHECK_OWNER) == 0 || stat (store->patch_dir, &st) < 0)
    return TRUE;
  if (st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
    return TRUE;
  lp_store_add_problem (problems, "%s: must be root's and writable by nobody else; no patch in it is used",
                        store->patch_dir);
  return FALSE;
}

/* NULL when nobody wants to know who signed what. */
static LpKeyring *
load_keyring (LpStore *store)
{
  gboolean check_owner = (store->flags & LP_BUNDLE_CHECK_OWNER) != 0;

  g_ptr_array_set_size (store->key_problems, 0);
  if (store->trusted_dir == NULL)
    return NULL;
  return lp_keyring_load (store->trusted_dir, check_owner, store->key_problems);
}

gboolean
lp_store_rescan (LpStore *store, gboolean *changed, GError **error)
{
  g_autoptr (GError) reason = NULL;
  /* A package manager takes an empty directory away with the last package that had a file in it. */
  g_autoptr (GDir) entries
      = make_directory (store->patch_dir, 0755, &reason) ? g_dir_open (store->patch_dir, 0, &reason) : NULL;
  g_autoptr (GPtrArray) bundles = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_bundle_free);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) unsettled = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (LpKeyring) keyring = NULL;
  g_autoptr (GHashTable) known = index_bundles (store);
  guint n_before = store->bundles->len;
  const char *name;

  if (entries == NULL)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", reason->message);
      return FALSE;
    }
  keyring = load_keyring (store);
  gboolean trusted = is_trusted_directory (store, problems);
  while (trusted && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (store->patch_dir, name, NULL);
      gboolean candidate = is_candidate (path, name, problems);
      LpBundle *bundle = candidate ? read_bundle (store, path, name, keyring, problems) : NULL;

      if (bundle != NULL)
        g_ptr_array_add (bundles, keep_known (store, known, bundle));
      if (candidate && (bundle == NULL || is_recent (store, path)))
        g_ptr_array_add (unsettled, g_steal_pointer (&path));
    }

  /* What is left of the old set is gone or was replaced. */
  guint kept = 0;
  for (guint i = 0; i < n_before; i++)
    kept += store->bundles->pdata[i] == NULL;
  if (changed != NULL)
    *changed = kept < n_before || bundles->len != n_before;
  g_ptr_array_sort (bundles, compare_bundles);
  g_ptr_array_unref (store->bundles);
  store->bundles = g_steal_pointer (&bundles);
  g_ptr_array_unref (store->patch_problems);
  store->patch_problems = g_steal_pointer (&problems);
  g_ptr_array_unref (store->unsettled);
  store->unsettled = g_steal_pointer (&unsettled);
  lp_store_update_kept (store, keyring);
  return TRUE;
}
