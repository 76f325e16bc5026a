/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker or a trigger, however it comes into being: as a child, or as a unit of the service manager behind
 * a socket. The second way keeps the dangerous work out of the service's own sandbox: the kernel lets only a
 * tracer without any seccomp filter suspend its target's (PTRACE_O_SUSPEND_SECCOMP, ptrace(2)), so the
 * service can have filters only when it isn't the helper's parent. Must not know what is said to it. */
#pragma once

#include <gio/gio.h>

typedef struct ScHelper ScHelper;
typedef void (*ScHelperCallback) (gboolean well, gpointer user_data);

/* @where: a program, which is started with its end of a socket pair as SC_WIRE_FD; or a socket, which the
 * service manager listens at to start one helper a connection (systemd.socket(5), Accept=yes). *@fd is our
 * end, non-blocking, the caller's to close; it may be written to at once. Errors: LP_ERROR_FAILED. */
ScHelper *sc_helper_start (const char *where, int *fd, GError **error);
void sc_helper_free (ScHelper *helper); /* neither kills nor waits; no callback comes any more */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScHelper, sc_helper_free)

/* Calls @callback once the helper is there, at once where that is known; FALSE when it ended before. Nothing
 * may be read from the descriptor earlier. */
void sc_helper_await (ScHelper *helper, ScHelperCallback callback, gpointer user_data);
/* Calls @callback once its process has ended. */
void sc_helper_wait (ScHelper *helper, ScHelperCallback callback, gpointer user_data);
/* SIGKILL; for one that isn't there yet, the end of the connection. */
void sc_helper_kill (ScHelper *helper);
/* How it ended, for people: "was killed by signal 9". After sc_helper_wait(); caller frees. */
char *sc_helper_describe_end (ScHelper *helper);
