/* SPDX-License-Identifier: GPL-2.0-or-later */
/* history: who did what, and how it ended. */
#include "config.h"
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "bus.h"
#include "json.h"
#include "patches.h"
#include "report.h"
#include "table.h"
#include "users.h"

/* The most that one call returns. */
#define MOST 1000

/* "dba", or "root (alice)" when the login was another user's: sudo and the like. */
static char *
user_text (GVariant *record)
{
  guint64 uid = cli_get_number (record, "Uid");
  guint64 login = cli_get_number (record, "LoginUid");
  g_autofree char *user = cli_user_name (uid);

  if (login == uid || login >= G_MAXUINT32)
    return g_steal_pointer (&user);
  g_autofree char *login_user = cli_user_name (login);
  return g_strdup_printf ("%s (%s)", user, login_user);
}

static const char *
last_part (const char *dbus_name)
{
  const char *dot = strrchr (dbus_name, '.');
  return dot != NULL ? dot + 1 : dbus_name;
}

/* The records come newest first; people read downwards. */
static void
print_records (GVariant *records)
{
  g_autoptr (CliTable) table = cli_table_new ();

  cli_table_column (table, _ ("TIME"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("USER"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("VERB"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("PATCH"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("RESULT"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("ERROR"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("REASON"), CLI_COLUMN_SHRINK);
  for (gsize i = g_variant_n_children (records); i-- > 0;)
    {
      g_autoptr (GVariant) record = g_variant_get_child_value (records, i);
      const char *result = cli_get_string (record, "Result");
      const char *name = cli_get_string (record, "Name");
      g_autofree char *time = cli_format_time (cli_get_number (record, "Time"));
      g_autofree char *user = user_text (record);

      cli_table_cell (table, CLI_PLAIN, time);
      cli_table_cell (table, CLI_PLAIN, user);
      cli_table_cell (table, CLI_PLAIN, cli_get_string (record, "Verb"));
      cli_table_cell (table, CLI_PLAIN, *name != '\0' ? name : cli_get_string (record, "Patch"));
      cli_table_cell (table, cli_word_style (result), cli_word (result));
      cli_table_cell (table, CLI_PLAIN, last_part (cli_get_string (record, "ErrorName")));
      cli_table_cell (table, CLI_PLAIN, cli_get_string (record, "Reason"));
    }
  cli_table_print (table, stdout, 0);
}

static gboolean
parse_limit (const char *text, guint *limit, GError **error)
{
  guint64 number;

  if (g_ascii_string_to_unsigned (text, 10, 1, MOST, &number, NULL))
    {
      *limit = number;
      return TRUE;
    }
  lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, _ ("--limit takes a number from 1 to %d"), MOST);
  return FALSE;
}

int
cli_history (CliContext *context)
{
  const char *since_text = cli_value (context, CLI_OPTION_SINCE);
  const char *limit_text = cli_value (context, CLI_OPTION_LIMIT);
  g_autoptr (GError) error = NULL;
  guint64 since = 0;
  guint limit = 0;

  if ((since_text != NULL && !cli_parse_time (since_text, g_get_real_time (), &since, &error))
      || (limit_text != NULL && !parse_limit (limit_text, &limit, &error)))
    return cli_report (context, "history", error);

  g_autoptr (GVariant) reply = cli_ask (context, CLI_BUS_PATH, CLI_MANAGER, "GetHistory",
                                        g_variant_new ("(tua{sv})", since, limit, NULL), "(aa{sv})", &error);
  if (reply == NULL)
    return cli_report (context, "history", error);

  g_autoptr (GVariant) records = g_variant_get_child_value (reply, 0);
  if (!cli_json (context))
    {
      print_records (records);
      return CLI_EXIT_DONE;
    }
  CliJson *json = cli_json_new ();
  cli_json_variant (json, "records", records);
  cli_json_finish (json, TRUE);
  return CLI_EXIT_DONE;
}
