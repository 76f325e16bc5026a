/* SPDX-License-Identifier: GPL-2.0-or-later */
/* org.openeuler.SysCare1.Job: shows the core's jobs; Wait and Cancel. Decides nothing. */
#include "bus.h"

#include "error-names.h"

#define ACTION_CANCEL "org.openeuler.syscare1.cancel-job-other-user"
#define UPDATE_PAUSE 100 /* milliseconds: at most ten updates a second */

/* What clients see of one job. */
typedef struct {
  ScJob *job;
  ScBusJob *skeleton;
  GPtrArray *waiting; /* GDBusMethodInvocation of Wait */
  gint64 updated;     /* monotonic, microseconds */
  guint timer;
} ScBusJobView;

void
sc_bus_job_view_free (gpointer data)
{
  ScBusJobView *view = data;

  if (view->timer != 0)
    g_source_remove (view->timer);
  for (guint i = 0; i < view->waiting->len; i++)
    g_dbus_method_invocation_return_dbus_error (g_ptr_array_index (view->waiting, i),
                                                SC_ERROR_PREFIX "Cancelled", "the job was withdrawn");
  g_ptr_array_unref (view->waiting);
  g_object_unref (view->skeleton);
  sc_job_unref (view->job);
  g_free (view);
}

static void
show (ScBusJobView *view)
{
  const ScJob *job = view->job;
  ScBusJob *skeleton = view->skeleton;

  sc_bus_job_set_state (skeleton, sc_job_state_word (job->state));
  sc_bus_job_set_phase (skeleton, job->phase);
  sc_bus_job_set_done (skeleton, job->done);
  sc_bus_job_set_total (skeleton, job->total);
  sc_bus_job_set_cancelable (skeleton, job->cancelable);
  sc_bus_job_set_finished_time (skeleton, job->finished);
  sc_bus_job_set_error_name (skeleton, job->error != NULL ? sc_error_name (job->error) : "");
  sc_bus_job_set_error_message (skeleton, job->error != NULL ? job->error->message : "");
  sc_bus_job_set_results (skeleton, job->results);
  view->updated = g_get_monotonic_time ();
}

static gboolean
on_update_time (gpointer data)
{
  ScBusJobView *view = data;

  view->timer = 0;
  show (view);
  return G_SOURCE_REMOVE;
}

/* ---- Wait ---- */

static void
answer_wait (const ScJob *job, GDBusMethodInvocation *invocation)
{
  if (job->error != NULL)
    sc_bus_return_error (invocation, job->error);
  else
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(@aa{sv})", job->results));
}

static gboolean
on_wait (ScBusJob *skeleton, GDBusMethodInvocation *invocation, GVariant *options, gpointer user_data)
{
  ScBus *bus = user_data;
  ScBusJobView *view = g_hash_table_lookup (bus->jobs, g_dbus_method_invocation_get_object_path (invocation));
  g_autoptr (GError) error = NULL;
  g_autoptr (ScCallOptions) parsed = sc_call_options_parse (options, 0, &error);

  if (parsed == NULL)
    sc_bus_return_error (invocation, error);
  else if (sc_job_is_finished (view->job))
    answer_wait (view->job, invocation);
  else
    g_ptr_array_add (view->waiting, invocation);
  return TRUE;
}

/* ---- Cancel ---- */

static void
cancel_allowed (ScBusCall *call)
{
  const char *path = g_dbus_method_invocation_get_object_path (call->invocation);
  ScBusJobView *view = g_hash_table_lookup (call->bus->jobs, path);
  GError *error = NULL;

  if (view == NULL)
    error = g_error_new (LP_ERROR, LP_ERROR_UNKNOWN_OBJECT, "there is no job %s any more", path);
  else if (sc_job_cancel (view->job, &error))
    {
      sc_bus_call_return (call, NULL);
      return;
    }
  sc_bus_call_fail (call, error);
}

static void
cancel (ScBusCall *call)
{
  ScBusJobView *view
      = g_hash_table_lookup (call->bus->jobs, g_dbus_method_invocation_get_object_path (call->invocation));

  if (view != NULL && view->job->caller->uid != call->caller->uid)
    {
      call->recorded_as = "cancel";
      sc_bus_call_require (call, ACTION_CANCEL, view->job->word, cancel_allowed);
    }
  else
    cancel_allowed (call);
}

