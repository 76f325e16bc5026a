/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service on the bus: connection, name, object tree, start and stop. Decides nothing. */
#include "bus.h"

#include "config.h"
#include "lifecycle.h"
#include "log.h"
#include "restore.h"

#include <glib-unix.h>
#include <signal.h>

#define BUS_PATIENCE 200 /* milliseconds */

static void
stop (ScBus *bus, int exit_status)
{
  bus->exit_status = exit_status;
  g_main_loop_quit (bus->loop);
}

static gboolean
on_signal (gpointer user_data)
{
  sc_lifecycle_stop (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_hangup (gpointer user_data)
{
  sc_lifecycle_reload (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_status_time (gpointer user_data)
{
  ScBus *bus = user_data;

  bus->status_source = 0;
  if (bus->manager != NULL)
    sc_bus_manager_update (bus);
  sc_lifecycle_update (bus);
  return G_SOURCE_REMOVE;
}

/* Many patches may change at once: Degraded is worded once for all of them, Generation is always up to date.
 */
static void
on_status (gpointer user_data)
{
  ScBus *bus = user_data;

  if (bus->manager != NULL)
    sc_bus_manager_set_generation (bus->manager, sc_catalog_generation (bus->service->catalog));
  if (bus->status_source == 0)
    bus->status_source = g_idle_add (on_status_time, bus);
}

static void
on_job_event (ScJob *job, ScJobEvent event, gpointer user_data)
{
  sc_bus_job_event (job, event, user_data);
  if (event == SC_JOB_EVENT_FINISHED)
    on_status (user_data);
}

static const ScServiceListener listener = {
  .patch = sc_bus_patch_event,
  .job_added = sc_bus_job_added,
  .job_event = on_job_event,
  .job_removed = sc_bus_job_removed,
  .status = on_status,
};

static void
on_restored (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBus *bus = user_data;
  GPtrArray *patches = sc_catalog_patches (bus->service->catalog);
  guint active = 0;

  sc_restore_at_start_finish (result);
  for (guint i = 0; i < patches->len; i++)
    active += ((ScPatch *)g_ptr_array_index (patches, i))->state >= LP_STATE_ACTIVE;
  sc_lifecycle_ready (bus);
  sc_log (G_LOG_LEVEL_MESSAGE, SC_MESSAGE_STARTED, NULL, "syscared %s is ready: %u patches, %u active",
          SYSCARE_VERSION, patches->len, active);
}

static void
restore (ScBus *bus)
{
  if (bus->is_restoring)
    return;
  bus->is_restoring = TRUE;
  sc_restore_at_start_async (bus->service, SC_RESTORE_ALL, on_restored, bus);
}

static void
on_name_acquired (GDBusConnection *connection, const char *name, gpointer user_data)
{
  restore (user_data);
}

static void
on_name_lost (GDBusConnection *connection, const char *name, gpointer user_data)
{
  ScBus *bus = user_data;

  sc_log (G_LOG_LEVEL_CRITICAL, SC_MESSAGE_TROUBLE, NULL,
          "can't own %s on the bus: another service runs, or the bus policy isn't installed", name);
  stop (bus, 1);
}

/* At boot we come before the bus, because the services that are patched come soon after it. Otherwise the
 * name comes first: it keeps two services from doing the same. */
static gboolean
on_patience_end (gpointer user_data)
{
  ScBus *bus = user_data;

  bus->patience = 0;
  restore (bus);
  return G_SOURCE_REMOVE;
}

/* Once the lists are true and the bus is there: only from here on somebody may ask. */
static void
serve (ScBus *bus)
{
  g_autoptr (GError) error = NULL;

  if (!bus->is_known || bus->connection == NULL)
    return;
  if (bus->patience != 0)
    g_source_remove (bus->patience);
  bus->patience = 0;
  bus->manager = sc_bus_manager_export (bus, &error);
  if (bus->manager == NULL)
    {
      sc_log (G_LOG_LEVEL_CRITICAL, SC_MESSAGE_TROUBLE, NULL, "can't start: %s", error->message);
      stop (bus, 1);
      return;
    }
  sc_bus_manager_update (bus);
  g_dbus_object_manager_server_set_connection (bus->objects, bus->connection);
  bus->name = g_bus_own_name_on_connection (bus->connection, SC_BUS_NAME, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE,
                                            on_name_acquired, on_name_lost, bus, NULL);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBus *bus = user_data;
  g_autoptr (GError) error = NULL;

  if (!sc_service_start_finish (bus->service, result, &error))
    {
      sc_log (G_LOG_LEVEL_CRITICAL, SC_MESSAGE_TROUBLE, NULL, "can't start: %s", error->message);
      stop (bus, 1);
      return;
    }
  bus->is_known = TRUE;
  if (bus->connection == NULL)
    bus->patience = g_timeout_add (BUS_PATIENCE, on_patience_end, bus);
  serve (bus);
}

static void
on_connection_closed (GDBusConnection *connection, gboolean remote, GError *error, gpointer user_data)
{
  ScBus *bus = user_data;

  sc_log (G_LOG_LEVEL_CRITICAL, SC_MESSAGE_TROUBLE, NULL, "the bus closed the connection%s%s",
          error != NULL ? ": " : "", error != NULL ? error->message : "");
  stop (bus, 1);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBus *bus = user_data;
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_bus_get_finish (result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* @bus is gone */
  if (connection == NULL)
    {
      sc_log (G_LOG_LEVEL_CRITICAL, SC_MESSAGE_TROUBLE, NULL, "can't reach the bus: %s", error->message);
      stop (bus, 1);
      return;
    }
  bus->connection = connection;
  g_dbus_connection_set_exit_on_close (bus->connection, FALSE);
  g_signal_connect (bus->connection, "closed", G_CALLBACK (on_connection_closed), bus);
  serve (bus);
}

static void
clear (ScBus *bus)
{
  if (bus->name != 0)
    g_bus_unown_name (bus->name);
  if (bus->status_source != 0)
    g_source_remove (bus->status_source);
  sc_lifecycle_clear (bus);
  sc_service_free (bus->service);
  g_hash_table_unref (bus->jobs);
  g_hash_table_unref (bus->patches);
  g_hash_table_unref (bus->rates);
  g_hash_table_unref (bus->callers);
  g_clear_object (&bus->manager);
  g_clear_object (&bus->objects);
  if (bus->patience != 0)
    g_source_remove (bus->patience);
  if (bus->connection != NULL)
    g_dbus_connection_flush_sync (bus->connection, NULL, NULL);
  g_clear_object (&bus->connection);
  g_main_loop_unref (bus->loop);
}

int
sc_bus_run (const ScPaths *paths)
{
  ScBus bus = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  /* polkit has to be asked about the very bus that callers are on, so a private one takes the system bus's
   * place. */
  if (!g_str_equal (paths->bus, "system"))
    g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", paths->bus, TRUE);
  signal (SIGPIPE, SIG_IGN);
  bus.loop = g_main_loop_new (NULL, FALSE);
  bus.objects = g_dbus_object_manager_server_new (SC_BUS_PATH);
  bus.patches = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  bus.jobs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, sc_bus_job_view_free);
  bus.rates = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  bus.callers = g_hash_table_new (NULL, NULL);
  bus.service = sc_service_new (paths);
  sc_service_set_listener (bus.service, &listener, &bus);
  g_unix_signal_add (SIGTERM, on_signal, &bus);
  g_unix_signal_add (SIGINT, on_signal, &bus);
  g_unix_signal_add (SIGHUP, on_hangup, &bus);
  g_bus_get (G_BUS_TYPE_SYSTEM, cancellable, on_connected, &bus);
  sc_service_start_async (bus.service, on_started, &bus);

  g_main_loop_run (bus.loop);
  g_cancellable_cancel (cancellable);
  clear (&bus);
  return bus.exit_status;
}
