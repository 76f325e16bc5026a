/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where all ptrace work runs: in a process of its own that shares our memory and descriptors. So a step that
 * has begun comes to its end when we are killed, with no thread of the program left in our system calls and
 * no code half written; and when that process ends, for whatever reason, the kernel lets go of everything
 * that is still held. Must not know what the work is. Source: clone(2), ptrace(2). */
#pragma once

#include "base/error.h"

G_BEGIN_DECLS

/* What happens in the tracer. */
typedef gboolean (*LpPtracerFunc) (gpointer data, GError **error);

/* Runs @func in a tracer and waits for it. A work that takes longer than eight seconds, or one after our
 * end, is ended early (lp_ptracer_set_rescue()), and the tracer killed after ten where it can't even do that.
 * Errors: those of @func; LP_ERROR_FAILED. */
gboolean lp_ptracer_run (LpPtracerFunc func, gpointer data, GError **error);

/* What a tracer that serves does next: blocks in it until there is something to do. NULL: nothing more. */
typedef LpPtracerFunc (*LpPtracerNext) (gpointer data, gpointer *func_data);
/* Runs one tracer for all the work that @next gives it, and waits for its end, which also comes after a work
 * that still holds a thread. FALSE: it ended amidst a work. */
gboolean lp_ptracer_serve (LpPtracerNext next, gpointer data, GError **error);

/* Whether process @pid is a tracer of ours. Any thread, never blocks. */
gboolean lp_ptracer_is_one (int pid);

/* In a tracer. Calls @func, which may only do what a signal handler may, when the calls that follow take
 * longer than some 5 ms, or 0.2 ms (@soon, which itself takes some 10 us), and then again and again, until
 * this is called with NULL. */
void lp_ptracer_watch (void (*func) (gpointer data), gpointer data, gboolean soon);

/* In a tracer. @func (NULL: nobody), which may only do what a signal handler may, lets go of everybody as he
 * was before: it is called, and the tracer ended, when a work takes too long, as it does when it needs a lock
 * that a killed thread had. Holds for the present work. */
void lp_ptracer_set_rescue (void (*func) (gpointer data), gpointer data);
/* In a tracer. While @on, nothing of that happens: for what must not stay half done, and needs no lock. */
void lp_ptracer_defer_rescue (gboolean on);

G_END_DECLS
