/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of the verb table. Must not do anything. */
#include "verbs.h"

#include <string.h>

#include "commands.h"
#include "text.h"

const CliOption cli_options[CLI_N_OPTIONS] = {
  [CLI_OPTION_TARGET]
  = { "target", 't', N_ ("NAME"), CLI_VALUE_TARGET, N_ ("only patches for this package or object") },
  [CLI_OPTION_STATE] = { "state", 's', N_ ("STATE"), CLI_VALUE_STATE, N_ ("only patches in this state") },
  [CLI_OPTION_ISSUE] = { "issue", 'i', "CVE", CLI_VALUE_ISSUE, N_ ("only patches that fix this issue") },
  [CLI_OPTION_FORCE]
  = { "force", 'f', NULL, CLI_VALUE_NONE,
      N_ ("go on where a safety check only advises against it; asks for an authorisation of its own") },
  [CLI_OPTION_REASON]
  = { "reason", 'r', N_ ("TEXT"), CLI_VALUE_TEXT, N_ ("why; kept in the journal and in the history") },
  [CLI_OPTION_TIMEOUT] = { "timeout", 0, N_ ("TIME"), CLI_VALUE_TEXT,
                           N_ ("how long to try while threads run the old code: 30, 500ms, 2min") },
  [CLI_OPTION_ON_FAILURE] = { "on-failure", 0, N_ ("WHAT"), CLI_VALUE_ON_FAILURE,
                              N_ ("when a process fails: rollback all (default) or keep the others") },
  [CLI_OPTION_CONSISTENCY]
  = { "consistency", 0, N_ ("HOW"), CLI_VALUE_CONSISTENCY,
      N_ ("strict: no thread may be in an old function (default); entry: only the overwritten "
          "bytes must be free") },
  [CLI_OPTION_NO_ACTIVATE]
  = { "no-activate", 0, NULL, CLI_VALUE_NONE, N_ ("load the patch, but leave the original code in place") },
  [CLI_OPTION_DRY_RUN]
  = { "dry-run", 'n', NULL, CLI_VALUE_NONE, N_ ("show what would be met; change nothing") },
  [CLI_OPTION_NO_WAIT] = { "no-wait", 0, NULL, CLI_VALUE_NONE, N_ ("start the job and return at once") },
  [CLI_OPTION_ERROR_IF_UNCHANGED]
  = { "error-if-unchanged", 0, NULL, CLI_VALUE_NONE, N_ ("exit with status 6 when there was nothing to do") },
  [CLI_OPTION_ACCEPTED] = { "accepted", 0, NULL, CLI_VALUE_NONE, N_ ("only the accepted patches") },
  [CLI_OPTION_SINCE]
  = { "since", 'S', N_ ("TIME"), CLI_VALUE_TEXT,
      N_ ("from this time on: 2026-01-31, \"2026-01-31 12:00\", today, yesterday, 2h, 3d") },
  [CLI_OPTION_LIMIT]
  = { "limit", 'l', N_ ("NUMBER"), CLI_VALUE_TEXT, N_ ("at most this many, the newest ones") },
  [CLI_OPTION_JSON] = { "json", 'j', NULL, CLI_VALUE_NONE, N_ ("print JSON, whose keys are stable") },
  [CLI_OPTION_BUS]
  = { "bus", 0, N_ ("ADDRESS"), CLI_VALUE_TEXT, N_ ("use the bus at this address, not the system bus") },
  [CLI_OPTION_HOST] = { "host", 'H', N_ ("[USER@]MACHINE"), CLI_VALUE_TEXT,
                        N_ ("use the service of another machine, through ssh") },
  [CLI_OPTION_NO_ASK_PASSWORD]
  = { "no-ask-password", 0, NULL, CLI_VALUE_NONE, N_ ("never ask for a password; fail instead") },
  [CLI_OPTION_HELP] = { "help", 'h', NULL, CLI_VALUE_NONE, N_ ("show this help") },
  [CLI_OPTION_VERSION] = { "version", 0, NULL, CLI_VALUE_NONE, N_ ("show the version") },
};

#define COMMON (CLI_BIT (CLI_OPTION_JSON) | CLI_BIT (CLI_OPTION_HELP))
#define ON_BUS (COMMON | CLI_BIT (CLI_OPTION_BUS) | CLI_BIT (CLI_OPTION_HOST))
#define ASKS (ON_BUS | CLI_BIT (CLI_OPTION_NO_ASK_PASSWORD))
#define RECORDS                                                                                              \
  (ASKS | CLI_BIT (CLI_OPTION_FORCE) | CLI_BIT (CLI_OPTION_REASON) | CLI_BIT (CLI_OPTION_NO_WAIT)            \
   | CLI_BIT (CLI_OPTION_DRY_RUN) | CLI_BIT (CLI_OPTION_ERROR_IF_UNCHANGED) | CLI_BIT (CLI_OPTION_TIMEOUT))
