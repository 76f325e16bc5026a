/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One piece of work: what it is, how far it is, how it ended. Must not know the bus, the queue or how it is
 * done. */
#pragma once

#include "call-options.h"
#include "caller.h"
#include "patch.h"
#include "verbs.h"

typedef struct ScJob ScJob;

typedef enum {
  SC_JOB_QUEUED,
  SC_JOB_RUNNING,
  SC_JOB_CANCELLING,
  SC_JOB_SUCCEEDED,
  SC_JOB_FAILED,
  SC_JOB_CANCELLED,
} ScJobState;

typedef enum { SC_JOB_EVENT_CHANGED, SC_JOB_EVENT_FINISHED } ScJobEvent;
typedef void (*ScJobListener) (ScJob *job, ScJobEvent event, gpointer user_data);
/* Begins the work; called once, from the queue. It ends with sc_job_finish(). */
typedef void (*ScJobStart) (ScJob *job, gpointer user_data);

struct ScJob {
  guint64 id;
  char *path;         /* object path */
  const char *word;   /* verb, static */
  ScVerb verb;        /* for jobs on patches */
  GPtrArray *patches; /* ScPatch */
  GStrv keys;         /* target objects that it works on: never two jobs at once */
  ScCaller *caller;
  ScCallOptions *options;
  guint64 created, finished; /* microseconds since the epoch, UTC */
  ScJobState state;
  char *phase;
  guint done, total;
  gboolean cancelable;
  GCancellable *cancellable;
  GError *error;
  GVariant *results; /* aa{sv} */
  gboolean ready;    /* its pre-check is done: may be started */
  ScJobStart start;
  gpointer start_data;
  GDestroyNotify start_data_free;
  ScJobListener listener;
  gpointer listener_data;
};

ScJob *sc_job_new (guint64 id, const char *word, GPtrArray *patches, ScCaller *caller,
                   ScCallOptions *options);
ScJob *sc_job_ref (ScJob *job);
void sc_job_unref (ScJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScJob, sc_job_unref)

const char *sc_job_state_word (ScJobState state);
gboolean sc_job_is_finished (const ScJob *job);
void sc_job_set_running (ScJob *job);
void sc_job_set_progress (ScJob *job, const char *phase, guint done, guint total, gboolean cancelable);
/* Errors: LP_ERROR_NOT_CANCELABLE. */
gboolean sc_job_cancel (ScJob *job, GError **error);
/* @results: floating or not, (nullable); @error: (nullable) (transfer full): how it failed. */
void sc_job_finish (ScJob *job, GVariant *results, GError *error);
