/* SPDX-License-Identifier: GPL-2.0-or-later */
/* install, uninstall, rescan, save, restore: what is on this machine, and what comes back. */
#include "config.h"
#include "commands.h"

#include <stdio.h>

#include "base/error.h"
#include "bus.h"
#include "job.h"
#include "json.h"
#include "patches.h"
#include "report.h"
#include "text.h"

/* The options given, of those that these verbs have; floating, NULL with an error. */
static GVariant *
common_options (CliContext *context, GError **error)
{
  const char *timeout = cli_value (context, CLI_OPTION_TIMEOUT);
  guint64 usec = 0;
  GVariantDict options;

  if (timeout != NULL && !cli_parse_duration (timeout, &usec, error))
    return NULL;
  g_variant_dict_init (&options, NULL);
  if (timeout != NULL)
    g_variant_dict_insert (&options, "timeout", "t", usec);
  if (cli_value (context, CLI_OPTION_REASON) != NULL)
    g_variant_dict_insert (&options, "reason", "s", cli_value (context, CLI_OPTION_REASON));
  if (cli_flag (context, CLI_OPTION_ACCEPTED))
    g_variant_dict_insert (&options, "accepted", "b", TRUE);
  return g_variant_dict_end (&options);
}

/* The call's arguments: @first (floating, NULL when there is none) and the options. */
static GVariant *
arguments_with_options (CliContext *context, GVariant *first, GError **error)
{
  g_autoptr (GVariant) owned = first != NULL ? g_variant_ref_sink (first) : NULL;
  GVariant *options = common_options (context, error);

  if (options == NULL)
    return NULL;
  GVariant *children[] = { owned, options };
  return g_variant_ref_sink (first != NULL ? g_variant_new_tuple (children, 2)
                                           : g_variant_new_tuple (&options, 1));
}

/* What the installed bundle @id is called: the common name of its patches, else its id; caller frees. */
static char *
bundle_name (CliContext *context, const char *id)
{
  static const char *const naming[] = { CLI_NAMING_PROPERTIES, NULL };
  GVariantDict match;

  g_variant_dict_init (&match, NULL);
  g_variant_dict_insert (&match, "bundle", "s", id);
  g_autoptr (GPtrArray) patches = cli_list_patches (context, g_variant_dict_end (&match), naming, NULL);
  return patches != NULL && patches->len != 0 ? cli_describe_patches (patches) : g_strdup (id);
}

static void
print_result (CliContext *context, const char *what, GVariant *result)
{
  const char *name = cli_patch_name (result);
  const char *bundle = cli_get_string (result, "Bundle");
  const char *state = cli_get_string (result, "State");
  const char *word = cli_get_string (result, "Result");
  g_autofree char *called = *name != '\0'     ? g_strdup (name)
                            : *bundle != '\0' ? bundle_name (context, bundle)
                                              : g_strdup (what);
  g_autofree char *shown = cli_escape (called);

  printf ("%s: %s", shown, cli_word (word));
  if (*state != '\0')
    printf (" (%s)", cli_word (state));
  putchar ('\n');
  cli_job_print_processes (result, stdout);
}

/* What a job that has ended well has done. */
static void
print_results (CliContext *context, const char *what, GVariant *results)
{
  gsize n = results != NULL ? g_variant_n_children (results) : 0;

  if (n == 0)
    printf ("%s: %s\n", what, cli_word ("succeeded"));
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) result = g_variant_get_child_value (results, i);
      print_result (context, what, result);
    }
}

