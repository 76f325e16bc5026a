/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a tool to its end in a known environment and gives its output. Must not know what the tools are for.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The fixed environment of every tool and build: PATH, LC_ALL=C.UTF-8, HOME=@home, nothing of the user's
 * settings. Caller frees. */
GStrv lp_command_environment (const char *home);

typedef struct {
  int exit_status; /* 0-255; 128 + signal when a signal ended it */
  char *output;    /* stdout, never NULL */
  char *errors;    /* stderr, never NULL */
} LpCommandResult;

void lp_command_result_clear (LpCommandResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (LpCommandResult, lp_command_result_clear)

/* @input (nullable) is given on standard input. FALSE only when it could not be run or was cancelled:
 * LP_ERROR_FAILED, LP_ERROR_CANCELLED. A non-zero exit status is the caller's to judge. Usable from any
 * thread. */
gboolean lp_command_run (const char *const *argv, const char *const *envp, const char *cwd, const char *input,
                         GCancellable *cancellable, LpCommandResult *result, GError **error);

/* As above, but a non-zero exit status is LP_ERROR_FAILED with the last line of stderr; gives stdout (caller
 * frees). */
char *lp_command_output (const char *const *argv, const char *const *envp, const char *cwd,
                         GCancellable *cancellable, GError **error);

/* Last line of @text that isn't empty, stripped (caller frees); "" when there is none. */
char *lp_command_last_line (const char *text);

G_END_DECLS
