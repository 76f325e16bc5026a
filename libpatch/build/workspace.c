/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locking, changing and restoring a cached work folder; see workspace.h. */

#include "config.h"

#include "build/workspace.h"

#include "base/error.h"
#include "build/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often a busy lock is tried again while the cancellable is watched: milliseconds. */
#define LOCK_POLL 100

static gboolean
take_lock (LpWorkspace *workspace, LpWorkspaceNote note, gpointer user_data, GCancellable *cancellable,
           GError **error)
{
  gboolean said = FALSE;

  while (flock (workspace->lock, LOCK_EX | LOCK_NB) < 0)
    {
      GPollFD fd;
      if (errno != EWOULDBLOCK && errno != EINTR)
        {
          lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: lock", workspace->folder);
          return FALSE;
        }
      if (!said && note != NULL)
        note ("waiting for another build of the same source", user_data);
      said = TRUE;
      gboolean watched = cancellable != NULL && g_cancellable_make_pollfd (cancellable, &fd);
      g_poll (&fd, watched ? 1 : 0, LOCK_POLL);
      if (watched)
        g_cancellable_release_fd (cancellable);
      if (g_cancellable_is_cancelled (cancellable))
        {
          lp_error_set (error, LP_ERROR_CANCELLED, NULL, "cancelled while waiting for another build");
          return FALSE;
        }
    }
  return TRUE;
}

static void
workspace_free (LpWorkspace *workspace)
{
  g_free (workspace->folder);
  g_free (workspace->source);
  g_free (workspace->kept);
  g_free (workspace->scratch);
  g_free (workspace->home);
  g_free (workspace->trace);
  g_free (workspace->log);
  g_free (workspace->undo);
  if (workspace->lock >= 0)
    close (workspace->lock);
  g_free (workspace);
}

static gboolean
make_folders (LpWorkspace *workspace, GError **error)
{
  return lp_content_make_directory (workspace->source, error)
         && lp_content_make_directory (workspace->kept, error)
         && lp_content_make_directory (workspace->undo, error)
         && lp_content_make_directory (workspace->scratch, error)
         && lp_content_make_directory (workspace->home, error);
}

LpWorkspace *
lp_workspace_open (const char *cache, const char *key, LpWorkspaceNote note, gpointer user_data,
                   GCancellable *cancellable, GError **error)
{
  LpWorkspace *workspace = g_new0 (LpWorkspace, 1);
  g_autofree char *lock = g_strdup_printf ("%s/%s.lock", cache, key);

  workspace->lock = -1;
  workspace->folder = g_build_filename (cache, key, NULL);
  workspace->source = g_build_filename (workspace->folder, "src", NULL);
  workspace->kept = g_build_filename (workspace->folder, "kept", NULL);
  workspace->scratch = g_build_filename (workspace->folder, "scratch", NULL);
  workspace->home = g_build_filename (workspace->folder, "home", NULL);
  workspace->undo = g_build_filename (workspace->folder, "undo", NULL);
  workspace->trace = g_build_filename (workspace->folder, "trace.json", NULL);
  workspace->log = g_build_filename (workspace->folder, "build.log", NULL);

  gboolean ok = lp_content_make_directory (cache, error);
  if (ok)
    workspace->lock = open (lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (ok && workspace->lock < 0)
    lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s", lock);
  if (!ok || workspace->lock < 0 || !take_lock (workspace, note, user_data, cancellable, error)
      || !lp_workspace_restore (workspace, error) || !lp_content_remove (workspace->scratch, error)
      || !make_folders (workspace, error))
    {
      workspace_free (workspace);
      return NULL;
    }
  return workspace;
}

void
lp_workspace_close (LpWorkspace *workspace, gboolean keep)
{
  if (workspace == NULL)
    return;
  /* What fails here is done by the next open, which says so. */
  lp_workspace_restore (workspace, NULL);
  if (!keep)
    lp_content_remove (workspace->scratch, NULL);
  workspace_free (workspace);
}

gboolean
lp_workspace_clear (LpWorkspace *workspace, GError **error)
{
  workspace->n_changes = 0;
  return lp_content_remove (workspace->folder, error) && make_folders (workspace, error);
}

gboolean
lp_workspace_copy (const char *path, const char *to, GError **error)
{
  g_autoptr (GFile) from_file = g_file_new_for_path (path);
  g_autoptr (GFile) to_file = g_file_new_for_path (to);
  g_autofree char *folder = g_path_get_dirname (to);
  g_autoptr (GError) local = NULL;

  if (!lp_content_make_directory (folder, error))
    return FALSE;
  if (g_file_copy (from_file, to_file, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL, &local))
    return TRUE;
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: %s", path, local->message);
  return FALSE;
}

static gboolean
write_note (const char *path, const char *text, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (g_file_set_contents (path, text, -1, &local))
    return TRUE;
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
  return FALSE;
}

/* N.path is written before anything is touched; then the original becomes N.orig (or N.new says that there
 * was none). Whatever of this was done when we are killed, undo_one() puts it right. */
gboolean
lp_workspace_change (LpWorkspace *workspace, const char *path, const char *content, GError **error)
{
  guint n = workspace->n_changes++;
  g_autofree char *note = g_strdup_printf ("%s/%u.path", workspace->undo, n);
  g_autofree char *original = g_strdup_printf ("%s/%u.orig", workspace->undo, n);
  g_autofree char *created = g_strdup_printf ("%s/%u.new", workspace->undo, n);

  if (!write_note (note, path, error))
    return FALSE;
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      if (!write_note (created, "", error))
        return FALSE;
    }
  else if (rename (path, original) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: can't move aside", path);
      return FALSE;
    }
  return content == NULL || lp_workspace_copy (content, path, error);
}

