/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes system calls inside a stopped process, by one of its threads, and gives the thread back as it was.
 * Must not know what the calls are for.
 *
 * A system call instruction of the process (vDSO or any module) is used, between syscall-entry and -exit
 * stops: no code is injected, except by lp_remote_run(). The thread's signals are held back meanwhile
 * (blocked by its mask, so none is lost), and its registers are put back in a stop inside the kernel's signal
 * code, so that a system call that we interrupted is still restarted by the kernel's own rules. */
#pragma once

#include "process/maps.h"
#include "process/stop.h"

G_BEGIN_DECLS

typedef struct LpRemote LpRemote;

/* Borrows a suitable one of @stop's stopped threads. Errors: LP_ERROR_NOT_SUPPORTED (32-bit code, every
 * thread inside a restartable sequence, seccomp that can't be suspended), LP_ERROR_PROCESS_GONE,
 * LP_ERROR_FAILED.
 * @maps: of the process, as they are now; borrowed. */
LpRemote *lp_remote_begin (LpStop *stop, const LpMaps *maps, GError **error);

/* One system call; @result is what the kernel returned (negative errno in case of failure, which isn't an
 * error here). Errors: LP_ERROR_NOT_SUPPORTED (no system call instruction), LP_ERROR_PROCESS_GONE,
 * LP_ERROR_FAILED (the thread didn't do what it was told; end the session). */
gboolean lp_remote_call (LpRemote *remote, long number, const guint64 arguments[6], gint64 *result,
                         GError **error);

/* One of several calls. */
typedef struct {
  long number;
  guint64 arguments[6];
  /* This argument is the address of the text, of the answer; 0: none is, it can't be the first one. */
  guint text_at, answer_at;
  /* The result becomes argument @to_argument[] of call number @to_call[], which comes later; 0: isn't needed.
   */
  guint to_call[3], to_argument[3];
  gint64 result;
} LpRemoteCall;

#define LP_REMOTE_CALLS_MAX 16
#define LP_REMOTE_CODE_SIZE 4096
#define LP_REMOTE_ANSWER_SIZE 144 /* bytes: what stat(2) has to say */

/* Makes @n calls in one go, which is several times faster than one by one, until one fails; @made is how many
 * were made, the failed one included. For a process in which nobody but the borrowed thread runs what lies at
 * @code, LP_REMOTE_CODE_SIZE executable bytes: some of them are replaced for the time. @text lies on the
 * thread's stack meanwhile, below what is in use, and so does what one of the calls may write: @answer
 * (nullable), LP_REMOTE_ANSWER_SIZE bytes. Errors: LP_ERROR_NOT_SUPPORTED (nothing was done, and can
 * be done one by one), LP_ERROR_FAILED, LP_ERROR_PROCESS_GONE. */
gboolean lp_remote_run (LpRemote *remote, guint64 code, LpRemoteCall *calls, guint n, const char *text,
                        void *answer, guint *made, GError **error);

/* Gives the thread back; it is stopped again afterwards. Frees @remote in any case. */
gboolean lp_remote_end (LpRemote *remote, GError **error);

/* A suitable thread of a running process to stop for this, or 0: one that sleeps, if there is one. */
int lp_remote_choose_thread (const LpProcess *process, guint attempt, GError **error);

G_END_DECLS
