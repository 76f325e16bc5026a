/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of a livepatch: enable, disable, force, each followed to its end or taken back. Must not know
 * bundles or wishes. */
#include "kernel/livepatch-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The kernel tells nobody when a transition ends (sysfs doesn't notify), and itself looks at stalled tasks
 * once a second: look often at first, because most transitions take milliseconds, then seldom. */
#define FIRST_PAUSE_US (5 * 1000)
#define LONGEST_PAUSE_US (250 * 1000)
/* How many stalled tasks a message names. */
#define NAMED_TASKS_MAX 3
/* A forced transition ends at once; this is for a slow machine. */
#define FORCED_PATIENCE_MS 10000

static gboolean
write_attribute (const LpKernelPaths *paths, const char *name, const char *attribute, const char *value,
                 GError **error)
{
  g_autofree char *folder = lp_livepatch_folder (paths, name);
  g_autofree char *path = g_build_filename (folder, attribute, NULL);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean done = fd >= 0 && write (fd, value, strlen (value)) == (gssize)strlen (value);
  int number = errno;

  if (fd >= 0)
    close (fd);
  if (!done)
    lp_error_set_errno (error, LP_ERROR_FAILED, number, "%s: writing %s to %s", name, value, attribute);
  return done;
}

/* Where a patch stands on its way to @goal. A disabled patch leaves sysfs when its transition has ended. */
static gboolean
reached (const LpLivepatch *patch, gboolean in_sysfs, LpTransitionGoal goal)
{
  if (goal == LP_TRANSITION_UNPATCHED)
    return !in_sysfs || (!patch->enabled && !patch->transition);
  return in_sysfs && patch->enabled && !patch->transition;
}

static gboolean
is_reached (const LpKernelPaths *paths, const char *name, LpTransitionGoal goal)
{
  g_autoptr (LpLivepatch) patch = lp_livepatch_read (paths, name, NULL);
  g_autofree char *folder = lp_livepatch_folder (paths, name);

  return patch != NULL ? reached (patch, g_file_test (folder, G_FILE_TEST_IS_DIR), goal)
                       : goal == LP_TRANSITION_UNPATCHED;
}

static void
set_timeout_error (GError **error, const char *name, guint timeout_ms, GPtrArray *tasks)
{
  GString *who = g_string_new (NULL);

  for (guint i = 0; i < tasks->len && i < NAMED_TASKS_MAX; i++)
    {
      const LpStalledTask *task = tasks->pdata[i];
      g_string_append_printf (who, "%s%s (process %d, thread %d) in %.*s", i > 0 ? ", " : "", task->command,
                              task->pid, task->tid, (int)strcspn (task->stack, "\n"), task->stack);
    }
  if (tasks->len > NAMED_TASKS_MAX)
    g_string_append_printf (who, " and %u more", tasks->len - NAMED_TASKS_MAX);
  lp_error_set (error, LP_ERROR_TRANSITION_TIMEOUT,
                "restart or wake the tasks named, or try again with a longer timeout",
                "%s: the transition did not end in %u ms: %s", name, timeout_ms,
                tasks->len > 0 ? who->str : "no task is to blame");
  g_string_free (who, TRUE);
}

/* Looks until @goal is reached, with growing pauses. */
static gboolean
follow (const LpKernelPaths *paths, const char *name, LpTransitionGoal goal, guint timeout_ms,
        GCancellable *cancellable, LpTransitionProgress progress, gpointer user_data, GPtrArray **stalled,
        GError **error)
{
  gint64 deadline = g_get_monotonic_time () + (gint64)timeout_ms * 1000;
  gulong pause = FIRST_PAUSE_US;

  while (!is_reached (paths, name, goal))
    {
      if (g_cancellable_is_cancelled (cancellable))
        {
          lp_error_set (error, LP_ERROR_CANCELLED, NULL, "%s: cancelled during the transition", name);
          return FALSE;
        }

      gboolean late = g_get_monotonic_time () >= deadline;
      if (late || progress != NULL)
        {
          g_autoptr (GPtrArray) tasks = lp_livepatch_stalled (paths, goal);
          if (progress != NULL)
            progress (tasks->len, user_data);
          if (late)
            {
              set_timeout_error (error, name, timeout_ms, tasks);
              if (stalled != NULL)
                *stalled = g_steal_pointer (&tasks);
              return FALSE;
            }
        }
      g_usleep (pause);
      pause = MIN (pause * 2, LONGEST_PAUSE_US);
    }
  return TRUE;
}

/* A step back failed: both reasons, the first one first. */
static void
add_rollback_error (GError **error, const GError *rollback)
{
  if (error == NULL || *error == NULL)
    return;

  g_autoptr (GError) first = g_steal_pointer (error);
  g_autofree char *what = lp_error_split (first->message, NULL);
  g_autofree char *why = lp_error_split (rollback->message, NULL);
  lp_error_set (error, LP_ERROR_ROLLBACK_FAILED, "see /sys/kernel/livepatch for the present state",
                "%s; and going back failed: %s", what, why);
}

