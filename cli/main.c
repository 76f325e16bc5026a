/* SPDX-License-Identifier: GPL-2.0-or-later */
/* syscare: reads the command line, calls the verb, returns its exit status. */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "context.h"
#include "help.h"
#include "commands.h"
#include "report.h"
#include "text.h"

/* Hidden: what the shells' completion files call; the words behind it are the command line so far. */
#define COMPLETE "__complete"

/* SYSCARE_LOCALE_DIR lets an uninstalled program find its translations. */
static void
set_locale (void)
{
  const char *directory = g_getenv ("SYSCARE_LOCALE_DIR");

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, directory != NULL ? directory : SYSCARE_LOCALE_DIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
}

static int
run (CliContext *context, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc > 1 && g_str_equal (argv[1], COMPLETE))
    return cli_complete (context, (const char *const *)argv + 2);
  if (!cli_context_parse (context, argc, argv, &error))
    return cli_report (context, NULL, error);
  if (context->flags[CLI_OPTION_HELP])
    {
      cli_print_help (context->verb);
      return CLI_EXIT_DONE;
    }
  if (context->flags[CLI_OPTION_VERSION])
    return cli_version (context);
  return context->verb->run (context);
}

/* Output that didn't arrive (a full disk) is not a success; a script would go on with half of it. */
static int
check_output (const CliContext *context, int status)
{
  g_autoptr (GError) error = NULL;

  if ((fflush (stdout) == 0 && ferror (stdout) == 0) || status != CLI_EXIT_DONE)
    return status;
  lp_error_set_errno (&error, LP_ERROR_FAILED, errno, "%s", _ ("the output can't be written"));
  return cli_report (context, NULL, error);
}

int
main (int argc, char **argv)
{
  CliContext context = { 0 };

  set_locale ();
  /* `syscare list | head` ends quietly, and as the shell expects. */
  signal (SIGPIPE, SIG_DFL);
  int status = check_output (&context, run (&context, argc, argv));
  cli_context_clear (&context);
  return status;
}
