/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apply, active, deactive, remove, accept, revoke, and their dry run: check. */
#include "config.h"
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "bus.h"
#include "job.h"
#include "json.h"
#include "patches.h"
#include "report.h"
#include "table.h"

static const char *const naming[] = { CLI_NAMING_PROPERTIES, NULL };

/* The options of Submit and Check out of the command line's; NULL with an error when one is malformed.
 * Floating. */
static GVariant *
submit_options (CliContext *context, GError **error)
{
  static const struct {
    CliOptionId option;
    const char *key;
  } texts[] = { { CLI_OPTION_REASON, "reason" },
                { CLI_OPTION_ON_FAILURE, "on-failure" },
                { CLI_OPTION_CONSISTENCY, "consistency" } };
  const char *timeout = cli_value (context, CLI_OPTION_TIMEOUT);
  guint64 usec = 0;
  GVariantDict options;

  if (timeout != NULL && !cli_parse_duration (timeout, &usec, error))
    return NULL;
  g_variant_dict_init (&options, NULL);
  if (timeout != NULL)
    g_variant_dict_insert (&options, "timeout", "t", usec);
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    if (cli_value (context, texts[i].option) != NULL)
      g_variant_dict_insert (&options, texts[i].key, "s", cli_value (context, texts[i].option));
  if (cli_flag (context, CLI_OPTION_FORCE))
    g_variant_dict_insert (&options, "force", "b", TRUE);
  if (cli_flag (context, CLI_OPTION_NO_ACTIVATE))
    g_variant_dict_insert (&options, "activate", "b", FALSE);
  return g_variant_dict_end (&options);
}

/* ------------------------------------------------------------------------------------------------ check */

static const char *
name_of_path (GPtrArray *patches, const char *path)
{
  for (guint i = 0; i < patches->len; i++)
    if (g_str_equal (cli_get_string (patches->pdata[i], "Path"), path))
      return cli_patch_name (patches->pdata[i]);
  return path;
}

/* One row. A message may have a second line: what to do. */
static void
add_finding (CliTable *table, GPtrArray *patches, GVariant *finding)
{
  const char *severity = cli_get_string (finding, "Severity");
  const char *detail = cli_get_string (finding, "Detail");
  guint64 pid = cli_get_number (finding, "Pid");
  const char *hint;
  g_autofree char *pid_text = pid != 0 ? g_strdup_printf ("%" G_GUINT64_FORMAT, pid) : g_strdup ("");
  g_autofree char *message = lp_error_split (cli_get_string (finding, "Message"), &hint);

  cli_table_cell (table, CLI_PLAIN, name_of_path (patches, cli_get_string (finding, "Patch")));
  cli_table_cell (table, cli_word_style (severity), cli_word (severity));
  cli_table_cell (table, CLI_PLAIN, pid_text);
  cli_table_cell (table, CLI_PLAIN, cli_get_string (finding, "Command"));
  cli_table_cell (table, CLI_PLAIN,
                  *message != '\0' ? message
                                   : cli_problem_sentence (cli_get_string (finding, "Finding"), ""));
  cli_table_cell (table, CLI_PLAIN, *detail != '\0' || hint == NULL ? detail : hint);
}

static void
print_findings (GPtrArray *patches, GVariant *findings)
{
  g_autoptr (CliTable) table = cli_table_new ();
  gsize n = g_variant_n_children (findings);

  cli_table_column (table, _ ("PATCH"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("SEVERITY"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("PID"), CLI_COLUMN_RIGHT);
  cli_table_column (table, _ ("COMMAND"), CLI_COLUMN_FIXED);
  cli_table_column (table, _ ("FINDING"), CLI_COLUMN_SHRINK);
  cli_table_column (table, _ ("DETAIL"), CLI_COLUMN_SHRINK);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) finding = g_variant_get_child_value (findings, i);
      add_finding (table, patches, finding);
    }
  cli_table_print (table, stdout, 0);
}

