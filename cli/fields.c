/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints fields. */
#include "config.h"
#include "fields.h"

#include <stdio.h>

void
cli_field_title (const char *title)
{
  guint width = cli_width (title) + 1;

  printf ("%s:%*s", title, width < CLI_FIELD_COLUMNS ? (int)(CLI_FIELD_COLUMNS - width) : 1, "");
}

void
cli_field (const char *title, const char *value)
{
  const char *values[] = { value, NULL };
  if (value != NULL && *value != '\0')
    cli_field_lines (title, values);
}

void
cli_field_lines (const char *title, const char *const *values)
{
  for (gsize i = 0; values != NULL && values[i] != NULL; i++)
    {
      g_autofree char *shown = cli_escape (values[i]);
      if (i == 0)
        cli_field_title (title);
      else
        printf ("%*s", CLI_FIELD_COLUMNS, "");
      printf ("%s\n", shown);
    }
}

void
cli_field_text (const char *title, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text != NULL ? text : "", "\n", -1);
  cli_field_lines (title, (const char *const *)lines);
}
