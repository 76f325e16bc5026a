/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tracers that wait for work, because whoever is held at the gate waits while one is made. Must not know what
 * the work is. */
#pragma once

#include "process/ptracer.h"

G_BEGIN_DECLS

typedef struct LpTracers LpTracers;

/* Makes @n of them, which wait on @processors (element-type int) in turn, if there are any. They go first
 * (base/urgent.h) when they are given work, bound to the processor on which they have waited; and end with
 * the calling process. */
LpTracers *lp_tracers_new (guint n, const GArray *processors);
/* None may be at work. Waits for their ends. */
void lp_tracers_free (LpTracers *tracers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpTracers, lp_tracers_free)

/* Gives @func to one that waits. FALSE: none does. @func must prepare itself for the end of the process that
 * it belongs to: until it calls prctl (PR_SET_PDEATHSIG), the tracer is killed at that. @lost is called
 * instead of the rest of @func when its tracer was killed meanwhile; from another thread. The calls of one
 * LpTracers come one after the other. */
gboolean lp_tracers_give (LpTracers *tracers, LpPtracerFunc func, void (*lost) (gpointer data),
                          gpointer data);

/* Those that are at work may run on any processor from now on. */
void lp_tracers_unbind (LpTracers *tracers);

/* Replaces those that were killed. */
void lp_tracers_mend (LpTracers *tracers);

G_END_DECLS
