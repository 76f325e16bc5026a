/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ready, status, watchdog, reload and stop, as sd_notify(3) and systemd.service(5) define them. Must not know
 * what jobs do. */
#include "lifecycle.h"

#include "log.h"
#include "notify.h"

#include <unistd.h>

/* A worker has 20 s to undo its work and is killed then (worker-client.c); this is only against what must not
 * happen, and shorter than the unit's TimeoutStopSec=. Seconds. */
#define STOP_PATIENCE 60
#define RETRY_PAUSE 100 /* milliseconds */

static char *
status_text (ScBus *bus)
{
  ScService *service = bus->service;
  GPtrArray *patches = sc_catalog_patches (service->catalog);
  guint active = 0, accepted = 0, jobs = sc_queue_length (service->queue);
  g_auto (GStrv) degraded = sc_service_degraded (service);
  guint troubles = g_strv_length (degraded);
  GString *text = g_string_new (bus->stopping ? "stopping; " : "");

  for (guint i = 0; i < patches->len; i++)
    {
      LpState state = ((const ScPatch *)g_ptr_array_index (patches, i))->state;

      active += sc_state_is_in_effect (state);
      accepted += state == LP_STATE_ACCEPTED;
    }
  g_string_append_printf (text, "%u patches, %u active, %u of them accepted", patches->len, active, accepted);
  if (jobs > 0)
    g_string_append_printf (text, "; %u job(s)", jobs);
  if (troubles > 0)
    g_string_append_printf (text, "; degraded: %s%s", degraded[0], troubles > 1 ? ", and more" : "");
  /* The protocol is one assignment per line. */
  return g_strdelimit (g_string_free (text, FALSE), "\n\r", ' ');
}

/* A loop that hangs sends no pings, and the manager puts another service in its place: patches don't mind. */
static gboolean
on_ping_time (gpointer user_data)
{
  sc_notify ("WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

/* Microseconds between pings: half of what the manager waits, as sd_watchdog_enabled(3) advises; 0: nobody
 * waits. The variables are for the process that WATCHDOG_PID names, not for children that inherit them. */
static guint64
ping_interval (void)
{
  const char *pid = g_getenv ("WATCHDOG_PID"), *usec = g_getenv ("WATCHDOG_USEC");
  guint64 number = 0, interval = 0;

  if (usec == NULL || !g_ascii_string_to_unsigned (usec, 10, 1, G_MAXUINT32, &interval, NULL))
    return 0;
  if (pid != NULL
      && (!g_ascii_string_to_unsigned (pid, 10, 1, G_MAXINT, &number, NULL) || (pid_t)number != getpid ()))
    return 0;
  return interval / 2;
}

static gboolean
on_retry_time (gpointer user_data)
{
  ScBus *bus = user_data;

  bus->retry_source = 0;
  sc_lifecycle_update (bus);
  return G_SOURCE_REMOVE;
}

/* @first_lines go out with the status; what the manager has no room for is said again a little later. */
static void
tell_status (ScBus *bus, const char *first_lines)
{
  g_autofree char *text = status_text (bus);
  g_autofree char *lines = g_strconcat (bus->untold != NULL ? bus->untold : "", first_lines, NULL);
  g_autofree char *message = g_strconcat (lines, "STATUS=", text, NULL);

  if (*lines == '\0' && g_strcmp0 (text, bus->status) == 0)
    return;
  g_clear_pointer (&bus->untold, g_free);
  g_clear_pointer (&bus->status, g_free);
  if (sc_notify (message))
    {
      bus->status = g_steal_pointer (&text);
      return;
    }
  bus->untold = g_steal_pointer (&lines);
  if (bus->retry_source == 0)
    bus->retry_source = g_timeout_add (RETRY_PAUSE, on_retry_time, bus);
}

void
sc_lifecycle_ready (ScBus *bus)
{
  guint64 interval = ping_interval ();

  bus->ready = TRUE;
  tell_status (bus, bus->stopping ? "" : "READY=1\n");
  if (interval > 0)
    bus->ping_source = g_timeout_add (MAX (interval / 1000, 1), on_ping_time, NULL);
}

/* In an idle callback, because the queue forgets a job only after everybody has heard of its end. */
void
sc_lifecycle_update (ScBus *bus)
{
  if (bus->ready)
    tell_status (bus, "");
  if (bus->stopping && sc_queue_length (bus->service->queue) == 0)
    g_main_loop_quit (bus->loop);
}

static void
on_reloaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBus *bus = user_data;
  g_autoptr (GError) error = NULL;

  if (!sc_service_rescan_finish (bus->service, result, &error))
    sc_log (G_LOG_LEVEL_WARNING, SC_MESSAGE_TROUBLE, NULL, "can't read the patch directory: %s",
            error->message);
  bus->reloading = FALSE;
  /* Who waits for READY may ask for Degraded next: what is worded at idle time must not come after it. */
  if (bus->manager != NULL)
    sc_bus_manager_update (bus);
  tell_status (bus, "READY=1\n");
  if (bus->reload_again)
    sc_lifecycle_reload (bus);
}

void
sc_lifecycle_reload (ScBus *bus)
{
  if (!bus->ready || bus->reloading || bus->stopping)
    {
      /* What the first one read may be older than what the second one is for. */
      bus->reload_again = !bus->stopping;
      return;
    }
  bus->reload_again = FALSE;
  bus->reloading = TRUE;
  g_autofree char *lines
      = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT "\n", g_get_monotonic_time ());
  tell_status (bus, lines);
  sc_service_rescan_async (bus->service, on_reloaded, bus);
}

static gboolean
on_stop_late (gpointer user_data)
{
  ScBus *bus = user_data;

  bus->stop_timer = 0;
  sc_log (G_LOG_LEVEL_WARNING, SC_MESSAGE_TROUBLE, NULL,
          "%u job(s) did not end in time; stopping without them", sc_queue_length (bus->service->queue));
  g_main_loop_quit (bus->loop);
  return G_SOURCE_REMOVE;
}

void
sc_lifecycle_stop (ScBus *bus)
{
  g_autoptr (GList) jobs = NULL;

  if (bus->stopping)
    return;
  bus->stopping = TRUE;
  sc_notify ("STOPPING=1");
  sc_log (G_LOG_LEVEL_MESSAGE, SC_MESSAGE_STOPPING, NULL, "stopping; patches stay as they are");
  sc_queue_close (bus->service->queue);
  jobs = g_hash_table_get_values (bus->service->jobs);
  for (GList *item = jobs; item != NULL; item = item->next)
    {
      ScJob *job = item->data;

      /* One that can't be cancelled is within its atomic step, or writes down what it did: it is waited for.
       */
      if (!sc_job_is_finished (job))
        sc_job_cancel (job, NULL);
    }
  sc_queue_advance (bus->service->queue);
  bus->stop_timer = g_timeout_add_seconds (STOP_PATIENCE, on_stop_late, bus);
  sc_lifecycle_update (bus);
}

void
sc_lifecycle_clear (ScBus *bus)
{
  g_clear_handle_id (&bus->ping_source, g_source_remove);
  g_clear_handle_id (&bus->stop_timer, g_source_remove);
  g_clear_handle_id (&bus->retry_source, g_source_remove);
  g_clear_pointer (&bus->status, g_free);
  g_clear_pointer (&bus->untold, g_free);
}
