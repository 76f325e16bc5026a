/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the command line with GOption, from the verb table. */
#include "config.h"
#include "context.h"

#include <string.h>

#include "base/error.h"
#include "text.h"

/* Options that are taken in front of the verb too. */
#define GLOBAL                                                                                               \
  (CLI_BIT (CLI_OPTION_JSON) | CLI_BIT (CLI_OPTION_BUS) | CLI_BIT (CLI_OPTION_HOST)                          \
   | CLI_BIT (CLI_OPTION_NO_ASK_PASSWORD) | CLI_BIT (CLI_OPTION_HELP) | CLI_BIT (CLI_OPTION_VERSION))

static gboolean
parse_options (CliContext *context, guint32 options, gboolean up_to_verb, GStrv *argv, GError **error)
{
  GOptionEntry entries[CLI_N_OPTIONS + 1] = { 0 };
  guint n = 0;

  for (guint i = 0; i < CLI_N_OPTIONS; i++)
    {
      const CliOption *option = &cli_options[i];
      if ((options & CLI_BIT (i)) == 0)
        continue;
      gboolean is_flag = option->argument == NULL;
      entries[n++] = (GOptionEntry){ .long_name = option->name,
                                     .short_name = option->letter,
                                     .arg = is_flag ? G_OPTION_ARG_NONE : G_OPTION_ARG_STRING,
                                     .arg_data = is_flag ? (gpointer)&context->flags[i]
                                                         : (gpointer)&context->values[i] };
    }

  g_autoptr (GOptionContext) parser = g_option_context_new (NULL);
  g_option_context_set_help_enabled (parser, FALSE);
  g_option_context_set_strict_posix (parser, up_to_verb);
  g_option_context_add_main_entries (parser, entries, NULL);
  return g_option_context_parse_strv (parser, argv, error);
}

static gboolean
usage_error (GError **error, const CliVerb *verb, const char *what)
{
  if (verb != NULL)
    {
      g_autofree char *hint = g_strdup_printf (_ ("`syscare help %s` shows how it is used"), verb->name);
      lp_error_set (error, LP_ERROR_INVALID_ARGS, hint, "%s", what);
    }
  else
    lp_error_set (error, LP_ERROR_INVALID_ARGS, _ ("`syscare help` shows the verbs"), "%s", what);
  return FALSE;
}

static gboolean
find_verb (CliContext *context, const char *name, GError **error)
{
  context->verb = cli_verb_find (name);
  if (context->verb != NULL)
    return TRUE;

  const char *near = cli_verb_nearest (name);
  g_autofree char *shown = cli_escape (name);
  g_autofree char *what = near != NULL
                              ? g_strdup_printf (_ ("unknown verb \"%s\": did you mean \"%s\"?"), shown, near)
                              : g_strdup_printf (_ ("unknown verb \"%s\""), shown);
  return usage_error (error, NULL, what);
}

static gboolean
check_value (CliContext *context, guint option, GError **error)
{
  const char *const *words = cli_value_words (cli_options[option].value);

  if (context->values[option] == NULL || words == NULL || g_strv_contains (words, context->values[option]))
    return TRUE;
  g_autofree char *known = g_strjoinv (", ", (GStrv)words);
  g_autofree char *what = g_strdup_printf (_ ("--%s takes one of: %s"), cli_options[option].name, known);
  return usage_error (error, context->verb, what);
}

static gboolean
check_arguments (CliContext *context, GError **error)
{
  guint n = g_strv_length (context->arguments);
  const CliVerb *verb = context->verb;

  for (guint i = 0; i < CLI_N_OPTIONS; i++)
    if (!check_value (context, i, error))
      return FALSE;
  for (guint i = 0; i < n; i++)
    if (*context->arguments[i] == '\0')
      return usage_error (error, verb, _ ("an argument is empty"));
  if (n < verb->min_arguments)
    {
      g_autofree char *what
          = g_strdup_printf (_ ("%s needs an argument: %s"), verb->name, _ (verb->arguments));
      return usage_error (error, verb, what);
    }
  if (n > verb->max_arguments)
    {
      g_autofree char *shown = cli_escape (context->arguments[verb->max_arguments]);
      g_autofree char *what = g_strdup_printf (_ ("%s does not take the argument \"%s\""), verb->name, shown);
      return usage_error (error, verb, what);
    }
  return TRUE;
}

/* GOption's own message becomes ours. */
static gboolean
parse_failed (const CliVerb *verb, GError *reason, GError **error)
{
  g_autoptr (GError) owned = reason;
  g_autofree char *shown = cli_escape (owned->message);
  return usage_error (error, verb, shown);
}

static gboolean
parse_verb (CliContext *context, GStrv *words, GError **error)
{
  GError *reason = NULL;

  if (!find_verb (context, (*words)[1], error))
    return FALSE;
  if (context->verb->options != 0
      && !parse_options (context, context->verb->options | GLOBAL, FALSE, words, &reason))
    return parse_failed (context->verb, reason, error);

  gboolean separator = (*words)[0] != NULL && (*words)[1] != NULL && (*words)[2] != NULL
                       && g_str_equal ((*words)[2], "--") && context->verb->options != 0;
  context->arguments = g_strdupv (*words + (separator ? 3 : 2));
  if (context->flags[CLI_OPTION_HELP] || context->flags[CLI_OPTION_VERSION] || context->verb->options == 0)
    return TRUE;
  return check_arguments (context, error);
}

gboolean
cli_context_parse (CliContext *context, int argc, char **argv, GError **error)
{
  g_auto (GStrv) words = g_new0 (char *, argc + 1);
  GError *reason = NULL;

  for (int i = 0; i < argc; i++)
    words[i] = g_strdup (argv[i]);
  if (!parse_options (context, GLOBAL, TRUE, &words, &reason))
    return parse_failed (NULL, reason, error);
  if (words[0] != NULL && words[1] != NULL)
    return parse_verb (context, &words, error);
  if (context->flags[CLI_OPTION_HELP] || context->flags[CLI_OPTION_VERSION])
    return TRUE;
  return usage_error (error, NULL, _ ("a verb is missing"));
}

void
cli_context_clear (CliContext *context)
{
  for (guint i = 0; i < CLI_N_OPTIONS; i++)
    g_clear_pointer (&context->values[i], g_free);
  g_clear_pointer (&context->arguments, g_strfreev);
  g_clear_object (&context->bus);
}
