/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waits for jobs. */
#include "config.h"
#include "job.h"

#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "bus.h"
#include "report.h"
#include "table.h"

typedef struct {
  CliContext *context;
  const char *path;
  const char *title;
  GMainLoop *loop;
  GCancellable *leave; /* ends our waiting, not the job */
  GVariant *results;
  GError *error;
  guint interrupts;
  gboolean cancel_wanted; /* and not accepted yet */
  gboolean show_progress;
  gboolean line_shown;
} Wait;

static const struct {
  const char *word;
  const char *sentence;
} phases[] = {
  { "scan", N_ ("looking for processes") }, { "check", N_ ("checking") },
  { "place", N_ ("placing the new code") }, { "switch", N_ ("switching over") },
  { "undo", N_ ("taking it back") },        { "record", N_ ("recording") },
};

static const char *
phase_sentence (const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (phases); i++)
    if (g_str_equal (phases[i].word, word))
      return _ (phases[i].sentence);
  return word;
}

const char *
cli_job_number (const char *path)
{
  const char *slash = strrchr (path, '/');
  return slash != NULL ? slash + 1 : path;
}

static void
clear_line (Wait *wait)
{
  if (wait->line_shown)
    fputs ("\r\033[K", stderr);
  wait->line_shown = FALSE;
}

static void
show_progress (Wait *wait, GVariant *properties)
{
  const char *state = cli_get_string (properties, "State");
  const char *phase = cli_get_string (properties, "Phase");
  guint64 done = cli_get_number (properties, "Done");
  guint64 total = cli_get_number (properties, "Total");

  if (!wait->show_progress || (*state == '\0' && *phase == '\0'))
    return;
  clear_line (wait);
  g_autofree char *words = cli_escape (*phase != '\0' ? phase_sentence (phase) : cli_word (state));
  fprintf (stderr, "%s: %s", wait->title, words);
  if (total != 0)
    fprintf (stderr, " %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, done, total);
  fflush (stderr);
  wait->line_shown = TRUE;
}

static void send_cancel (Wait *wait);

static void
on_all_properties (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
  gboolean cancelable = FALSE;

  if (reply == NULL)
    return;
  g_autoptr (GVariant) properties = g_variant_get_child_value (reply, 0);
  show_progress (wait, properties);
  g_variant_lookup (properties, "Cancelable", "b", &cancelable);
  if (wait->cancel_wanted && cancelable)
    send_cancel (wait);
}

/* A change rarely names every property, so all are read: at most ten times a second. */
static void
read_properties (Wait *wait)
{
  if (wait->show_progress || wait->cancel_wanted)
    g_dbus_connection_call (wait->context->bus, CLI_BUS_NAME, wait->path, CLI_PROPERTIES, "GetAll",
                            g_variant_new ("(s)", CLI_JOB), G_VARIANT_TYPE ("(a{sv})"),
                            G_DBUS_CALL_FLAGS_NONE, -1, wait->leave, on_all_properties, wait);
}

static void
on_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
            const char *signal, GVariant *arguments, gpointer user_data)
{
  read_properties (user_data);
}

static void
on_cancel_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply != NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  cli_bus_translate_error (&error);
  /* A job that tries again later can be cancelled again then. */
  if (g_error_matches (error, LP_ERROR, LP_ERROR_NOT_CANCELABLE))
    {
      wait->cancel_wanted = TRUE;
      read_properties (wait); /* it may have changed meanwhile */
      return;
    }
  clear_line (wait);
  cli_report_line (_ ("cancel"), error);
}

static void
send_cancel (Wait *wait)
{
  wait->cancel_wanted = FALSE;
  g_dbus_connection_call (wait->context->bus, CLI_BUS_NAME, wait->path, CLI_JOB, "Cancel",
                          g_variant_new ("(a{sv})", NULL), NULL, G_DBUS_CALL_FLAGS_NONE, -1, wait->leave,
                          on_cancel_answered, wait);
}

static gboolean
on_interrupt (gpointer user_data)
{
  Wait *wait = user_data;

  clear_line (wait);
  if (wait->interrupts++ == 0)
    {
      fprintf (stderr, "%s\n", _ ("syscare: cancelling; press Ctrl-C again to leave the job alone"));
      send_cancel (wait);
      return G_SOURCE_CONTINUE;
    }
  g_cancellable_cancel (wait->leave);
  return G_SOURCE_CONTINUE;
}

