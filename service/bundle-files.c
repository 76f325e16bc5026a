/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moves and deletes bundle directories, always by one rename. Must not know jobs or the bus. */
#include "bundle-files.h"

#include "base/error.h"
#include "base/io.h"
#include "base/step.h"
#include "fd.h"
#include "format/manifest.h"
#include "format/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#define STAGING_PREFIX ".incoming-"
#define DELETED_PREFIX ".deleted-"

static void
sync_directory (const char *path)
{
  SC_AUTO_FD fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd >= 0)
    (void)!fsync (fd);
}

char *
sc_bundle_files_make_staging (const char *patch_dir, GError **error)
{
  g_autofree char *path = g_build_filename (patch_dir, STAGING_PREFIX "XXXXXX", NULL);

  if (g_mkdir_with_parents (patch_dir, 0755) != 0 || g_mkdtemp_full (path, 0700) == NULL)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't create a folder in %s", patch_dir);
      return NULL;
    }
  return g_steal_pointer (&path);
}

/* patch.json holds the digests of everything else. */
static gboolean
same_manifest (const char *a, const char *b)
{
  g_autofree char *path_a = g_build_filename (a, LP_MANIFEST_FILE, NULL);
  g_autofree char *path_b = g_build_filename (b, LP_MANIFEST_FILE, NULL);
  g_autofree char *text_a = NULL, *text_b = NULL;
  gsize size_a, size_b;

  return g_file_get_contents (path_a, &text_a, &size_a, NULL)
         && g_file_get_contents (path_b, &text_b, &size_b, NULL) && size_a == size_b
         && memcmp (text_a, text_b, size_a) == 0;
}

/* The same bundle comes with another signature, or with its first one: that is taken over, by one rename. A
 * signature that is there isn't lost to a bundle that comes without. */
static gboolean
take_signature (const char *staging, const char *target, gboolean *unchanged, GError **error)
{
  g_autofree char *from = g_build_filename (staging, LP_SIGNATURE_FILE, NULL);
  g_autofree char *to = g_build_filename (target, LP_SIGNATURE_FILE, NULL);

  *unchanged = lp_io_same (staging, target, LP_SIGNATURE_FILE) || !g_file_test (from, G_FILE_TEST_EXISTS);
  if (*unchanged || g_rename (from, to) == 0)
    {
      sync_directory (target);
      return TRUE;
    }
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't replace %s", to);
  return FALSE;
}

/* A flat directory: bundles have no subdirectories, and what isn't a plain file is unlinked, never followed.
 */
static void
delete_flat (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

gboolean
sc_bundle_files_install (const char *patch_dir, const char *staging, const char *id, gboolean *unchanged,
                         GError **error)
{
  g_autofree char *target = g_build_filename (patch_dir, id, NULL);

  *unchanged = FALSE;
  if (g_file_test (target, G_FILE_TEST_EXISTS))
    {
      gboolean same = same_manifest (staging, target);

      if (!same)
        lp_error_set (error, LP_ERROR_CONFLICT, "uninstall that one first",
                      "another bundle with the id %s is installed", id);
      else
        same = take_signature (staging, target, unchanged, error);
      delete_flat (staging);
      return same;
    }
  if (g_chmod (staging, 0755) != 0 || g_rename (staging, target) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't install the bundle as %s", target);
      delete_flat (staging);
      return FALSE;
    }
  lp_step ("bundle moved in");
  sync_directory (patch_dir);
  return TRUE;
}

gboolean
sc_bundle_files_delete (const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *hidden = g_strdup_printf ("%s/" DELETED_PREFIX "%s", parent, name);

  if (g_rename (path, hidden) != 0 && errno != ENOENT)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't delete %s", path);
      return FALSE;
    }
  lp_step ("bundle hidden");
  sync_directory (parent);
  delete_flat (hidden);
  lp_step ("bundle deleted");
  return TRUE;
}

void
sc_bundle_files_sweep (const char *patch_dir)
{
  g_autoptr (GDir) dir = g_dir_open (patch_dir, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (patch_dir, name, NULL);

      if (g_str_has_prefix (name, STAGING_PREFIX) || g_str_has_prefix (name, DELETED_PREFIX))
        delete_flat (path);
    }
}
