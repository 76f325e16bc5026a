/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the user about an error: `syscare: WHAT: WHY`, an indented line with what to do, and the exit status.
 * Must not know where the error came from. */
#pragma once

#include "context.h"
#include "base/error.h"

G_BEGIN_DECLS

/* Exit statuses that don't come from an error: the table of LpErrorInfo gives all others. */
enum {
  CLI_EXIT_DONE = 0,
  CLI_EXIT_NOTHING_TO_DO = 6,
};

/* Puts the error's own sentence, translated, in front of its message, unless the message says as much. For
 * errors of the service and of libpatch, whose texts are details. */
void cli_error_explain (GError **error);

/* Prints @error to standard error, with --json also as {"error": {...}} to standard output. @what: the
 * request ("apply HP001"), NULL for none. Returns the exit status. */
int cli_report (const CliContext *context, const char *what, const GError *error);

/* The standard error part alone. */
void cli_report_line (const char *what, const GError *error);

G_END_DECLS
