/* SPDX-License-Identifier: GPL-2.0-or-later */
/* processes: which processes run a patch, which don't, and why. */
#include "config.h"
#include "commands.h"

#include <stdio.h>

#include "bus.h"
#include "json.h"
#include "patches.h"
#include "report.h"
#include "table.h"
#include "users.h"

static GVariant *
ask_processes (CliContext *context, GVariant *patch, GError **error)
{
  g_autoptr (GVariant) reply = cli_ask (context, cli_get_string (patch, "Path"), CLI_PATCH, "ListProcesses",
                                        g_variant_new ("(a{sv})", NULL), "(aa{sv})", error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static void
print_processes (GVariant *patch, GVariant *processes)
{
  gboolean is_kernel = g_str_equal (cli_get_string (patch, "Kind"), "kernel");
  g_autoptr (CliTable) table = cli_table_new ();
  gsize n = g_variant_n_children (processes);

  cli_table_column (table, _ ("PID"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("COMMAND"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("USER"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("UNIT"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("CONTAINER"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("STATUS"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("REASON"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("DETAIL"), CLI_COLUMN_SHRINK);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);
      const char *status = cli_get_string (process, "Status");
      g_autofree char *user = cli_user_name (cli_get_number (process, "Uid"));

      cli_table_printf (table, CLI_PLAIN, "%" G_GUINT64_FORMAT, cli_get_number (process, "Pid"));
      cli_table_cell (table, CLI_PLAIN, cli_get_string (process, "Command"));
      cli_table_cell (table, CLI_PLAIN, user);
      cli_table_cell (table, CLI_PLAIN, cli_get_string (process, "Unit"));
      cli_table_cell (table, CLI_PLAIN, cli_get_string (process, "Container"));
      cli_table_cell (table, cli_word_style (status), cli_word (status));
      cli_table_cell (table, CLI_PLAIN, cli_get_string (process, "Reason"));
      cli_table_cell (table, CLI_PLAIN, cli_get_string (process, "Detail"));
    }
  if (n == 0)
    puts (is_kernel ? _ ("No task holds a transition of the kernel up.") : _ ("No process runs the target."));
  cli_table_print (table, stdout, 0);
}

static void
add_json (CliJson *json, GVariant *patch, GVariant *processes)
{
  cli_json_open (json, NULL, '{');
  cli_json_string (json, "uuid", cli_get_string (patch, "Uuid"));
  cli_json_string (json, "name", cli_get_string (patch, "Name"));
  cli_json_variant (json, "processes", processes);
  cli_json_close (json);
}

int
cli_processes (CliContext *context)
{
  static const char *const naming[] = { CLI_NAMING_PROPERTIES, "Kind", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) patches
      = cli_resolve (context, (const char *const *)context->arguments, naming, &error);
  if (patches == NULL)
    return cli_report (context, "processes", error);

  g_autoptr (CliJson) json = cli_json_new ();
  cli_json_open (json, "patches", '[');
  for (guint i = 0; i < patches->len; i++)
    {
      GVariant *patch = patches->pdata[i];
      g_autoptr (GVariant) processes = ask_processes (context, patch, &error);
      if (processes == NULL)
        return cli_report (context, cli_patch_name (patch), error);

      if (cli_json (context))
        {
          add_json (json, patch, processes);
          continue;
        }
      g_autofree char *name = cli_escape (cli_patch_name (patch));
      if (patches->len > 1)
        printf ("%s%s:\n", i != 0 ? "\n" : "", name);
      print_processes (patch, processes);
    }
  if (cli_json (context))
    cli_json_finish (g_steal_pointer (&json), TRUE);
  return CLI_EXIT_DONE;
}
