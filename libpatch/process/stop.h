/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stops the threads of a process quietly and lets them go as they were. Must not know why.
 *
 * PTRACE_SEIZE and PTRACE_INTERRUPT: no signal is sent, a parent sees nothing. All of it must run inside
 * a tracer (process/ptracer.h), at whose end the kernel lets go of everything that is still held. Source:
 * ptrace(2). */
#pragma once

#include "process/process.h"
#include "process/registers.h"
#include "process/ptracer.h"

G_BEGIN_DECLS

typedef struct LpStop LpStop;

typedef struct {
  int tid;
  LpProcess *process; /* borrowed: the session's, or one that shares its memory */
  int signal;         /* one that was about to be delivered; given back at the release. 0 = none */
  gboolean stopped;   /* in a ptrace stop now */
  gboolean gone;      /* ended meanwhile */
  gboolean is_new;    /* has executed nothing of its program yet */
  gboolean has_registers;
  gboolean registers_changed;
  LpRegisters registers; /* as they were at the stop */
} LpThread;

LpStop *lp_stop_new (LpProcess *process);
/* Releases what is still stopped, then frees. */
void lp_stop_free (LpStop *stop);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpStop, lp_stop_free)

LpProcess *lp_stop_process (LpStop *stop);
/* @sharer (borrowed), another process with the same memory, is to stand still as well: the next lp_stop_all()
 * stops its threads, too. That it is gone by then is no error. */
void lp_stop_add_sharer (LpStop *stop, LpProcess *sharer);

/* Stops every thread, also those that are being created meanwhile; may follow lp_stop_thread(). Errors:
 * LP_ERROR_PROCESS_BUSY (a thread didn't stop within @timeout_ms, e.g. in uninterruptible sleep, or a
 * debugger has it), LP_ERROR_PROCESS_GONE, LP_ERROR_ACCESS_DENIED. After an error nothing is stopped. */
gboolean lp_stop_all (LpStop *stop, guint timeout_ms, GError **error);
/* Stops only @tid. Errors as above. */
gboolean lp_stop_thread (LpStop *stop, int tid, guint timeout_ms, GError **error);

/* A session over @tid alone, which the calling tracer thread has seized (with PTRACE_O_TRACESYSGOOD) and
 * holds in a PTRACE_EVENT_STOP. Releasing it lets the thread go as usual. */
LpStop *lp_stop_adopt (LpProcess *process, int tid);

/* Forgets its threads, which stay stopped: the caller holds them. */
void lp_stop_disown (LpStop *stop);

/* Stopped threads; borrowed, valid until the next lp_stop_ call. */
guint lp_stop_n_threads (const LpStop *stop);
LpThread *lp_stop_get_thread (LpStop *stop, guint index);

/* Reads @thread's registers once. Errors: LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED. */
gboolean lp_stop_read_registers (LpStop *stop, LpThread *thread, GError **error);

/* @give_back (NULL: nobody) gives @borrower's thread its registers back, should the tracer have to end
 * amidst its work (lp_ptracer_set_rescue()): it may only do what a signal handler may. */
void lp_stop_set_borrower (LpStop *stop, void (*give_back) (gpointer borrower), gpointer borrower);

/* Waits for the next ptrace stop of @thread. Returns the wait status, or -1 when it ended. Errors:
 * LP_ERROR_PROCESS_GONE, LP_ERROR_PROCESS_BUSY (@timeout_ms is over). */
int lp_stop_wait (LpStop *stop, LpThread *thread, guint timeout_ms, GError **error);

/* Lets all threads go on: interrupted system calls are repeated, held signals delivered, a job that was
 * stopped stays stopped. */
void lp_stop_release (LpStop *stop);
/* Nanoseconds from the first interrupt to the last detach of the last stop. */
guint64 lp_stop_duration (const LpStop *stop);

G_END_DECLS
