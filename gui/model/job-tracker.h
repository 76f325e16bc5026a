/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The jobs that run now, those of other clients included, as a list model.
 * Must not know what they are shown with. */
#pragma once

#include "client.h"
#include "job.h"
#include "rows.h"

G_BEGIN_DECLS

#define SC_TYPE_JOB_TRACKER (sc_job_tracker_get_type ())
/**
 * ScJobTracker: a GListModel of the ScJob that haven't ended, oldest first.
 *
 * Signals: "finished" (ScJob) once for each job that was followed to its end; "lost" (ScJob) when the service
 * went away before.
 */
G_DECLARE_FINAL_TYPE (ScJobTracker, sc_job_tracker, SC, JOB_TRACKER, ScRows)

ScJobTracker *sc_job_tracker_new (ScClient *client);

/* The job at @path, followed from now on; borrowed. */
ScJob *sc_job_tracker_follow (ScJobTracker *self, const char *path);

/* Asks the service to cancel; finish with sc_client_call_finish(). */
void sc_job_tracker_cancel (ScJobTracker *self, ScJob *job, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data);

G_END_DECLS
