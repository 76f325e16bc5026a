/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aligned columns that fit the terminal. Must not know what stands in them. */
#pragma once

#include <stdio.h>

#include "text.h"

G_BEGIN_DECLS

typedef struct CliTable CliTable;

typedef enum {
  CLI_COLUMN_FIXED = 0,
  CLI_COLUMN_SHRINK = 1 << 0, /* may be cut when the terminal is too narrow */
  CLI_COLUMN_RIGHT = 1 << 1,  /* numbers */
} CliColumnFlags;

CliTable *cli_table_new (void);
void cli_table_free (CliTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliTable, cli_table_free)

void cli_table_column (CliTable *table, const char *title, CliColumnFlags flags);
/* The next cell, row by row; @text is escaped here. */
void cli_table_cell (CliTable *table, CliStyle style, const char *text);
void cli_table_printf (CliTable *table, CliStyle style, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Prints title and rows, each behind @indent spaces, to @out; nothing when there is no row. Columns in which
 * every cell is empty are left out. Nothing is ever cut when standard output is no terminal. */
void cli_table_print (CliTable *table, FILE *out, guint indent);

G_END_DECLS
