/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may stand at the end of a command line: the shells' completion files only ask this. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "context.h"
#include "help.h"
#include "patches.h"
#include "report.h"
#include "text.h"

static void
offer (const char *prefix, const char *word, const char *description)
{
  if (!g_str_has_prefix (word, prefix))
    return;
  g_autofree char *safe = cli_escape (word);
  if (!g_str_equal (safe, word)) /* what can't be typed is not offered */
    return;
  g_autofree char *shown = cli_escape (description);
  printf ("%s\t%s\n", word, shown);
}

static void
offer_verbs (const char *prefix, gboolean state_verbs_only)
{
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    {
      if (state_verbs_only && verb->word == NULL)
        continue;
      offer (prefix, verb->name, _ (verb->summary));
      if (verb->alias != NULL && *prefix != '\0' && !g_str_has_prefix (verb->name, prefix))
        offer (prefix, verb->alias, _ (verb->summary));
    }
}

static void
offer_option (const char *prefix, const CliOption *option)
{
  g_autofree char *word = g_strdup_printf ("--%s", option->name);
  offer (prefix, word, _ (option->help));
}

static void
offer_options (const char *prefix, guint32 options)
{
  for (guint i = 0; i < CLI_N_OPTIONS; i++)
    if ((options & CLI_BIT (i)) != 0)
      offer_option (prefix, &cli_options[i]);
}

static void
offer_build_options (const char *prefix)
{
  for (const CliOption *option = cli_build_options; option->name != NULL; option++)
    offer_option (prefix, option);
}

/* Each distinct text once. */
static void
offer_once (GHashTable *offered, const char *prefix, const char *word, const char *description)
{
  if (*word != '\0' && g_hash_table_add (offered, g_strdup (word)))
    offer (prefix, word, description);
}

/* Bundles by TARGET-VERSION/NAME; single patches when the prefix reaches into one, or starts a uuid. */
static void
offer_patch (GHashTable *offered, const char *prefix, GVariant *patch)
{
  const char *name = cli_get_string (patch, "Name");
  const char *state = cli_word (cli_get_string (patch, "State"));
  const char *object = strrchr (name, '/');
  g_autofree char *bundle = object != NULL ? g_strndup (name, object - name) : g_strdup (name);

  offer_once (offered, prefix, bundle, state);
  if (*prefix != '\0' && strchr (bundle, '/') != NULL)
    offer_once (offered, prefix, strchr (bundle, '/') + 1, bundle); /* the NAME alone */
  if (g_str_has_prefix (prefix, bundle))
    offer_once (offered, prefix, name, state);
  if (strlen (prefix) >= 2 || *name == '\0')
    offer_once (offered, prefix, cli_get_string (patch, "Uuid"), *name != '\0' ? name : state);
}

static void
offer_from_service (CliContext *context, const char *prefix, CliValue value)
{
  static const char *const properties[] = { CLI_NAMING_PROPERTIES, "State", "TargetName", NULL };
  g_autoptr (GHashTable) offered = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) patches = NULL;

  /* Another machine isn't asked for each press of a key. */
  if (cli_value (context, CLI_OPTION_HOST) == NULL)
    patches = cli_list_patches (context, g_variant_new ("a{sv}", NULL), properties, NULL);
  for (guint i = 0; patches != NULL && i < patches->len; i++)
    {
      GVariant *patch = patches->pdata[i];
      g_autofree const char **issues = cli_get_strings (patch, "Issues");
      if (value == CLI_VALUE_PATCH)
        offer_patch (offered, prefix, patch);
      if (value == CLI_VALUE_TARGET)
        offer_once (offered, prefix, cli_get_string (patch, "TargetName"), "");
      for (gsize j = 0;
           issues[j] != NULL && (value == CLI_VALUE_ISSUE || (value == CLI_VALUE_PATCH && *prefix != '\0'));
           j++)
        offer_once (offered, prefix, issues[j], cli_get_string (patch, "TargetName"));
    }
}

