/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue of jobs. Must not know what jobs do. */
#include "queue.h"

struct ScQueue {
  GPtrArray *jobs; /* unfinished ones, by arrival */
  guint limit, limit_per_user;
  gboolean closed;
};

ScQueue *
sc_queue_new (void)
{
  ScQueue *queue = g_new0 (ScQueue, 1);

  queue->jobs = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_job_unref);
  queue->limit = queue->limit_per_user = G_MAXUINT;
  return queue;
}

void
sc_queue_free (ScQueue *queue)
{
  if (queue == NULL)
    return;
  g_ptr_array_unref (queue->jobs);
  g_free (queue);
}

void
sc_queue_set_limits (ScQueue *queue, guint all, guint per_user)
{
  queue->limit = all;
  queue->limit_per_user = per_user;
}

guint
sc_queue_length (const ScQueue *queue)
{
  return queue->jobs->len;
}

static guint
count_of_user (const ScQueue *queue, guint uid)
{
  guint n = 0;

  for (guint i = 0; i < queue->jobs->len; i++)
    n += ((ScJob *)g_ptr_array_index (queue->jobs, i))->caller->uid == uid;
  return n;
}

gboolean
sc_queue_add (ScQueue *queue, ScJob *job, GError **error)
{
  guint uid = job->caller->uid;

  if (queue->closed)
    {
      lp_error_set (error, LP_ERROR_BUSY, "try it again in a moment", "the service is stopping");
      return FALSE;
    }
  if (queue->jobs->len >= queue->limit || (uid != 0 && count_of_user (queue, uid) >= queue->limit_per_user))
    {
      lp_error_set (error, LP_ERROR_LIMITS_EXCEEDED, "wait until a job has ended",
                    "too many unfinished jobs (%u in all, %u of this user)", queue->jobs->len,
                    count_of_user (queue, uid));
      return FALSE;
    }
  g_ptr_array_add (queue->jobs, sc_job_ref (job));
  return TRUE;
}

static gboolean
shares_target (const ScJob *a, const ScJob *b)
{
  for (guint i = 0; a->keys[i] != NULL; i++)
    if (g_strv_contains ((const char *const *)b->keys, a->keys[i]))
      return TRUE;
  return FALSE;
}

static ScJob *
find_startable (const ScQueue *queue)
{
  for (guint i = 0; i < queue->jobs->len; i++)
    {
      ScJob *job = g_ptr_array_index (queue->jobs, i);
      gboolean blocked = queue->closed || !job->ready || job->state != SC_JOB_QUEUED;

      for (guint k = 0; k < i && !blocked; k++)
        blocked = shares_target (job, g_ptr_array_index (queue->jobs, k));
      if (!blocked)
        return job;
    }
  return NULL;
}

void
sc_queue_advance (ScQueue *queue)
{
  for (guint i = queue->jobs->len; i > 0; i--)
    if (sc_job_is_finished (g_ptr_array_index (queue->jobs, i - 1)))
      g_ptr_array_remove_index (queue->jobs, i - 1);

  for (ScJob *job = find_startable (queue); job != NULL; job = find_startable (queue))
    {
      g_autoptr (ScJob) kept G_GNUC_UNUSED = sc_job_ref (job);

      sc_job_set_running (job);
      job->start (job, job->start_data);
    }
}

void
sc_queue_close (ScQueue *queue)
{
  queue->closed = TRUE;
}

void
sc_queue_remove (ScQueue *queue, ScJob *job)
{
  g_ptr_array_remove (queue->jobs, job);
}
