/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of one job. Must not know the bus, the queue or how it is done. */
#include "job.h"

#define JOB_PATH_PREFIX "/org/openeuler/SysCare1/jobs/"

const char *
sc_job_state_word (ScJobState state)
{
  static const char *const words[]
      = { "queued", "running", "cancelling", "succeeded", "failed", "cancelled" };

  return words[state];
}

static GStrv
target_keys (GPtrArray *patches)
{
  g_autoptr (GStrvBuilder) keys = g_strv_builder_new ();

  for (guint i = 0; i < patches->len; i++)
    g_strv_builder_add (keys, ((ScPatch *)g_ptr_array_index (patches, i))->info->build_id);
  return g_strv_builder_end (keys);
}

ScJob *
sc_job_new (guint64 id, const char *word, GPtrArray *patches, ScCaller *caller, ScCallOptions *options)
{
  ScJob *job = g_rc_box_new0 (ScJob);

  job->id = id;
  job->path = g_strdup_printf (JOB_PATH_PREFIX "%" G_GUINT64_FORMAT, id);
  job->word = word;
  job->patches = g_ptr_array_ref (patches);
  job->keys = target_keys (patches);
  job->caller = sc_caller_ref (caller);
  job->options = options;
  job->created = (guint64)g_get_real_time ();
  job->phase = g_strdup ("");
  job->cancelable = TRUE;
  job->cancellable = g_cancellable_new ();
  job->results = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("a{sv}"), NULL, 0));
  return job;
}

ScJob *
sc_job_ref (ScJob *job)
{
  return g_rc_box_acquire (job);
}

static void
clear (gpointer data)
{
  ScJob *job = data;

  g_free (job->path);
  g_ptr_array_unref (job->patches);
  g_strfreev (job->keys);
  sc_caller_unref (job->caller);
  sc_call_options_free (job->options);
  g_free (job->phase);
  g_object_unref (job->cancellable);
  g_clear_error (&job->error);
  g_variant_unref (job->results);
  if (job->start_data_free != NULL)
    job->start_data_free (job->start_data);
}

void
sc_job_unref (ScJob *job)
{
  g_rc_box_release_full (job, clear);
}

gboolean
sc_job_is_finished (const ScJob *job)
{
  return job->state >= SC_JOB_SUCCEEDED;
}

static void
tell (ScJob *job, ScJobEvent event)
{
  if (job->listener != NULL)
    job->listener (job, event, job->listener_data);
}

void
sc_job_set_running (ScJob *job)
{
  if (job->state == SC_JOB_QUEUED)
    job->state = SC_JOB_RUNNING;
  tell (job, SC_JOB_EVENT_CHANGED);
}

void
sc_job_set_progress (ScJob *job, const char *phase, guint done, guint total, gboolean cancelable)
{
  if (sc_job_is_finished (job))
    return;
  if (!g_str_equal (job->phase, phase))
    {
      g_free (job->phase);
      job->phase = g_strdup (phase);
    }
  job->done = done;
  job->total = total;
  job->cancelable = cancelable;
  tell (job, SC_JOB_EVENT_CHANGED);
}

gboolean
sc_job_cancel (ScJob *job, GError **error)
{
  if (sc_job_is_finished (job) || !job->cancelable)
    {
      lp_error_set (error, LP_ERROR_NOT_CANCELABLE, NULL, "job %" G_GUINT64_FORMAT " %s", job->id,
                    sc_job_is_finished (job) ? "has ended" : "is past the point of no return");
      return FALSE;
    }
  if (job->state == SC_JOB_CANCELLING)
    return TRUE;

  gboolean queued = job->state == SC_JOB_QUEUED;
  job->state = SC_JOB_CANCELLING;
  g_cancellable_cancel (job->cancellable);
  if (queued && job->ready)
    sc_job_finish (job, NULL, g_error_new (LP_ERROR, LP_ERROR_CANCELLED, "cancelled before it began"));
  else
    tell (job, SC_JOB_EVENT_CHANGED);
  return TRUE;
}

void
sc_job_finish (ScJob *job, GVariant *results, GError *error)
{
  g_autoptr (ScJob) kept G_GNUC_UNUSED = sc_job_ref (job);

  if (results != NULL)
    {
      g_variant_unref (job->results);
      job->results = g_variant_ref_sink (results);
    }
  g_clear_error (&job->error);
  job->error = error;
  if (error == NULL)
    job->state = SC_JOB_SUCCEEDED;
  else
    job->state = lp_error_info_for (error)->code == LP_ERROR_CANCELLED ? SC_JOB_CANCELLED : SC_JOB_FAILED;
  job->finished = (guint64)g_get_real_time ();
  job->cancelable = FALSE;
  g_free (job->phase);
  job->phase = g_strdup ("");
  tell (job, SC_JOB_EVENT_FINISHED);
}