/* One job: ordered, awaited, shown, and written to @json. Returns the exit status. */
static int
run_job (CliContext *context, const char *method, GVariant *first_argument, const char *what, CliJson *json)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) arguments = arguments_with_options (context, first_argument, &error);
  g_autoptr (GVariant) reply
      = arguments != NULL ? cli_order (context, CLI_BUS_PATH, CLI_MANAGER, method, arguments, "(o)", &error)
                          : NULL;
  const char *path = "/";

  if (reply != NULL)
    g_variant_get (reply, "(&o)", &path);
  gboolean nothing = reply != NULL && g_str_equal (path, "/");
  gboolean wait = reply != NULL && !nothing && !cli_flag (context, CLI_OPTION_NO_WAIT);
  if (wait)
    cli_job_wait (context, path, what, &results, &error);

  cli_json_open (json, NULL, '{');
  cli_json_string (json, "job", path);
  cli_json_string (json, "state", error != NULL ? "failed" : wait || nothing ? "succeeded" : "queued");
  if (results != NULL)
    cli_json_variant (json, "results", results);
  if (error != NULL)
    {
      cli_json_string (json, "error", lp_error_info_for (error)->name);
      cli_json_string (json, "message", error->message);
    }
  cli_json_close (json);
  if (error != NULL)
    {
      cli_report_line (what, error);
      return lp_error_info_for (error)->exit_code;
    }
  if (cli_json (context))
    return CLI_EXIT_DONE;
  if (nothing)
    printf ("%s\n", _ ("nothing to do"));
  else if (!wait)
    printf (_ ("job %s started\n"), cli_job_number (path));
  else
    print_results (context, what, results);
  return CLI_EXIT_DONE;
}

static int
finish_jobs (CliContext *context, CliJson *json, int status)
{
  if (!cli_json (context))
    {
      cli_json_free (json);
      return status;
    }
  cli_json_close (json);
  cli_json_number (json, "exit_code", status);
  cli_json_finish (json, TRUE);
  return status;
}

int
cli_install (CliContext *context)
{
  CliJson *json = cli_json_new ();
  int status = CLI_EXIT_DONE;

  cli_json_open (json, "jobs", '[');
  for (gsize i = 0; context->arguments[i] != NULL && status == CLI_EXIT_DONE; i++)
    {
      g_autofree char *path = g_canonicalize_filename (context->arguments[i], NULL);
      g_autofree char *what = g_strdup_printf ("install %s", context->arguments[i]);
      if (cli_value (context, CLI_OPTION_HOST) != NULL && !g_path_is_absolute (context->arguments[i]))
        {
          g_autoptr (GError) error = NULL;
          lp_error_set (&error, LP_ERROR_INVALID_ARGS, _ ("copy it there and give its whole path"), "%s",
                        _ ("with --host the file is one of that machine"));
          cli_report_line (what, error);
          status = lp_error_info_for (error)->exit_code;
          break;
        }
      if (!g_utf8_validate (path, -1, NULL))
        {
          g_autoptr (GError) error = NULL;
          lp_error_set (&error, LP_ERROR_INVALID_ARGS, NULL, "%s", _ ("the file's name is not valid UTF-8"));
          cli_report_line (what, error);
          status = lp_error_info_for (error)->exit_code;
          break;
        }
      status = run_job (context, "Install", g_variant_new_string (path), what, json);
    }
  return finish_jobs (context, json, status);
}

int
cli_uninstall (CliContext *context)
{
  static const char *const naming[] = { CLI_NAMING_PROPERTIES, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) patches
      = cli_resolve (context, (const char *const *)context->arguments, naming, &error);
  if (patches == NULL)
    return cli_report (context, "uninstall", error);

  g_autofree char *named = cli_describe_patches (patches);
  g_autofree char *what = g_strdup_printf ("uninstall %s", named);
  CliJson *json = cli_json_new ();
  cli_json_open (json, "jobs", '[');
  int status = run_job (context, "Uninstall", cli_paths (patches), what, json);
  return finish_jobs (context, json, status);
}

int
cli_restore (CliContext *context)
{
  CliJson *json = cli_json_new ();

  cli_json_open (json, "jobs", '[');
  int status = run_job (context, "Restore", NULL, "restore", json);
  return finish_jobs (context, json, status);
}

/* An order that is done when it is answered. */
static int
run_call (CliContext *context, const char *method)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) arguments = arguments_with_options (context, NULL, &error);
  g_autoptr (GVariant) reply
      = arguments != NULL ? cli_order (context, CLI_BUS_PATH, CLI_MANAGER, method, arguments, "()", &error)
                          : NULL;

  if (reply == NULL)
    return cli_report (context, context->verb->name, error);
  if (cli_json (context))
    {
      CliJson *json = cli_json_new ();
      cli_json_boolean (json, "done", TRUE);
      cli_json_finish (json, TRUE);
    }
  return CLI_EXIT_DONE;
}

int
cli_rescan (CliContext *context)
{
  return run_call (context, "Rescan");
}

int
cli_save (CliContext *context)
{
  return run_call (context, "Save");
}
