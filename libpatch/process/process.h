/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One running process: who it is, its threads, its /proc files and its memory. Must not know about ELF,
 * ptrace or patches. Source: proc(5). */
#pragma once

#include <glib.h>
#include "base/error.h"

G_BEGIN_DECLS

/* A process is held by its /proc directory and, once memory was asked for, by its address space. Both
 * descriptors go dead with the process (and the second with an exec), so a reused pid or a new program can't
 * be mistaken for the old one. */
typedef struct LpProcess LpProcess;

/* Errors: LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED. Free with lp_process_free(). */
LpProcess *lp_process_open (int pid, GError **error);
/* Process @pid, which the calling tracer holds in a ptrace stop as long as the object is in use: so its
 * number can't become somebody else's, and what isn't asked for isn't looked at. It has no start time and no
 * name. */
LpProcess *lp_process_hold (int pid);
/* For use after the hold: from here on it is like one of lp_process_open(). Errors: as there. */
gboolean lp_process_keep (LpProcess *process, GError **error);
void lp_process_free (LpProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpProcess, lp_process_free)

int lp_process_pid (const LpProcess *process);
/* Clock ticks since boot, field 22 of /proc/PID/stat. */
guint64 lp_process_start_time (const LpProcess *process);
/* comm at the time of opening, as /proc/PID/stat shows it; borrowed. */
const char *lp_process_command (const LpProcess *process);
/* TRUE until the process is a zombie or gone. */
gboolean lp_process_is_alive (const LpProcess *process);
gboolean lp_process_is_kernel_thread (const LpProcess *process);

/* Opens /proc/PID/@name; @flags as open(2), O_CLOEXEC is added. Returns a descriptor or -1. Errors:
 * LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED. */
int lp_process_open_file (const LpProcess *process, const char *name, int flags, GError **error);
/* What stat(2) says of /proc/PID/@name. */
struct stat;
gboolean lp_process_stat_file (const LpProcess *process, const char *name, struct stat *status);
/* /proc/PID/maps of the present address space, for ioctl(2); stays open as long as @process. -1 when it can't
 * be opened. */
int lp_process_maps_fd (LpProcess *process);
/* Its content; NUL-terminated, caller frees. Errors: as lp_process_open(). */
char *lp_process_read_maps (LpProcess *process, GError **error);
/* Whole content of /proc/PID/@name, NUL-terminated; caller frees. */
char *lp_process_read_file (const LpProcess *process, const char *name, gsize *size, GError **error);
/* Value of "@key:" in @text, the content of a status file; stripped; caller frees. NULL when absent. */
char *lp_process_status_value (const char *text, const char *key);
/* Value of "@key:" in /proc/PID/status or /proc/PID/task/TID/status (@tid > 0), stripped; caller frees. NULL
 * when absent. */
char *lp_process_status (const LpProcess *process, int tid, const char *key);
/* Where a thread waits: "epoll_wait, in ep_poll" out of syscall and wchan; "" when it runs or can't be told.
 * Caller frees. */
char *lp_process_thread_waits_in (const LpProcess *process, int tid);

/* All pids of the machine that /proc shows, ascending, array of int. */
GArray *lp_process_list (GError **error);
/* All threads, array of int. Errors: LP_ERROR_PROCESS_GONE. */
GArray *lp_process_threads (const LpProcess *process, GError **error);

/* Memory, through one /proc/PID/mem descriptor that is bound to the address space (an exec ends it).
 * A short read or write is an error. Errors: LP_ERROR_PROCESS_GONE (exited or exec()ed), LP_ERROR_FAILED (not
 * mapped). */
gboolean lp_process_read (LpProcess *process, guint64 address, void *buffer, gsize size, GError **error);
/* As much as is readable from @address on; 0 when nothing is. */
gsize lp_process_read_some (LpProcess *process, guint64 address, void *buffer, gsize size);
/* Writes also into pages without write permission (they become private to the process). When the kernel
 * forbids that (boot option proc_mem.force_override) and @stopped_tid is a thread that the caller has stopped
 * by ptrace, words are poked. */
gboolean lp_process_write (LpProcess *process, guint64 address, const void *bytes, gsize size,
                           int stopped_tid, GError **error);
G_END_DECLS
