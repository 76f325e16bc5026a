/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "Title:   value" lines, aligned. Must not know what they say. */
#pragma once

#include "text.h"

G_BEGIN_DECLS

/* Columns before the value. */
#define CLI_FIELD_COLUMNS 19

/* Prints the title alone, padded; what follows on the line is the caller's. */
void cli_field_title (const char *title);
/* Nothing when @value is NULL or empty. @value is escaped. */
void cli_field (const char *title, const char *value);
/* One line per value (NULL-terminated, or NULL), the title on the first. */
void cli_field_lines (const char *title, const char *const *values);
/* The lines of @text; nothing when it is NULL or empty. */
void cli_field_text (const char *title, const char *text);

G_END_DECLS
