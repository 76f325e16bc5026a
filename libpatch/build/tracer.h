/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs one command and holds every process of its tree at exec and at exit, so that somebody can look at it.
 * Must not know what a compiler is, and never changes what a process sees: no environment, no PATH, no
 * preload. Source: ptrace(2) PTRACE_SEIZE and the PTRACE_O_TRACE* options. Only fork, exec and exit are
 * stops; system calls are not. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Both are called in the tracer's own thread while @pid (a thread group leader) is held; it goes on when they
 * return. /proc/@pid is complete at exec, and still names files and directories at exit. @status is as
 * wait(2) has it. */
typedef struct {
  void (*on_exec) (pid_t pid, gpointer user_data);
  void (*on_exit) (pid_t pid, int status, gpointer user_data);
} LpTracerEvents;

/**
 * lp_tracer_run:
 * @argv: command, argv[0] is looked up in PATH of @envp
 * @envp: the whole environment
 * @cwd: working directory
 * @log_fd: stdout and stderr of the command (standard input is /dev/null); stays the caller's
 * @status: (out): wait(2) status of the command itself
 *
 * Returns when the command has ended; what it left behind in the background is ended with SIGKILL, and so is
 * the whole tree on cancellation or when our own process dies (PTRACE_O_EXITKILL). Nothing outside the tree
 * is touched.
 *
 * Errors: LP_ERROR_CANCELLED, LP_ERROR_NOT_SUPPORTED (ptrace is forbidden here), LP_ERROR_FAILED.
 */
gboolean lp_tracer_run (const char *const *argv, const char *const *envp, const char *cwd, int log_fd,
                        const LpTracerEvents *events, gpointer user_data, GCancellable *cancellable,
                        int *status, GError **error);

G_END_DECLS
