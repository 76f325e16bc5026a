/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inotify by way of GFileMonitor. Must not know what a bundle is. */
#include "watch.h"

#define SETTLE_TIME 300 /* milliseconds: a package manager writes many files */
#define PATIENCE_MAX                                                                                         \
  (3 * G_TIME_SPAN_SECOND) /* a stream of changes doesn't put off the notice for longer                      \
                            */
#define UNSETTLED_MAX 256  /* watches are a limited resource of root's */

struct ScWatch {
  ScWatchFunction changed;
  gpointer user_data;
  GHashTable *fixed;     /* char* directory -> GFileMonitor */
  GHashTable *unsettled; /* the same */
  guint timer;
  gint64 first_change; /* monotonic, of the series that the timer waits for */
};

static gboolean
on_time (gpointer data)
{
  ScWatch *watch = data;

  watch->timer = 0;
  watch->changed (watch->user_data);
  return G_SOURCE_REMOVE;
}

static void
notice (ScWatch *watch)
{
  gint64 now = g_get_monotonic_time ();

  if (watch->timer == 0)
    watch->first_change = now;
  else if (now - watch->first_change > PATIENCE_MAX)
    return;
  else
    g_source_remove (watch->timer);
  watch->timer = g_timeout_add (SETTLE_TIME, on_time, watch);
}

static void
on_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer user_data)
{
  notice (user_data);
}

static void
monitor_free (gpointer data)
{
  GFileMonitor *monitor = data;

  g_file_monitor_cancel (monitor);
  g_object_unref (monitor);
}

ScWatch *
sc_watch_new (ScWatchFunction changed, gpointer user_data)
{
  ScWatch *watch = g_new0 (ScWatch, 1);

  watch->changed = changed;
  watch->user_data = user_data;
  watch->fixed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, monitor_free);
  watch->unsettled = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, monitor_free);
  return watch;
}

void
sc_watch_free (ScWatch *watch)
{
  if (watch == NULL)
    return;
  if (watch->timer != 0)
    g_source_remove (watch->timer);
  g_hash_table_unref (watch->fixed);
  g_hash_table_unref (watch->unsettled);
  g_free (watch);
}

/* (nullable): a monitor on @path. */
static GFileMonitor *
make_monitor (ScWatch *watch, const char *path)
{
  g_autoptr (GFile) directory = g_file_new_for_path (path);
  GFileMonitor *monitor = g_file_monitor_directory (directory, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);

  if (monitor != NULL)
    g_signal_connect (monitor, "changed", G_CALLBACK (on_changed), watch);
  return monitor;
}

void
sc_watch_add (ScWatch *watch, const char *directory)
{
  GFileMonitor *monitor = NULL;

  if (!g_hash_table_contains (watch->fixed, directory) && g_file_test (directory, G_FILE_TEST_IS_DIR))
    monitor = make_monitor (watch, directory);
  if (monitor != NULL)
    g_hash_table_insert (watch->fixed, g_strdup (directory), monitor);
}

/* Takes the present monitor of @directory over, or makes one. */
static GFileMonitor *
take_or_make (ScWatch *watch, const char *directory, gboolean *made)
{
  gpointer key = NULL, monitor = NULL;

  if (g_hash_table_steal_extended (watch->unsettled, directory, &key, &monitor))
    {
      g_free (key);
      return monitor;
    }
  monitor = make_monitor (watch, directory);
  *made |= monitor != NULL;
  return monitor;
}

void
sc_watch_set_unsettled (ScWatch *watch, const char *const *directories)
{
  GHashTable *next = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, monitor_free);
  gboolean made = FALSE;

  for (guint i = 0; i < UNSETTLED_MAX && directories[i] != NULL; i++)
    {
      GFileMonitor *monitor = take_or_make (watch, directories[i], &made);

      if (monitor != NULL)
        g_hash_table_insert (next, g_strdup (directories[i]), monitor);
    }
  g_hash_table_unref (watch->unsettled);
  watch->unsettled = next;
  /* What was written between the look and the watch would else be missed. */
  if (made)
    notice (watch);
}
