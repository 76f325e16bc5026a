/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Turns the tracer's events into a trace: recognises compilers, assemblers and linkers, reads their command
 * lines while they are held, and keeps their outputs before anybody can delete them. Must not know what the
 * trace is for. */
#pragma once

#include "build/reads.h"
#include "build/trace.h"
#include "build/tracer.h"

G_BEGIN_DECLS

typedef struct LpRecorder LpRecorder;

/* @trace is filled in and stays the caller's; kept files go into folder @store, which must exist. */
LpRecorder *lp_recorder_new (LpTrace *trace, const char *store);
/* Lets tools that read everything only to take digests (dh_autoreconf's md5sum) not count in @reads. */
void lp_recorder_watch_reads (LpRecorder *recorder, LpReads *reads);
/* Gives the first error that made the trace incomplete (a kept file could not be written), or returns TRUE.
 */
gboolean lp_recorder_finish (LpRecorder *recorder, GError **error);
void lp_recorder_free (LpRecorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpRecorder, lp_recorder_free)

/* The events to hand to lp_tracer_run(), with the recorder as their user_data. */
extern const LpTracerEvents lp_recorder_events;

G_END_DECLS