/* Turns a transition round by writing the opposite to "enabled", which the kernel allows at any moment of it.
 */
static gboolean
reverse (const LpKernelPaths *paths, const char *name, LpTransitionGoal goal, guint timeout_ms,
         GError **error)
{
  return write_attribute (paths, name, "enabled", goal == LP_TRANSITION_PATCHED ? "1" : "0", error)
         && follow (paths, name, goal, timeout_ms, NULL, NULL, NULL, NULL, error);
}

/* Mainline can't enable a module again that is loaded but off. */
gboolean
lp_livepatch_clear (const LpKernelPaths *paths, const char *name, GError **error)
{
  g_autoptr (LpLivepatch) patch = lp_livepatch_read (paths, name, NULL);

  if (patch == NULL)
    return TRUE;
  if (patch->enabled || patch->transition)
    {
      lp_error_set (error, LP_ERROR_CONFLICT, NULL, "%s: a livepatch of this name is already %s", name,
                    patch->transition ? "in transition" : "enabled");
      return FALSE;
    }
  return lp_module_unload (paths, name, error);
}

/* After follow() failed: whether @mode allows to end the transition by force, and that worked. Then @error is
 * taken back. A module that isn't a livepatch at all has no transition to be ended. */
static gboolean
end_by_force (const LpKernelPaths *paths, const char *name, LpTransitionGoal goal, LpTransitionMode mode,
              GError **error)
{
  g_autoptr (GError) forcing = NULL;

  if (mode != LP_TRANSITION_FORCE || error == NULL
      || !g_error_matches (*error, LP_ERROR, LP_ERROR_TRANSITION_TIMEOUT)
      || !lp_livepatch_force (paths, name, &forcing)
      || !follow (paths, name, goal, FORCED_PATIENCE_MS, NULL, NULL, NULL, NULL, &forcing))
    return FALSE;
  g_clear_error (error);
  return TRUE;
}

/* The end of disabling. */
static gboolean
unload_disabled (const LpKernelPaths *paths, const char *name, gboolean forced, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (lp_module_unload (paths, name, &local) || forced)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

gboolean
lp_livepatch_enable (const LpKernelPaths *paths, int fd, const char *name, guint timeout_ms,
                     LpTransitionMode mode, GCancellable *cancellable, LpTransitionProgress progress,
                     gpointer user_data, GPtrArray **stalled, GError **error)
{
  if (!lp_livepatch_supported (paths, error) || !lp_livepatch_clear (paths, name, error)
      || !lp_module_load (paths, fd, name, error))
    return FALSE;
  if (follow (paths, name, LP_TRANSITION_PATCHED, timeout_ms, cancellable, progress, user_data, stalled,
              error)
      || end_by_force (paths, name, LP_TRANSITION_PATCHED, mode, error))
    return TRUE;

  /* A loaded module that isn't a livepatch never gets there: nothing to turn round, only to take out. */
  g_autofree char *folder = lp_livepatch_folder (paths, name);
  g_autoptr (GError) rollback = NULL;
  gboolean is_patch = g_file_test (folder, G_FILE_TEST_IS_DIR);
  if ((is_patch && !reverse (paths, name, LP_TRANSITION_UNPATCHED, timeout_ms, &rollback))
      || !lp_module_unload (paths, name, &rollback))
    add_rollback_error (error, rollback);
  return FALSE;
}

gboolean
lp_livepatch_disable (const LpKernelPaths *paths, const char *name, guint timeout_ms, LpTransitionMode mode,
                      GCancellable *cancellable, LpTransitionProgress progress, gpointer user_data,
                      GPtrArray **stalled, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (LpLivepatch) patch = lp_livepatch_read (paths, name, &local);

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (patch == NULL)
    return TRUE;
  if (patch->enabled && !write_attribute (paths, name, "enabled", "0", error))
    return FALSE;
  if (follow (paths, name, LP_TRANSITION_UNPATCHED, timeout_ms, cancellable, progress, user_data, stalled,
              error))
    return unload_disabled (paths, name, /* forced= */ FALSE, error);
  if (end_by_force (paths, name, LP_TRANSITION_UNPATCHED, mode, error))
    return unload_disabled (paths, name, /* forced= */ TRUE, error);

  g_autoptr (GError) rollback = NULL;
  if (patch->enabled && !reverse (paths, name, LP_TRANSITION_PATCHED, timeout_ms, &rollback))
    add_rollback_error (error, rollback);
  return FALSE;
}

gboolean
lp_livepatch_force (const LpKernelPaths *paths, const char *name, GError **error)
{
  return write_attribute (paths, name, "force", "1", error);
}
