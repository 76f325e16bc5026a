/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error output. */
#include "config.h"
#include "report.h"

#include <stdio.h>

#include "json.h"
#include "text.h"

/* What to do, where the message itself doesn't say it. */
static const char *const hints[LP_N_ERRORS] = {
  [LP_ERROR_INVALID_STATE] = N_ ("`syscare status ID` shows the state, syscare(1) which verb goes with it"),
  [LP_ERROR_CHANGED] = N_ ("look at `syscare status ID`, then try again"),
  [LP_ERROR_BUSY] = N_ ("wait for the other job to end (`syscare monitor` shows it), then try again"),
  [LP_ERROR_PATCH_CORRUPT] = N_ ("get the patch again, or build it again"),
  [LP_ERROR_UNTRUSTED]
  = N_ ("the patch and its directory must belong to root; see syscare.conf(5) for signatures"),
  [LP_ERROR_TARGET_MISMATCH] = N_ ("`syscare target ID` shows the build that the patch is for"),
  [LP_ERROR_TARGET_MISSING] = N_ ("`syscare target ID` shows the package and files that the patch is for"),
  [LP_ERROR_CONFLICT] = N_ ("take the other change back first"),
  [LP_ERROR_OVERRIDDEN] = N_ ("deactivate the later patch first; `syscare list` shows them"),
  [LP_ERROR_TRANSITION_TIMEOUT]
  = N_ ("`syscare processes ID` names the tasks; try again with a longer --timeout"),
  [LP_ERROR_PROCESS_BUSY] = N_ ("`syscare processes ID` names the threads; try again later, with a longer "
                                "--timeout or with --consistency entry"),
  [LP_ERROR_PARTLY_APPLIED] = N_ ("`syscare processes ID` shows which processes were left out, and why"),
  [LP_ERROR_ROLLBACK_FAILED]
  = N_ ("`syscare status ID` shows what holds now, `journalctl -u syscared` what happened"),
  [LP_ERROR_STATE_CORRUPT] = N_ ("see `journalctl -u syscared`"),
  [LP_ERROR_ACCESS_DENIED]
  = N_ ("polkit decides who may do this: ask an administrator, or for a rule as in syscared(8)"),
  [LP_ERROR_AUTH_REQUIRED]
  = N_ ("run it on a terminal without --no-ask-password to be asked for the password, or as root"),
  [LP_ERROR_LIMITS_EXCEEDED] = N_ ("wait for running jobs to end, then try again"),
  [LP_ERROR_UNKNOWN_OBJECT] = N_ ("`syscare list` shows the patches"),
};

void
cli_error_explain (GError **error)
{
  if (error == NULL || *error == NULL)
    return;

  const LpErrorInfo *info = lp_error_info_for (*error);
  const char *sentence = _ (info->sentence);
  if (info->code == LP_ERROR_FAILED || g_str_has_prefix ((*error)->message, info->sentence)
      || g_str_has_prefix ((*error)->message, sentence))
    return;
  g_autofree char *message = (*error)->message;
  (*error)->message = *message == '\0' ? g_strdup (sentence) : g_strdup_printf ("%s: %s", sentence, message);
}

static const char *
hint_of (const GError *error, const char *own)
{
  const LpErrorInfo *info = lp_error_info_for (error);

  /* How to be asked is ours to say: the service doesn't know about terminals. */
  if (own != NULL && info->code != LP_ERROR_AUTH_REQUIRED)
    return own;
  return hints[info->code] != NULL ? _ (hints[info->code]) : NULL;
}

void
cli_report_line (const char *what, const GError *error)
{
  const char *own;
  g_autofree char *first = lp_error_split (error->message, &own);
  const char *hint = hint_of (error, own);
  g_autofree char *what_shown = what != NULL ? cli_escape (what) : NULL;
  g_autofree char *why = cli_escape (first);

  if (what_shown != NULL)
    fprintf (stderr, "syscare: %s: %s\n", what_shown, why);
  else
    fprintf (stderr, "syscare: %s\n", why);
  if (hint == NULL)
    return;

  g_auto (GStrv) lines = g_strsplit (hint, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *line = cli_escape (lines[i]);
      fprintf (stderr, "  %s\n", line);
    }
}

int
cli_report (const CliContext *context, const char *what, const GError *error)
{
  const LpErrorInfo *info = lp_error_info_for (error);

  cli_report_line (what, error);
  if (!cli_json (context))
    return info->exit_code;

  const char *own;
  g_autofree char *first = lp_error_split (error->message, &own);
  const char *hint = hint_of (error, own);
  CliJson *json = cli_json_new ();
  cli_json_open (json, "error", '{');
  cli_json_string (json, "name", info->name);
  cli_json_string (json, "message", first);
  cli_json_string (json, "hint", hint != NULL ? hint : "");
  cli_json_number (json, "exit_code", info->exit_code);
  cli_json_finish (json, TRUE);
  return info->exit_code;
}