static void
offer_value (CliContext *context, const char *prefix, CliValue value)
{
  const char *const *words = cli_value_words (value);

  for (gsize i = 0; words != NULL && words[i] != NULL; i++)
    offer (prefix, words[i], "");
  if (value == CLI_VALUE_STATE_VERB)
    offer_verbs (prefix, TRUE);
  if (value == CLI_VALUE_VERB)
    offer_verbs (prefix, FALSE);
  if (value == CLI_VALUE_PATCH || value == CLI_VALUE_STATE_VERB || value == CLI_VALUE_PATCH_OR_FILE)
    offer_from_service (context, prefix, CLI_VALUE_PATCH);
  if (value == CLI_VALUE_TARGET || value == CLI_VALUE_ISSUE)
    offer_from_service (context, prefix, value);
  if (value == CLI_VALUE_FILE || value == CLI_VALUE_PATCH_OR_FILE)
    puts (":files");
}

static gboolean
is_option (const CliOption *option, const char *word)
{
  gboolean is_long = g_str_has_prefix (word, "--") && g_str_equal (word + 2, option->name);
  gboolean is_short = option->letter != 0 && word[0] == '-' && word[1] == option->letter && word[2] == '\0';

  return (is_long || is_short) && option->argument != NULL;
}

/* The option that @word is, if it is one of @verb's (NULL: before the verb) that takes a value in the next
 * word. */
static const CliOption *
option_awaiting_value (const CliVerb *verb, const char *word)
{
  const CliOption *option = cli_build_options;

  if (verb == NULL || verb->options != 0)
    {
      for (guint i = 0; i < CLI_N_OPTIONS; i++)
        if (is_option (&cli_options[i], word))
          return &cli_options[i];
      return NULL;
    }
  while (option->name != NULL && !is_option (option, word))
    option++;
  return option->name != NULL ? option : NULL;
}

int
cli_complete (CliContext *context, const char *const *words)
{
  guint n = g_strv_length ((GStrv)words);
  const char *last = n != 0 ? words[n - 1] : "";
  const CliVerb *verb = NULL;
  const CliOption *awaiting = NULL;
  guint arguments = 0;

  for (guint i = 0; i + 1 < n; i++)
    {
      if (awaiting != NULL)
        {
          static const CliOptionId kept[] = { CLI_OPTION_BUS, CLI_OPTION_HOST };

          for (guint k = 0; k < G_N_ELEMENTS (kept); k++)
            if (g_str_equal (awaiting->name, cli_options[kept[k]].name))
              {
                g_free (context->values[kept[k]]);
                context->values[kept[k]] = g_strdup (words[i]);
              }
          awaiting = NULL;
        }
      else if (words[i][0] == '-')
        awaiting = option_awaiting_value (verb, words[i]);
      else if (verb == NULL)
        verb = cli_verb_find (words[i]);
      else
        arguments++;
    }

  if (awaiting != NULL)
    offer_value (context, last, awaiting->value);
  else if (*last == '-' && verb != NULL && verb->options == 0)
    offer_build_options (last);
  else if (*last == '-')
    offer_options (last, verb != NULL
                             ? verb->options
                             : CLI_BIT (CLI_OPTION_HELP) | CLI_BIT (CLI_OPTION_VERSION)
                                   | CLI_BIT (CLI_OPTION_JSON) | CLI_BIT (CLI_OPTION_BUS)
                                   | CLI_BIT (CLI_OPTION_HOST) | CLI_BIT (CLI_OPTION_NO_ASK_PASSWORD));
  else if (verb == NULL)
    offer_verbs (last, FALSE);
  else if (arguments < verb->max_arguments)
    offer_value (context, last,
                 verb->value == CLI_VALUE_STATE_VERB && arguments > 0 ? CLI_VALUE_PATCH : verb->value);
  return CLI_EXIT_DONE;
}