static gboolean
undo_one (LpWorkspace *workspace, const char *stem, GError **error)
{
  g_autofree char *note = g_strdup_printf ("%s/%s.path", workspace->undo, stem);
  g_autofree char *original = g_strdup_printf ("%s/%s.orig", workspace->undo, stem);
  g_autofree char *created = g_strdup_printf ("%s/%s.new", workspace->undo, stem);
  g_autofree char *path = NULL;

  if (!g_file_get_contents (note, &path, NULL, NULL))
    return TRUE;
  if (g_file_test (original, G_FILE_TEST_EXISTS) && rename (original, path) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: can't be put back", path);
      return FALSE;
    }
  if (g_file_test (created, G_FILE_TEST_EXISTS))
    {
      unlink (path);
      unlink (created);
    }
  unlink (note);
  return TRUE;
}

static gboolean
undo_swap (LpWorkspace *workspace, GError **error)
{
  g_autofree char *base = g_build_filename (workspace->folder, "base", NULL);

  if (!g_file_test (base, G_FILE_TEST_IS_DIR))
    return TRUE;
  if (!lp_content_remove (workspace->source, error))
    return FALSE;
  if (rename (base, workspace->source) == 0)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: can't be put back", workspace->source);
  return FALSE;
}

gboolean
lp_workspace_swap (LpWorkspace *workspace, GError **error)
{
  g_autofree char *base = g_build_filename (workspace->folder, "base", NULL);

  if (rename (workspace->source, base) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: can't move aside", workspace->source);
      return FALSE;
    }
  return lp_content_make_directory (workspace->source, error);
}

gboolean
lp_workspace_restore (LpWorkspace *workspace, GError **error)
{
  g_autoptr (GDir) folder = g_dir_open (workspace->undo, 0, NULL);
  g_autoptr (GPtrArray) stems = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  /* Changes are undone before the swap: they were made to the tree that stands in place now. */
  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    if (g_str_has_suffix (name, ".path"))
      g_ptr_array_add (stems, g_strndup (name, strlen (name) - strlen (".path")));
  for (guint i = 0; i < stems->len; i++)
    if (!undo_one (workspace, g_ptr_array_index (stems, i), error))
      return FALSE;
  workspace->n_changes = 0;
  return undo_swap (workspace, error);
}
