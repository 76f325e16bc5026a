/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lays out and prints a table. */
#include "config.h"
#include "table.h"

/* No column gets narrower than this. */
#define MIN_COLUMNS 6
/* Blanks between two columns. */
#define GAP 2

typedef struct {
  const char *title;
  CliColumnFlags flags;
  guint width; /* columns on the screen; 0: left out */
} Column;

typedef struct {
  char *text;
  guint width; /* columns on the screen */
  CliStyle style;
} Cell;

struct CliTable {
  GArray *columns; /* Column */
  GArray *cells;   /* Cell, row by row */
};

static void
clear_cell (gpointer cell)
{
  g_free (((Cell *)cell)->text);
}

CliTable *
cli_table_new (void)
{
  CliTable *table = g_new0 (CliTable, 1);
  table->columns = g_array_new (FALSE, FALSE, sizeof (Column));
  table->cells = g_array_new (FALSE, FALSE, sizeof (Cell));
  g_array_set_clear_func (table->cells, clear_cell);
  return table;
}

void
cli_table_free (CliTable *table)
{
  g_array_unref (table->columns);
  g_array_unref (table->cells);
  g_free (table);
}

void
cli_table_column (CliTable *table, const char *title, CliColumnFlags flags)
{
  Column column = { title, flags, 0 };
  g_array_append_val (table->columns, column);
}

void
cli_table_cell (CliTable *table, CliStyle style, const char *text)
{
  Cell cell = { cli_escape (text), 0, style };

  cell.width = cli_width (cell.text);
  g_array_append_val (table->cells, cell);
}

void
cli_table_printf (CliTable *table, CliStyle style, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  cli_table_cell (table, style, text);
}

static Column *
column_at (CliTable *table, guint i)
{
  return &g_array_index (table->columns, Column, i);
}

static void
measure (CliTable *table)
{
  guint n = table->columns->len;

  for (guint i = 0; i < table->cells->len; i++)
    {
      Column *column = column_at (table, i % n);
      column->width = MAX (column->width, g_array_index (table->cells, Cell, i).width);
    }
  for (guint i = 0; i < n; i++)
    {
      Column *column = column_at (table, i);
      if (column->width != 0)
        column->width = MAX (column->width, cli_width (column->title));
    }
}

/* Takes columns from the widest that may shrink until everything fits @available. */
static void
fit (CliTable *table, guint available)
{
  guint total = 0;

  for (guint i = 0; i < table->columns->len; i++)
    if (column_at (table, i)->width != 0)
      total += column_at (table, i)->width + GAP;
  total -= MIN (total, GAP);

  while (total > available)
    {
      Column *widest = NULL;
      for (guint i = 0; i < table->columns->len; i++)
        {
          Column *column = column_at (table, i);
          if ((column->flags & CLI_COLUMN_SHRINK) != 0 && column->width > MIN_COLUMNS
              && (widest == NULL || column->width > widest->width))
            widest = column;
        }
      if (widest == NULL)
        return;
      widest->width--;
      total--;
    }
}

static void
print_blanks (FILE *out, guint n)
{
  for (guint i = 0; i < n; i++)
    putc_unlocked (' ', out);
}

/* The text of @cell in @column; gives the columns that it takes. */
static guint
print_text (FILE *out, const Column *column, const Cell *cell)
{
  g_autofree char *cut = cell->width > column->width ? cli_cut (cell->text, column->width) : NULL;
  const char *text = cut != NULL ? cut : cell->text;
  g_autofree char *styled = cell->style != CLI_PLAIN ? cli_style (text, cell->style) : NULL;

  fputs (styled != NULL ? styled : text, out);
  return cut != NULL ? cli_width (cut) : cell->width;
}

static void
print_row (CliTable *table, FILE *out, guint indent, const Cell *cells)
{
  guint blanks = indent; /* written only before further text: no line ends in blanks */

  for (guint i = 0; i < table->columns->len; i++)
    {
      const Column *column = column_at (table, i);
      guint width = MIN (cells[i].width, column->width);
      gboolean right = (column->flags & CLI_COLUMN_RIGHT) != 0;

      if (column->width == 0)
        continue;
      blanks += right ? column->width - width : 0;
      if (width != 0)
        {
          print_blanks (out, blanks);
          width = print_text (out, column, &cells[i]);
          blanks = 0;
        }
      blanks += (right ? 0 : column->width - width) + GAP;
    }
  putc_unlocked ('\n', out);
}

static void
print_titles (CliTable *table, FILE *out, guint indent)
{
  g_autofree Cell *cells = g_new0 (Cell, table->columns->len);

  for (guint i = 0; i < table->columns->len; i++)
    {
      cells[i].text = (char *)column_at (table, i)->title;
      cells[i].width = cli_width (cells[i].text);
      cells[i].style = CLI_BOLD;
    }
  print_row (table, out, indent, cells);
}

void
cli_table_print (CliTable *table, FILE *out, guint indent)
{
  guint n = table->columns->len;
  guint terminal = cli_terminal_width ();

  if (table->cells->len == 0)
    return;
  measure (table);
  if (terminal != 0)
    fit (table, terminal > indent ? terminal - indent : 1);
  print_titles (table, out, indent);
  for (guint first = 0; first + n <= table->cells->len; first += n)
    print_row (table, out, indent, &g_array_index (table->cells, Cell, first));
}
