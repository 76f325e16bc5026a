/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The jobs that run now; see job-tracker.h. */
#include "job-tracker.h"

struct _ScJobTracker {
  ScRows parent_instance;

  ScClient *client;
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (ScJobTracker, sc_job_tracker, SC_TYPE_ROWS)

enum { FINISHED, LOST, N_SIGNALS };

static guint signals[N_SIGNALS];

static ScJob *
find (ScJobTracker *self, const char *path, guint *position)
{
  for (guint i = 0; i < sc_rows_get_length (SC_ROWS (self)); i++)
    {
      ScJob *job = sc_rows_get (SC_ROWS (self), i);
      if (!g_str_equal (sc_job_get_path (job), path))
        continue;
      if (position)
        *position = i;
      return job;
    }
  return NULL;
}

/* Takes @job out of the list and says how it left. */
static void
drop (ScJobTracker *self, ScJob *job, guint signal)
{
  g_autoptr (ScJob) held G_GNUC_UNUSED = g_object_ref (job);
  guint position;

  if (!find (self, sc_job_get_path (job), &position))
    return;
  sc_rows_remove (SC_ROWS (self), position);
  g_signal_emit (self, signals[signal], 0, job);
}

typedef struct {
  ScJobTracker *tracker; /* borrowed; valid unless the call was cancelled */
  ScJob *job;
} Question;

static void
on_properties (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Question *question = user_data;
  g_autoptr (ScJob) job = question->job;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!reply)
    {
      drop (question->tracker, job, LOST); /* it ended longer ago than the service remembers */
      return;
    }
  g_autoptr (GVariant) values = g_variant_get_child_value (reply, 0);
  sc_job_update (job, values);
  if (sc_job_is_finished (job))
    drop (question->tracker, job, FINISHED);
}

/* Reads all that is to be known of @job; at its end that includes the results. */
static void
ask (ScJobTracker *self, ScJob *job)
{
  Question *question = g_new0 (Question, 1);

  question->tracker = self;
  question->job = g_object_ref (job);
  sc_client_get_all (self->client, sc_job_get_path (job), SC_JOB_INTERFACE, self->cancellable, on_properties,
                     question);
}

static void
on_object_changed (ScJobTracker *self, const char *path, const char *interface, GVariant *values)
{
  const char *state;

  if (!g_str_equal (interface, SC_JOB_INTERFACE))
    return;
  ScJob *job = find (self, path, NULL);
  if (!job)
    {
      /* Somebody else's job shows itself; one that has just ended does not come back. */
      if (!g_variant_lookup (values, "FinishedTime", "t", NULL)
          && g_variant_lookup (values, "State", "&s", &state)
          && (g_str_equal (state, "running") || g_str_equal (state, "queued")))
        sc_job_tracker_follow (self, path);
      return;
    }
  sc_job_update (job, values);
  if (sc_job_is_finished (job))
    ask (self, job);
}

static void
on_job_finished (ScJobTracker *self, const char *path)
{
  ScJob *job = find (self, path, NULL);

  if (job)
    ask (self, job);
}

static void
on_object_added (ScJobTracker *self, const char *path)
{
  if (g_str_has_prefix (path, SC_JOB_PREFIX))
    sc_job_tracker_follow (self, path);
}

static void
on_client_state (ScJobTracker *self)
{
  if (sc_client_get_state (self->client) == SC_SERVICE_READY)
    return;
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  while (sc_rows_get_length (SC_ROWS (self)) > 0)
    drop (self, sc_rows_get (SC_ROWS (self), 0), LOST);
}

ScJobTracker *
sc_job_tracker_new (ScClient *client)
{
  ScJobTracker *self = g_object_new (SC_TYPE_JOB_TRACKER, NULL);

  self->client = g_object_ref (client);
  g_signal_connect_object (client, "object-changed", G_CALLBACK (on_object_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "object-added", G_CALLBACK (on_object_added), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "job-finished", G_CALLBACK (on_job_finished), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "notify::state", G_CALLBACK (on_client_state), self, G_CONNECT_SWAPPED);
  return self;
}

ScJob *
sc_job_tracker_follow (ScJobTracker *self, const char *path)
{
  ScJob *job = find (self, path, NULL);

  if (job)
    return job;
  job = sc_job_new (path);
  sc_rows_add (SC_ROWS (self), job);
  sc_rows_tell_added (SC_ROWS (self), sc_rows_get_length (SC_ROWS (self)) - 1);
  ask (self, job);
  return job;
}

void
sc_job_tracker_cancel (ScJobTracker *self, ScJob *job, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  sc_client_call (self->client, sc_job_get_path (job), SC_JOB_INTERFACE, "Cancel",
                  g_variant_new ("(a{sv})", &options), NULL, SC_CALL_INTERACTIVE, cancellable, callback,
                  user_data);
}

static void
sc_job_tracker_dispose (GObject *object)
{
  g_cancellable_cancel (SC_JOB_TRACKER (object)->cancellable);
  G_OBJECT_CLASS (sc_job_tracker_parent_class)->dispose (object);
}

static void
sc_job_tracker_finalize (GObject *object)
{
  ScJobTracker *self = SC_JOB_TRACKER (object);

  g_clear_object (&self->client);
  g_clear_object (&self->cancellable);
  G_OBJECT_CLASS (sc_job_tracker_parent_class)->finalize (object);
}

static void
sc_job_tracker_class_init (ScJobTrackerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  object_class->dispose = sc_job_tracker_dispose;
  object_class->finalize = sc_job_tracker_finalize;
  SC_ROWS_CLASS (klass)->item_type = SC_TYPE_JOB;
  signals[FINISHED]
      = g_signal_new ("finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, SC_TYPE_JOB);
  signals[LOST]
      = g_signal_new ("lost", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, SC_TYPE_JOB);
}

static void
sc_job_tracker_init (ScJobTracker *self)
{
  self->cancellable = g_cancellable_new ();
}