#define MOVES (RECORDS | CLI_BIT (CLI_OPTION_ON_FAILURE) | CLI_BIT (CLI_OPTION_CONSISTENCY))
#define IDS N_ ("ID...")
#define FOR_IDS                                                                                              \
  .arguments = IDS, .value = CLI_VALUE_PATCH, .min_arguments = 1, .max_arguments = CLI_ANY_NUMBER

const CliVerb cli_verbs[] = {
  { "list", .max_arguments = 0, .run = cli_list,
    .options = ON_BUS | CLI_BIT (CLI_OPTION_TARGET) | CLI_BIT (CLI_OPTION_STATE) | CLI_BIT (CLI_OPTION_ISSUE),
    .summary = N_ ("list the patches on this machine"),
    .description = N_ (
        "One line for each installed patch: its full name, its state, how many of the processes that run its "
        "target have the new code, the issues that it fixes, and its problems.") },
  { "info", FOR_IDS, .run = cli_info, .options = ON_BUS, .summary = N_ ("show everything about patches"),
    .description = N_ ("Shows all that is known about each patch: names, target, functions, issues, signer, "
                       "state, problems.") },
  { "status", FOR_IDS, .run = cli_status, .options = ON_BUS, .summary = N_ ("show the state of patches"),
    .description
    = N_ ("Shows the state of each patch as the processes and the kernel have it now, and its problems.") },
  { "target", FOR_IDS, .run = cli_target, .options = ON_BUS, .summary = N_ ("show what patches are for"),
    .description
    = N_ ("Shows the package, the version, the files and the Build-ID that each patch is bound to.") },
  { "check", .arguments = N_ ("[VERB] ID..."), .value = CLI_VALUE_STATE_VERB, .min_arguments = 1,
    .max_arguments = CLI_ANY_NUMBER, .run = cli_check,
    .options = ASKS | CLI_BIT (CLI_OPTION_FORCE) | CLI_BIT (CLI_OPTION_CONSISTENCY),
    .summary = N_ ("find out what a verb would meet, and change nothing"),
    .description = N_ ("Goes through the checks of VERB (apply when it is left out) and shows what it would "
                       "meet. No process is "
                       "stopped or traced. The exit status is the one that the verb would have.") },
  { "apply", .word = "apply", FOR_IDS, .run = cli_change, .options = MOVES | CLI_BIT (CLI_OPTION_NO_ACTIVATE),
    .summary = N_ ("check, load and activate patches"),
    .description
    = N_ ("Checks the patches, loads them and puts the new code in place in every process that runs the "
          "target, and "
          "in each new one from its first instruction. Several IDs are one transaction: all or none.") },
  { "active", .alias = "activate", .word = "activate", FOR_IDS, .run = cli_change, .options = MOVES,
    .summary = N_ ("put the new code in place"),
    .description = N_ ("Activates patches that are loaded but deactivated.") },
  { "deactive", .alias = "deactivate", .word = "deactivate", FOR_IDS, .run = cli_change, .options = MOVES,
    .summary = N_ ("put the original code back"),
    .description = N_ ("Puts the original code back everywhere and keeps the patch loaded. An accepted patch "
                       "loses its acceptance.") },
  { "remove", .word = "remove", FOR_IDS, .run = cli_change, .options = MOVES,
    .summary = N_ ("put the original code back and unload patches"),
    .description = N_ ("Deactivates and unloads patches. They stay installed and can be applied again.") },
  { "accept", .word = "accept", FOR_IDS, .run = cli_change, .options = RECORDS,
    .summary = N_ ("keep active patches over a reboot"),
    .description = N_ ("Marks active patches so that they come back after a reboot. It is on the disk before "
                       "the command returns.") },
  { "revoke", .word = "revoke", FOR_IDS, .run = cli_change, .options = RECORDS,
    .summary = N_ ("no longer keep patches over a reboot"),
    .description = N_ ("Takes an acceptance back. The patch stays active until the next reboot.") },
  { "processes", FOR_IDS, .run = cli_processes, .options = ON_BUS,
    .summary = N_ ("show which processes run a patch, and why others don't"),
    .description = N_ ("One line for each process that has the target mapped: patched, pending (which thread "
                       "is in which function), "
                       "unpatchable or failed, with the reason. Other users' processes are shown as far as "
                       "/proc would show them.") },
  { "install", .arguments = N_ ("FILE..."), .value = CLI_VALUE_FILE, .min_arguments = 1,
    .max_arguments = CLI_ANY_NUMBER, .run = cli_install,
    .options = ASKS | CLI_BIT (CLI_OPTION_REASON) | CLI_BIT (CLI_OPTION_NO_WAIT),
    .summary = N_ ("install patches from files"),
    .description = N_ ("Installs each bundle, a directory or an archive, that `syscare build` made. Nothing "
                       "is applied by it.") },
  { "uninstall", FOR_IDS, .run = cli_uninstall,
    .options = ASKS | CLI_BIT (CLI_OPTION_REASON) | CLI_BIT (CLI_OPTION_NO_WAIT),
    .summary = N_ ("take patches off this machine"),
    .description = N_ ("Uninstalls the bundles of patches that are not applied.") },
  { "rescan", .run = cli_rescan, .options = ASKS, .summary = N_ ("read the patches directory anew"),
    .description = N_ ("The service notices new patches by itself; this makes it look at once.") },
  { "save", .run = cli_save, .options = ASKS | CLI_BIT (CLI_OPTION_REASON),
    .summary = N_ ("make all active patches come back after a reboot"),
    .description = N_ ("Marks every patch that is active now; `restore`, and a reboot, bring them back.") },
  { "restore", .run = cli_restore,
    .options = ASKS | CLI_BIT (CLI_OPTION_ACCEPTED) | CLI_BIT (CLI_OPTION_NO_WAIT)
               | CLI_BIT (CLI_OPTION_REASON) | CLI_BIT (CLI_OPTION_TIMEOUT),
    .summary = N_ ("bring saved and accepted patches back"),
    .description = N_ ("Activates all patches that were saved or accepted and are not active now.") },
  { "history", .run = cli_history,
    .options = ON_BUS | CLI_BIT (CLI_OPTION_SINCE) | CLI_BIT (CLI_OPTION_LIMIT),
    .summary = N_ ("show who did what, and how it ended"),
    .description = N_ ("The newest records come last. Each names the time, the user, the verb, the patch, "
                       "the result and the reason.") },
  { "monitor", .run = cli_monitor, .options = ON_BUS, .summary = N_ ("show changes as they happen"),
    .description
    = N_ ("Prints one line for each change of a patch, a job or the service until it is interrupted.") },
  { "inspect", .arguments = N_ ("FILE|DIRECTORY|ID"), .value = CLI_VALUE_PATCH_OR_FILE, .min_arguments = 1,
    .max_arguments = 1, .run = cli_inspect, .options = ON_BUS,
    .summary = N_ ("read a patch: functions, target, proofs"),
    .description = N_ ("Reads and verifies a bundle directory, its patch.json, one of its entities or an "
                       "archive of it, and shows what is in "
                       "it: the replaced functions with their addresses, where the redirect stands, what was "
                       "proven, what was left "
                       "out. Needs no service unless an ID is given.") },
  { "build", .arguments = N_ ("..."), .max_arguments = CLI_ANY_NUMBER, .value = CLI_VALUE_FILE,
    .run = cli_build_verb, .options = 0, .summary = N_ ("make a hot patch from a source fix"),
    .description = N_ ("See syscare-build(1).") },
  { "help", .arguments = N_ ("[VERB]"), .value = CLI_VALUE_VERB, .max_arguments = 1, .run = cli_help,
    .options = COMMON, .summary = N_ ("show help for a verb"),
    .description = N_ ("Shows the verbs, or one verb's arguments and options.") },
  { "version", .run = cli_version, .options = COMMON, .summary = N_ ("show the version"),
    .description = N_ ("Shows the version of this program.") },
  { NULL },
};