/* Exit status that the verb itself would end with: that of the first error among the findings. */
static int
findings_status (GVariant *findings)
{
  for (gsize i = 0; i < g_variant_n_children (findings); i++)
    {
      g_autoptr (GVariant) finding = g_variant_get_child_value (findings, i);
      const char *name = cli_get_string (finding, "ErrorName");
      const char *last = strrchr (name, '.');
      const LpErrorInfo *info = lp_error_info_by_name (last != NULL ? last + 1 : name);

      if (*name != '\0')
        return info != NULL ? info->exit_code : 1;
      if (g_str_equal (cli_get_string (finding, "Severity"), "error"))
        return lp_error_info (LP_ERROR_REFUSED)->exit_code;
    }
  return CLI_EXIT_DONE;
}

static int
dry_run (CliContext *context, const char *word, const char *const *ids)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *asked = g_strjoinv (" ", (GStrv)ids);
  g_autofree char *what = g_strdup_printf ("check %s %s", word, asked);
  GVariant *options = submit_options (context, &error);
  g_autoptr (GVariant) owned = options != NULL ? g_variant_ref_sink (options) : NULL;
  g_autoptr (GPtrArray) patches = owned != NULL ? cli_resolve (context, ids, naming, &error) : NULL;
  if (patches == NULL)
    return cli_report (context, what, error);

  g_autoptr (GVariant) reply
      = cli_ask (context, CLI_BUS_PATH, CLI_MANAGER, "Check",
                 g_variant_new ("(s@ao@a{sv})", word, cli_paths (patches), owned), "(aa{sv})", &error);
  if (reply == NULL)
    return cli_report (context, what, error);

  g_autoptr (GVariant) findings = g_variant_get_child_value (reply, 0);
  int status = findings_status (findings);
  if (!cli_json (context))
    {
      print_findings (patches, findings);
      return status;
    }
  CliJson *json = cli_json_new ();
  cli_json_string (json, "verb", word);
  cli_json_variant (json, "findings", findings);
  cli_json_number (json, "exit_code", status);
  cli_json_finish (json, TRUE);
  return status;
}

int
cli_check (CliContext *context)
{
  const char *const *ids = (const char *const *)context->arguments;
  const CliVerb *verb = cli_verb_find (ids[0]);

  if (verb == NULL || verb->word == NULL)
    return dry_run (context, "apply", ids);
  if (ids[1] != NULL)
    return dry_run (context, verb->word, ids + 1);

  g_autoptr (GError) error = NULL;
  lp_error_set (&error, LP_ERROR_INVALID_ARGS, _ ("`syscare help check` shows how it is used"), "%s",
                _ ("an ID is missing behind the verb"));
  return cli_report (context, "check", error);
}

/* ------------------------------------------------------------------------------------------------ change */

static gboolean
all_unchanged (GVariant *results)
{
  gsize n = results != NULL ? g_variant_n_children (results) : 0;

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) result = g_variant_get_child_value (results, i);
      if (!g_str_equal (cli_get_string (result, "Result"), "unchanged"))
        return FALSE;
    }
  return n != 0;
}

static guint
count_changed_processes (GVariant *result)
{
  g_autoptr (GVariant) processes = g_variant_lookup_value (result, "Processes", G_VARIANT_TYPE ("aa{sv}"));
  guint changed = 0;

  for (gsize i = 0; processes != NULL && i < g_variant_n_children (processes); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);
      changed += g_str_equal (cli_get_string (process, "Status"), "patched");
    }
  return changed;
}

static void
print_result (GVariant *result)
{
  g_autofree char *name = cli_escape (cli_patch_name (result));
  const char *state = cli_get_string (result, "State");
  g_autofree char *styled = cli_style (cli_word (state), cli_word_style (state));
  guint changed = count_changed_processes (result);

  printf ("%s: %s", name, styled);
  if (g_str_equal (cli_get_string (result, "Result"), "unchanged"))
    printf (" (%s)", _ ("unchanged"));
  else if (changed != 0)
    printf (ngettext (" (%u process)", " (%u processes)", changed), changed);
  putchar ('\n');
  cli_job_print_processes (result, stdout);
}