static void
on_wait_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &wait->error);

  if (reply != NULL)
    wait->results = g_variant_get_child_value (reply, 0);
  g_main_loop_quit (wait->loop);
}

/* A failed job keeps its results for a while. */
static void
read_results (Wait *wait)
{
  g_autoptr (GVariant) reply = cli_ask (wait->context, wait->path, CLI_PROPERTIES, "Get",
                                        g_variant_new ("(ss)", CLI_JOB, "Results"), "(v)", NULL);
  if (reply == NULL)
    return;

  g_autoptr (GVariant) boxed = g_variant_get_child_value (reply, 0);
  g_autoptr (GVariant) results = g_variant_get_variant (boxed);
  if (g_variant_is_of_type (results, G_VARIANT_TYPE ("aa{sv}")))
    wait->results = g_steal_pointer (&results);
}

static gboolean
finish (Wait *wait, GVariant **results, GError **error)
{
  gboolean left = wait->interrupts > 1 && g_error_matches (wait->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  if (left)
    {
      g_clear_error (&wait->error);
      lp_error_set (error, LP_ERROR_CANCELLED, _ ("`syscare monitor` and `syscare history` show how it ends"),
                    _ ("job %s keeps running"), cli_job_number (wait->path));
    }
  else if (wait->error != NULL)
    {
      read_results (wait);
      cli_bus_translate_error (&wait->error);
      g_propagate_error (error, g_steal_pointer (&wait->error));
    }
  *results = wait->results;
  return !left && (error == NULL || *error == NULL);
}

gboolean
cli_job_wait (CliContext *context, const char *path, const char *title, GVariant **results, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) leave = g_cancellable_new ();
  g_autofree char *shown = cli_escape (title);
  Wait wait = { .context = context,
                .path = path,
                .title = shown,
                .loop = loop,
                .leave = leave,
                .show_progress = isatty (STDERR_FILENO) };

  guint subscription
      = g_dbus_connection_signal_subscribe (context->bus, CLI_BUS_NAME, CLI_PROPERTIES, "PropertiesChanged",
                                            path, CLI_JOB, G_DBUS_SIGNAL_FLAGS_NONE, on_changed, &wait, NULL);
  read_properties (&wait);
  guint interrupt = g_unix_signal_add (SIGINT, on_interrupt, &wait);
  /* Wait answers at once when the job has ended already, so that no signal can be missed. */
  g_dbus_connection_call (context->bus, CLI_BUS_NAME, path, CLI_JOB, "Wait", g_variant_new ("(a{sv})", NULL),
                          G_VARIANT_TYPE ("(aa{sv})"), G_DBUS_CALL_FLAGS_NONE, G_MAXINT, leave,
                          on_wait_answered, &wait);
  g_main_loop_run (loop);
  g_source_remove (interrupt);
  g_dbus_connection_signal_unsubscribe (context->bus, subscription);
  clear_line (&wait);

  /* Answers that are still on their way name `wait`: cancel them and let their callbacks run. */
  gboolean done = finish (&wait, results, error);
  g_cancellable_cancel (leave);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return done;
}

static gboolean
needs_a_look (const char *status)
{
  static const char *const fine[] = { "patched", "unchanged", "gone", "done", NULL };
  return !g_strv_contains (fine, status);
}

guint
cli_job_print_processes (GVariant *result, FILE *out)
{
  g_autoptr (GVariant) processes = g_variant_lookup_value (result, "Processes", G_VARIANT_TYPE ("aa{sv}"));
  gsize n = processes != NULL ? g_variant_n_children (processes) : 0;
  g_autoptr (CliTable) table = cli_table_new ();
  guint shown = 0;

  cli_table_column (table, _ ("PID"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("COMMAND"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("STATUS"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("REASON"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("DETAIL"), CLI_COLUMN_SHRINK);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);
      const char *status = cli_get_string (process, "Status");
      if (!needs_a_look (status))
        continue;
      cli_table_printf (table, CLI_PLAIN, "%" G_GUINT64_FORMAT, cli_get_number (process, "Pid"));
      cli_table_cell (table, CLI_PLAIN, cli_get_string (process, "Command"));
      cli_table_cell (table, cli_word_style (status), cli_word (status));
      cli_table_cell (table, CLI_PLAIN, cli_get_string (process, "Reason"));
      cli_table_cell (table, CLI_PLAIN, cli_get_string (process, "Detail"));
      shown++;
    }
  cli_table_print (table, out, 2);
  return shown;
}
