/* SPDX-License-Identifier: GPL-2.0-or-later */
/* help and version. */
#include "config.h"
#include "help.h"

#include <stdio.h>

#include "base/error.h"
#include "build.h"
#include "commands.h"
#include "context.h"
#include "json.h"
#include "report.h"
#include "text.h"

/* Where the second column of the help starts. */
#define HELP_COLUMN 28
/* Lines of the help are broken before this column. */
#define HELP_WIDTH 79

/* Prints @text from column @indent on, broken at blanks (and, for text without blanks, between wide
 * characters). */
static void
print_wrapped (const char *text, guint indent)
{
  guint column = indent;
  const char *p = text;

  while (*p != '\0')
    {
      const char *end = p;
      guint width = 0;
      do
        {
          width += g_unichar_iswide (g_utf8_get_char (end)) ? 2 : 1;
          end = g_utf8_next_char (end);
      } while (*end != '\0' && *end != ' ' && !g_unichar_iswide (g_utf8_get_char (end)));
      if (column + width > HELP_WIDTH && column > indent)
        {
          printf ("\n%*s", (int)indent, "");
          column = indent;
          while (*p == ' ')
            p++, width--;
        }
      printf ("%.*s", (int)(end - p), p);
      column += width;
      p = end;
    }
  putchar ('\n');
}

static void
print_row (const char *left, const char *right)
{
  guint width = cli_width (left) + 2;

  printf ("  %s", left);
  if (width + 1 >= HELP_COLUMN)
    printf ("\n%*s", HELP_COLUMN, "");
  else
    printf ("%*s", (int)(HELP_COLUMN - width), "");
  print_wrapped (right, HELP_COLUMN);
}

static void
print_options (guint32 options)
{
  for (guint i = 0; i < CLI_N_OPTIONS; i++)
    {
      const CliOption *option = &cli_options[i];
      if ((options & CLI_BIT (i)) == 0)
        continue;
      g_autofree char *letter
          = option->letter != 0 ? g_strdup_printf ("-%c, ", option->letter) : g_strdup ("    ");
      g_autofree char *left
          = g_strdup_printf ("%s--%s%s%s", letter, option->name, option->argument != NULL ? " " : "",
                             option->argument != NULL ? _ (option->argument) : "");
      print_row (left, _ (option->help));
    }
}

static void
print_verb (const CliVerb *verb)
{
  printf (_ ("Usage: syscare %s"), verb->name);
  printf (" %s%s%s\n\n", verb->options != 0 ? _ ("[OPTION]...") : "",
          verb->options != 0 && verb->arguments != NULL ? " " : "",
          verb->arguments != NULL ? _ (verb->arguments) : "");
  print_wrapped (_ (verb->description), 0);
  if (verb->alias != NULL)
    printf (_ ("\nAlso: syscare %s\n"), verb->alias);
  if (verb->options == 0)
    return;
  printf ("\n%s\n", _ ("Options:"));
  print_options (verb->options);
}

static void
print_overview (void)
{
  printf ("%s\n\n", _ ("Usage: syscare VERB [OPTION]... [ARGUMENT]..."));
  print_wrapped (_ ("Repairs the kernel, libraries and programs while they run."), 0);
  printf ("\n%s\n", _ ("Verbs:"));
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    {
      g_autofree char *left = g_strdup_printf ("%s%s%s", verb->name, verb->arguments != NULL ? " " : "",
                                               verb->arguments != NULL ? _ (verb->arguments) : "");
      print_row (left, _ (verb->summary));
    }
  putchar ('\n');
  print_wrapped (_ ("ID is a uuid, a full name TARGET-VERSION/NAME[/OBJECT], its unambiguous beginning, the "
                    "NAME alone, or a CVE id. "
                    "`syscare help VERB` shows a verb's options; syscare(1) shows everything."),
                 0);
}

void
cli_print_help (const CliVerb *verb)
{
  if (verb != NULL)
    print_verb (verb);
  else
    print_overview ();
}

void
cli_print_help_json (void)
{
  CliJson *json = cli_json_new ();

  cli_json_open (json, "verbs", '[');
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    {
      cli_json_open (json, NULL, '{');
      cli_json_string (json, "name", verb->name);
      cli_json_string (json, "alias", verb->alias != NULL ? verb->alias : "");
      cli_json_string (json, "arguments", verb->arguments != NULL ? verb->arguments : "");
      cli_json_string (json, "summary", verb->summary);
      cli_json_open (json, "options", '[');
      for (guint i = 0; i < CLI_N_OPTIONS; i++)
        if ((verb->options & CLI_BIT (i)) != 0)
          {
            const CliOption *option = &cli_options[i];
            char letter[] = { option->letter, '\0' };
            cli_json_open (json, NULL, '{');
            cli_json_string (json, "name", option->name);
            cli_json_string (json, "letter", letter);
            cli_json_string (json, "argument", option->argument != NULL ? option->argument : "");
            cli_json_strings (json, "values", cli_value_words (option->value));
            cli_json_close (json);
          }
      cli_json_close (json);
      cli_json_close (json);
    }
  cli_json_finish (json, TRUE);
}

/* `build` reads its own arguments, so it shows its own help. */
static int
print_build_help (void)
{
  char *arguments[] = { (char *)"build", (char *)"--help", NULL };

  g_set_prgname ("syscare build");
  return cli_build (2, arguments);
}

int
cli_help (CliContext *context)
{
  const char *name = context->arguments[0];
  const CliVerb *verb = name != NULL ? cli_verb_find (name) : NULL;

  if (name != NULL && verb == NULL)
    {
      g_autoptr (GError) error = NULL;
      lp_error_set (&error, LP_ERROR_INVALID_ARGS, _ ("`syscare help` shows the verbs"),
                    _ ("unknown verb \"%s\""), name);
      return cli_report (context, "help", error);
    }
  if (cli_json (context))
    cli_print_help_json ();
  else if (verb != NULL && verb->options == 0)
    return print_build_help ();
  else
    cli_print_help (verb);
  return CLI_EXIT_DONE;
}

int
cli_version (CliContext *context)
{
  if (!cli_json (context))
    {
      printf ("syscare %s\n", SYSCARE_VERSION);
      return CLI_EXIT_DONE;
    }
  CliJson *json = cli_json_new ();
  cli_json_string (json, "version", SYSCARE_VERSION);
  cli_json_finish (json, TRUE);
  return CLI_EXIT_DONE;
}