static void
print_results_json (CliContext *context, const char *path, GVariant *results, const GError *error)
{
  CliJson *json = cli_json_new ();

  cli_json_string (json, "verb", context->verb->word);
  cli_json_string (json, "job", path);
  cli_json_string (json, "state",
                   error == NULL                                           ? "succeeded"
                   : g_error_matches (error, LP_ERROR, LP_ERROR_CANCELLED) ? "cancelled"
                                                                           : "failed");
  if (error != NULL)
    {
      const LpErrorInfo *info = lp_error_info_for (error);
      const char *hint;
      g_autofree char *message = lp_error_split (error->message, &hint);
      cli_json_open (json, "error", '{');
      cli_json_string (json, "name", info->name);
      cli_json_string (json, "message", message);
      cli_json_string (json, "hint", hint != NULL ? hint : "");
      cli_json_number (json, "exit_code", info->exit_code);
      cli_json_close (json);
    }
  cli_json_boolean (json, "unchanged", all_unchanged (results));
  cli_json_open (json, "results", '[');
  for (gsize i = 0; results != NULL && i < g_variant_n_children (results); i++)
    {
      g_autoptr (GVariant) result = g_variant_get_child_value (results, i);
      cli_json_variant (json, NULL, result);
    }
  cli_json_finish (json, TRUE);
}

static int
report_failure (CliContext *context, const char *what, const char *path, GVariant *results,
                const GError *error)
{
  cli_report_line (what, error);
  if (cli_json (context))
    print_results_json (context, path, results, error);
  for (gsize i = 0; results != NULL && i < g_variant_n_children (results) && !cli_json (context); i++)
    {
      g_autoptr (GVariant) result = g_variant_get_child_value (results, i);
      cli_job_print_processes (result, stderr);
    }
  return lp_error_info_for (error)->exit_code;
}

static int
report_success (CliContext *context, const char *what, const char *path, GVariant *results)
{
  gboolean nothing = cli_flag (context, CLI_OPTION_ERROR_IF_UNCHANGED) && all_unchanged (results);

  if (nothing)
    fprintf (stderr, _ ("syscare: %s: nothing to do\n"), what);
  if (cli_json (context))
    print_results_json (context, path, results, NULL);
  for (gsize i = 0; results != NULL && i < g_variant_n_children (results) && !cli_json (context); i++)
    {
      g_autoptr (GVariant) result = g_variant_get_child_value (results, i);
      print_result (result);
    }
  return nothing ? CLI_EXIT_NOTHING_TO_DO : CLI_EXIT_DONE;
}

static int
report_started (CliContext *context, const char *path)
{
  if (cli_json (context))
    {
      CliJson *json = cli_json_new ();
      cli_json_string (json, "verb", context->verb->word);
      cli_json_string (json, "job", path);
      cli_json_string (json, "state", "queued");
      cli_json_finish (json, TRUE);
    }
  else
    printf (_ ("job %s started\n"), cli_job_number (path));
  return CLI_EXIT_DONE;
}

int
cli_change (CliContext *context)
{
  const char *const *ids = (const char *const *)context->arguments;
  const char *word = context->verb->word;
  g_autoptr (GError) error = NULL;

  if (cli_flag (context, CLI_OPTION_DRY_RUN))
    return dry_run (context, word, ids);

  g_autofree char *asked = g_strjoinv (" ", context->arguments);
  g_autofree char *request = g_strdup_printf ("%s %s", word, asked);
  GVariant *options = submit_options (context, &error);
  g_autoptr (GVariant) owned = options != NULL ? g_variant_ref_sink (options) : NULL;
  g_autoptr (GPtrArray) patches = owned != NULL ? cli_resolve (context, ids, naming, &error) : NULL;
  if (patches == NULL)
    return cli_report (context, request, error);

  g_autofree char *named = cli_describe_patches (patches);
  g_autofree char *what = g_strdup_printf ("%s %s", word, named);
  g_autoptr (GVariant) reply
      = cli_order (context, CLI_BUS_PATH, CLI_MANAGER, "Submit",
                   g_variant_new ("(s@ao@a{sv})", word, cli_paths (patches), owned), "(o)", &error);
  if (reply == NULL)
    return cli_report (context, what, error);

  const char *path;
  g_variant_get (reply, "(&o)", &path);
  if (cli_flag (context, CLI_OPTION_NO_WAIT))
    return report_started (context, path);

  g_autoptr (GVariant) results = NULL;
  if (!cli_job_wait (context, path, what, &results, &error))
    return report_failure (context, what, path, results, error);
  return report_success (context, what, path, results);
}