static gboolean
on_cancel (ScBusJob *skeleton, GDBusMethodInvocation *invocation, GVariant *options, gpointer bus)
{
  sc_bus_call_begin (bus, invocation, options, 0, cancel);
  return TRUE;
}

/* ---- the objects ---- */

static GStrv
patch_paths (const ScJob *job)
{
  GStrv paths = g_new0 (char *, job->patches->len + 1);

  for (guint i = 0; i < job->patches->len; i++)
    paths[i] = g_strdup (((ScPatch *)g_ptr_array_index (job->patches, i))->path);
  return paths;
}

void
sc_bus_job_added (ScJob *job, gpointer user_data)
{
  ScBus *bus = user_data;
  ScBusJobView *view = g_new0 (ScBusJobView, 1);
  g_autoptr (ScBusObjectSkeleton) object = sc_bus_object_skeleton_new (job->path);
  g_auto (GStrv) paths = patch_paths (job);

  view->job = sc_job_ref (job);
  view->skeleton = sc_bus_job_skeleton_new ();
  view->waiting = g_ptr_array_new ();
  sc_bus_job_set_id (view->skeleton, job->id);
  sc_bus_job_set_verb (view->skeleton, job->word);
  sc_bus_job_set_patches (view->skeleton, (const char *const *)paths);
  sc_bus_job_set_started_by_uid (view->skeleton, job->caller->uid);
  sc_bus_job_set_created_time (view->skeleton, job->created);
  show (view);
  g_signal_connect (view->skeleton, "handle-wait", G_CALLBACK (on_wait), bus);
  g_signal_connect (view->skeleton, "handle-cancel", G_CALLBACK (on_cancel), bus);
  sc_bus_object_skeleton_set_job (object, view->skeleton);
  g_dbus_object_manager_server_export (bus->objects, G_DBUS_OBJECT_SKELETON (object));
  g_hash_table_insert (bus->jobs, g_strdup (job->path), view);
}

/* Properties of the patches and of the job are on the wire before the signals: who gets them may read right
 * away. */
static void
flush (ScBus *bus, ScBusJobView *view)
{
  for (guint i = 0; i < view->job->patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (view->job->patches, i);
      ScBusPatch *skeleton = g_hash_table_lookup (bus->patches, patch->path);

      if (skeleton != NULL)
        g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (skeleton));
    }
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (view->skeleton));
}

static void
finish (ScBus *bus, ScBusJobView *view)
{
  const ScJob *job = view->job;
  const char *name = job->error != NULL ? sc_error_name (job->error) : "";
  const char *message = job->error != NULL ? job->error->message : "";

  if (view->timer != 0)
    g_source_remove (view->timer);
  view->timer = 0;
  show (view);
  flush (bus, view);
  sc_bus_job_emit_finished (view->skeleton, sc_job_state_word (job->state), name, message);
  if (bus->manager != NULL)
    sc_bus_manager_emit_job_finished (bus->manager, job->path, sc_job_state_word (job->state), name, message);
  for (guint i = 0; i < view->waiting->len; i++)
    answer_wait (job, g_ptr_array_index (view->waiting, i));
  g_ptr_array_set_size (view->waiting, 0);
}

void
sc_bus_job_event (ScJob *job, ScJobEvent event, gpointer user_data)
{
  ScBus *bus = user_data;
  ScBusJobView *view = g_hash_table_lookup (bus->jobs, job->path);
  gint64 age = view != NULL ? (g_get_monotonic_time () - view->updated) / 1000 : 0;

  if (view == NULL)
    return;
  if (event == SC_JOB_EVENT_FINISHED)
    finish (bus, view);
  else if (age >= UPDATE_PAUSE && view->timer == 0)
    show (view);
  else if (view->timer == 0)
    view->timer = g_timeout_add (UPDATE_PAUSE, on_update_time, view);
}

void
sc_bus_job_removed (ScJob *job, gpointer user_data)
{
  ScBus *bus = user_data;

  g_dbus_object_manager_server_unexport (bus->objects, job->path);
  g_hash_table_remove (bus->jobs, job->path);
}
