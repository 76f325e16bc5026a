/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words on a terminal: translation, harmless names, widths, colours, times and durations.
 * Must not know what the words are about. */
#pragma once

#include <glib.h>
#include <glib/gi18n.h>

G_BEGIN_DECLS

/* Colours mean a role; none is used when the stream is no terminal or NO_COLOR is set. */
typedef enum {
  CLI_PLAIN,
  CLI_BOLD,
  CLI_GOOD,
  CLI_WARN,
  CLI_BAD,
  CLI_DIM,
} CliStyle;

/* @text with every control character (also C1, and those that turn the writing direction) made visible as
 * \xNN or \u{NNNN}; caller frees. Names come from patches and processes, and must not be able to drive the
 * terminal. */
char *cli_escape (const char *text);

/* Columns of the terminal behind standard output, 0 when it is none. */
guint cli_terminal_width (void);

/* Columns that @text takes. */
guint cli_width (const char *text);

/* @text cut to @columns, with an ellipsis as its last one when something was cut; caller frees. */
char *cli_cut (const char *text, guint columns);

/* @text in @style if standard output takes colours, else a copy; caller frees. */
char *cli_style (const char *text, CliStyle style);

/* A state or status word with its translation; never NULL, borrowed. Unknown words come back as they are. */
const char *cli_word (const char *word);
/* How a state or status looks. */
CliStyle cli_word_style (const char *word);
/* What a word of Patch.Problems means for a patch of @kind ("kernel", "user"; "": not known): a sentence;
 * borrowed. Unknown words come back as they are. */
const char *cli_problem_sentence (const char *word, const char *kind);

/* Local time of @usec (microseconds since the epoch); "-" for 0; caller frees. */
char *cli_format_time (guint64 usec);

/* A length of time ("30" seconds, "500ms", "2min", "1h") in microseconds. Errors: LP_ERROR_INVALID_ARGS. */
gboolean cli_parse_duration (const char *text, guint64 *usec, GError **error);

/* A point in time ("2026-01-31", "2026-01-31 12:00[:30]", RFC 3339, "today", "yesterday", "2h" ago) in
 * microseconds since the epoch.
 * @now: microseconds since the epoch. Errors: LP_ERROR_INVALID_ARGS. */
gboolean cli_parse_time (const char *text, guint64 now, guint64 *usec, GError **error);

G_END_DECLS