const CliOption cli_build_options[] = {
  { "patch", 'p', N_ ("FILE"), CLI_VALUE_FILE, N_ ("source fix, applied with -p1; may be repeated") },
  { "package", 0, N_ ("NAME[=VERSION]"), CLI_VALUE_TEXT, N_ ("patch this distribution package") },
  { "source", 0, N_ ("FILE.dsc|DIR"), CLI_VALUE_FILE,
    N_ ("patch what this source package or folder builds") },
  { "kernel", 0, N_ ("RELEASE"), CLI_VALUE_TEXT,
    N_ ("make a livepatch module for the running, or this, kernel") },
  { "module-source", 0, N_ ("DIR"), CLI_VALUE_FILE,
    N_ ("with --kernel: patch the module that this folder builds") },
  { "replace", 0, NULL, CLI_VALUE_NONE, N_ ("with --kernel: take the place of all livepatches that stand") },
  { "kernel-headers", 0, N_ ("DIR"), CLI_VALUE_FILE,
    N_ ("with --kernel: folder with .config and Module.symvers") },
  { "kernel-modules", 0, N_ ("DIR"), CLI_VALUE_FILE, N_ ("with --kernel: folder with the shipped modules") },
  { "sign-module-key", 0, N_ ("PEM"), CLI_VALUE_FILE, N_ ("with --kernel: sign the module with this key") },
  { "sign-module-cert", 0, N_ ("FILE"), CLI_VALUE_FILE, N_ ("certificate of that key") },
  { "build", 0, N_ ("COMMAND"), CLI_VALUE_TEXT, N_ ("command that builds the folder") },
  { "prepare", 0, N_ ("COMMAND"), CLI_VALUE_TEXT, N_ ("command that is run before it") },
  { "target", 0, N_ ("ELF"), CLI_VALUE_FILE,
    N_ ("patch only this file, installed or in the built folder; may be repeated") },
  { "name", 0, N_ ("NAME"), CLI_VALUE_TEXT, N_ ("name of the patch (HP001)") },
  { "patch-version", 0, N_ ("VERSION"), CLI_VALUE_TEXT, N_ ("version of the patch itself (1)") },
  { "patch-release", 0, N_ ("RELEASE"), CLI_VALUE_TEXT, N_ ("release of the patch itself (1)") },
  { "issue", 0, N_ ("CVE"), CLI_VALUE_TEXT, N_ ("what it repairs; may be repeated") },
  { "description", 0, N_ ("TEXT"), CLI_VALUE_TEXT, N_ ("one sentence for people") },
  { "severity", 0, N_ ("WORD"), CLI_VALUE_SEVERITY, N_ ("low, medium, high or critical") },
  { "output", 'o', N_ ("DIR"), CLI_VALUE_FILE, N_ ("folder that gets the bundle (.)") },
  { "format", 0, N_ ("LIST"), CLI_VALUE_FORMAT, N_ ("what to write: dir, tar, deb, rpm (dir)") },
  { "debuginfo", 0, N_ ("FILE"), CLI_VALUE_FILE, N_ ("separate debug information of the target") },
  { "installed", 0, N_ ("ELF"), CLI_VALUE_FILE, N_ ("compare with this file as the shipped one") },
  { "sign", 0, N_ ("KEY.pem"), CLI_VALUE_FILE, N_ ("sign the bundle with this private key") },
  { "jobs", 'j', N_ ("N"), CLI_VALUE_TEXT, N_ ("compile so many at a time") },
  { "cache", 0, N_ ("DIR"), CLI_VALUE_FILE, N_ ("folder that keeps unchanged builds") },
  { "keep", 0, NULL, CLI_VALUE_NONE, N_ ("keep the objects of this run") },
  { "json", 0, NULL, CLI_VALUE_NONE, N_ ("print the result as JSON") },
  { "to", 0, N_ ("VERSION|FILE.dsc"), CLI_VALUE_FILE,
    N_ ("the difference to this version of the source package is the fix") },
  { "verbose", 'v', NULL, CLI_VALUE_NONE, N_ ("say more") },
  { "help", 'h', NULL, CLI_VALUE_NONE, N_ ("show this help") },
  { NULL },
};

