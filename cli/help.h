/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help out of the verb table. */
#pragma once

#include "verbs.h"

G_BEGIN_DECLS

/* Prints the help of @verb, or the list of verbs when it is NULL, to standard output. */
void cli_print_help (const CliVerb *verb);

/* The whole table as JSON, for programs that complete or document the command line. */
void cli_print_help_json (void);

/* Prints the candidates for the last of @words, one a line: "WORD<TAB>description"; a line ":files" means:
 * file names fit. @words: what stands behind `syscare` on the command line that is being completed. */
int cli_complete (CliContext *context, const char *const *words);

G_END_DECLS
