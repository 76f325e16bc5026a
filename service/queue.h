/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which job may run when: never two on one target object, first come first served, within limits. Must not
 * know what jobs do. */
#pragma once

#include "job.h"

typedef struct ScQueue ScQueue;

ScQueue *sc_queue_new (void);
void sc_queue_free (ScQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScQueue, sc_queue_free)

/* Unfinished jobs at once, in all and per user; root is only bound by the first. */
void sc_queue_set_limits (ScQueue *queue, guint all, guint per_user);
/* Takes a place for @job; it starts once it is ready and nothing before it works on one of its targets.
 * Errors: LP_ERROR_LIMITS_EXCEEDED; LP_ERROR_BUSY once the queue is closed. */
gboolean sc_queue_add (ScQueue *queue, ScJob *job, GError **error);
/* After a job became ready, or ended: starts what may be started and forgets what has ended. */
void sc_queue_advance (ScQueue *queue);
/* The service is about to end: no job is taken, none is started any more. */
void sc_queue_close (ScQueue *queue);
/* A job that shall not run after all. */
void sc_queue_remove (ScQueue *queue, ScJob *job);
guint sc_queue_length (const ScQueue *queue);