const CliVerb *
cli_verb_find (const char *name)
{
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    if (g_str_equal (verb->name, name) || g_strcmp0 (verb->alias, name) == 0)
      return verb;
  return NULL;
}

/* Edit distance (insert, delete, replace), for words of at most 31 bytes. */
static guint
distance (const char *a, const char *b)
{
  guint row[32];
  gsize n = strlen (b);

  if (n >= G_N_ELEMENTS (row))
    return G_MAXUINT;
  for (gsize j = 0; j <= n; j++)
    row[j] = j;
  for (gsize i = 1; a[i - 1] != '\0'; i++)
    {
      guint diagonal = row[0];
      row[0] = i;
      for (gsize j = 1; j <= n; j++)
        {
          guint replace = diagonal + (a[i - 1] != b[j - 1]);
          diagonal = row[j];
          row[j] = MIN (replace, MIN (row[j], row[j - 1]) + 1);
        }
    }
  return row[n];
}

const char *
cli_verb_nearest (const char *name)
{
  const char *nearest = NULL;
  guint best = 3; /* more than two slips is another word */

  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    {
      guint d = distance (name, verb->name);
      if (d < best)
        {
          best = d;
          nearest = verb->name;
        }
    }
  return nearest;
}

const char *const *
cli_value_words (CliValue value)
{
  static const char *const states[] = { "not-applied", "deactivated", "active", "accepted", "unknown", NULL };
  static const char *const on_failure[] = { "rollback", "keep", NULL };
  static const char *const consistency[] = { "strict", "entry", NULL };

  static const char *const formats[] = { "dir", "tar", "deb", "rpm", NULL };
  static const char *const severities[] = { "low", "medium", "high", "critical", NULL };

  switch (value)
    {
    case CLI_VALUE_SEVERITY:
      return severities;
    case CLI_VALUE_FORMAT:
      return formats;
    case CLI_VALUE_STATE:
      return states;
    case CLI_VALUE_ON_FAILURE:
      return on_failure;
    case CLI_VALUE_CONSISTENCY:
      return consistency;
    default:
      return NULL;
    }
}
