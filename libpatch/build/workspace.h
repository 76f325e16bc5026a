/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cached work folder of one source: locked, versioned, put right when the last user was killed, and
 * changed only in ways that can be undone. Must not know what a compiler or a package is.
 *
 *   CACHE/KEY.lock      held while anybody uses the folder
 *   CACHE/KEY/src/      the source tree(s), built and unchanged
 *   CACHE/KEY/base/     the unchanged tree while a changed one stands in its place
 *   CACHE/KEY/kept/     objects and link outputs of the baseline build
 *   CACHE/KEY/undo/     original files of a change that is in progress
 *   CACHE/KEY/scratch/  of this run
 *   CACHE/KEY/trace.json  written last: without it the folder is a build that did not end */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct {
  char *folder;
  char *source; /* folder/src */
  char *kept;
  char *scratch;
  char *home;  /* HOME of all tools: empty */
  char *trace; /* path of trace.json */
  char *log;   /* build log */
  /*< private >*/
  int lock;
  char *undo;
  guint n_changes;
} LpWorkspace;

typedef void (*LpWorkspaceNote) (const char *text, gpointer user_data);

/* Opens (makes) the folder for @key; waits for another user of it, which is said once through @note. A change
 * that a killed user left is undone. Errors: LP_ERROR_CANCELLED, LP_ERROR_FAILED. */
LpWorkspace *lp_workspace_open (const char *cache, const char *key, LpWorkspaceNote note, gpointer user_data,
                                GCancellable *cancellable, GError **error);
/* Undoes what is changed, removes scratch unless @keep, unlocks. */
void lp_workspace_close (LpWorkspace *workspace, gboolean keep);

/* Throws everything in the folder away. */
gboolean lp_workspace_clear (LpWorkspace *workspace, GError **error);

/* Puts @content (nullable: removes the file) at absolute @path inside source. The original is moved, not
 * overwritten: other names (hard links) of it keep their bytes. */
gboolean lp_workspace_change (LpWorkspace *workspace, const char *path, const char *content, GError **error);
/* Moves the unchanged tree aside and makes an empty src. */
gboolean lp_workspace_swap (LpWorkspace *workspace, GError **error);
/* Undoes all changes and the swap. Also called by open and close. */
gboolean lp_workspace_restore (LpWorkspace *workspace, GError **error);

/* Copies @path (a regular file, mode kept) to @to, making folders. */
gboolean lp_workspace_copy (const char *path, const char *to, GError **error);

G_END_DECLS
