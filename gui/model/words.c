/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus's words in the reader's language; see words.h. */
#include "words.h"

#include <glib/gi18n.h>
#include <string.h>

ScWord
sc_word_state (ScState state)
{
  static const ScWord words[SC_N_STATES] = {
    [SC_STATE_UNKNOWN] = { N_ ("Unknown"), "syscare-unknown-symbolic", "state-unknown" },
    [SC_STATE_NOT_APPLIED] = { N_ ("Not applied"), "syscare-not-applied-symbolic", "state-not-applied" },
    [SC_STATE_DEACTIVATED] = { N_ ("Deactivated"), "syscare-deactivated-symbolic", "state-deactivated" },
    [SC_STATE_ACTIVE] = { N_ ("Active"), "syscare-active-symbolic", "state-active" },
    [SC_STATE_ACCEPTED] = { N_ ("Accepted"), "syscare-accepted-symbolic", "state-accepted" },
  };
  ScWord word = words[state];

  word.word = _ (word.word);
  return word;
}

ScWord
sc_word_severity (ScSeverity severity)
{
  static const ScWord words[] = {
    [SC_SEVERITY_NONE] = { N_ ("Not rated"), "syscare-unknown-symbolic", "severity-none" },
    [SC_SEVERITY_LOW] = { N_ ("Low"), "syscare-severity-symbolic", "severity-low" },
    [SC_SEVERITY_MEDIUM] = { N_ ("Medium"), "syscare-severity-symbolic", "severity-medium" },
    [SC_SEVERITY_HIGH] = { N_ ("High"), "syscare-severity-symbolic", "severity-high" },
    [SC_SEVERITY_CRITICAL] = { N_ ("Critical"), "syscare-severity-symbolic", "severity-critical" },
  };
  ScWord word = words[severity];

  word.word = _ (word.word);
  return word;
}

ScWord
sc_word_kind (ScKind kind)
{
  if (kind == SC_KIND_KERNEL)
    return (ScWord){ _ ("Kernel"), "syscare-kernel-symbolic", "kind-kernel" };
  return (ScWord){ _ ("Program or library"), "syscare-program-symbolic", "kind-user" };
}

/* The row of @table whose name is @name; a row made of @name itself when there is none. */
typedef struct {
  const char *name;
  ScWord word;
} WordRow;

static ScWord
look_up (const WordRow *table, gsize n, const char *name)
{
  for (gsize i = 0; i < n; i++)
    if (g_str_equal (table[i].name, name))
      return (ScWord){ _ (table[i].word.word), table[i].word.icon, table[i].word.style };
  return (ScWord){ name, "syscare-unknown-symbolic", "state-unknown" };
}

ScWord
sc_word_process (const char *status)
{
  static const WordRow table[] = {
    { "patched", { N_ ("Patched"), "syscare-active-symbolic", "state-active" } },
    { "unpatched", { N_ ("Not patched"), "syscare-not-applied-symbolic", "state-not-applied" } },
    { "pending", { N_ ("Pending"), "syscare-pending-symbolic", "state-pending" } },
    { "unpatchable", { N_ ("Can’t be patched"), "syscare-problem-symbolic", "state-problem" } },
    { "failed", { N_ ("Failed"), "syscare-problem-symbolic", "state-problem" } },
    { "unchanged", { N_ ("Unchanged"), "syscare-not-applied-symbolic", "state-not-applied" } },
    { "gone", { N_ ("Ended"), "syscare-not-applied-symbolic", "state-not-applied" } },
    { "rolled-back", { N_ ("Taken back"), "syscare-deactivated-symbolic", "state-deactivated" } },
  };

  return look_up (table, G_N_ELEMENTS (table), status);
}

ScWord
sc_word_finding (const char *severity)
{
  static const WordRow table[] = {
    { "ok", { N_ ("All right"), "syscare-active-symbolic", "state-active" } },
    { "info", { N_ ("To know"), "syscare-unknown-symbolic", "state-unknown" } },
    { "warning", { N_ ("Warning"), "syscare-pending-symbolic", "state-pending" } },
    { "error", { N_ ("Error"), "syscare-problem-symbolic", "state-problem" } },
  };

  return look_up (table, G_N_ELEMENTS (table), severity);
}

ScWord
sc_word_result (const char *result)
{
  static const WordRow table[] = {
    { "succeeded", { N_ ("Done"), "syscare-active-symbolic", "state-active" } },
    { "unchanged", { N_ ("Nothing to do"), "syscare-not-applied-symbolic", "state-not-applied" } },
    { "failed", { N_ ("Failed"), "syscare-problem-symbolic", "state-problem" } },
    { "denied", { N_ ("Not authorised"), "syscare-problem-symbolic", "state-problem" } },
    { "rolled-back", { N_ ("Taken back"), "syscare-deactivated-symbolic", "state-deactivated" } },
  };

  return look_up (table, G_N_ELEMENTS (table), result);
}

/* @sentence and, when the service counts the tasks, how far the kernel is. Caller frees. */
static char *
add_transition_count (const char *sentence, ScPatch *patch)
{
  guint total = sc_patch_get_total (patch);

  if (total == 0)
    return g_strdup (sentence);
  g_autofree char *count = g_strdup_printf (ngettext ("%u of %u task has switched so far.",
                                                      "%u of %u tasks have switched so far.", total),
                                            sc_patch_get_patched (patch), total);
  return g_strdup_printf ("%s %s", sentence, count);
}

static gboolean
is_switching (ScPatch *patch)
{
  return sc_patch_get_kind (patch) == SC_KIND_KERNEL && sc_patch_has_problem (patch, "transition-pending");
}

/* The state is the same whichever way the kernel is switching; the job that does it says which. */
static char *
active_summary (ScPatch *patch)
{
  guint total = sc_patch_get_total (patch);
  guint patched = sc_patch_get_patched (patch);

  if (is_switching (patch))
    return add_transition_count (_ ("The running kernel is switching its tasks over."), patch);
  if (sc_patch_get_kind (patch) == SC_KIND_KERNEL)
    return g_strdup (sc_patch_has_problem (patch, "target-changed")
                             || sc_patch_has_problem (patch, "not-loaded")
                         ? _ ("The running kernel doesn’t have the new code.")
                         : _ ("The running kernel uses the new code."));
  if (total == 0)
    return g_strdup (_ ("Nothing runs the target now; new processes get the new code at their start."));
  if (patched >= total)
    return g_strdup_printf (ngettext ("The new code runs in the only process of the target.",
                                      "The new code runs in all %u processes of the target.", total),
                            total);
  return g_strdup_printf (ngettext ("The new code runs in %u of %u processes of the target.",
                                    "The new code runs in %u of %u processes of the target.", total),
                          patched, total);
}

char *
sc_words_summary (ScPatch *patch)
{
  switch (sc_patch_get_state (patch))
    {
    case SC_STATE_ACTIVE:
      case SC_STATE_ACCEPTED: {
        g_autofree char *where = active_summary (patch);
        return g_strdup_printf ("%s %s", where,
                                sc_patch_get_state (patch) == SC_STATE_ACCEPTED
                                    ? _ ("The patch comes back after a reboot.")
                                    : _ ("After a reboot the patch is gone unless it is accepted."));
      }
    case SC_STATE_DEACTIVATED:
      return g_strdup (_ ("The patch is loaded, but the original code runs."));
    case SC_STATE_NOT_APPLIED:
      return g_strdup (_ ("The original code runs."));
    case SC_STATE_UNKNOWN:
    default:
      return g_strdup (_ ("The service can’t tell at the moment: it couldn’t read the processes."));
    }
}

const char *
sc_words_problem (const char *problem, ScKind kind, const char **advice)
{
  static const struct {
    const char *word;
    const char *sentence;
    const char *advice;
    gboolean kernel_only; /* stands before the row of the same word for all */
  } table[] = {
    { "target-changed", N_ ("The patch is for another kernel than the one that runs."),
      N_ ("Install the patch for the running kernel, or boot the one that this patch is for."), TRUE },
    { "not-loaded", N_ ("The patch should be in effect, but the running kernel doesn’t have it."),
      N_ ("It could not be loaded when the machine started. “Activate” tries it again and says what hinders "
          "it.") },
    { "processes-unpatched", N_ ("Some processes run the target without the patch."),
      N_ ("The page “Processes” says which and why. “Activate” tries it again; those that can’t be patched "
          "must be restarted.") },
    { "transition-pending", N_ ("The kernel hasn’t switched all tasks over yet."),
      N_ ("It goes on by itself. Tasks that hold it up are on the page “Processes”.") },
    { "target-changed", N_ ("The file on disk is another build than the one that the patch is for."),
      N_ ("Probably the package was upgraded. Restart the program, then remove and uninstall the patch.") },
    { "target-missing", N_ ("The file that the patch is for isn’t on this machine."),
      N_ ("Install the package that it belongs to, or uninstall the patch.") },
    { "conflict", N_ ("Something else changed the same code."),
      N_ ("Find out which tool did (a debugger, a tracer, another patch) and end it.") },
    { "overridden", N_ ("A later patch replaces the same functions and stands on top."),
      N_ ("Nothing needs to be done. To take this patch away, remove the later one first.") },
    { "digest-mismatch", N_ ("The patch’s files aren’t the ones that were installed."),
      N_ ("Don’t use it. Uninstall it and install it again from where it came.") },
    { "untrusted", N_ ("The patch isn’t signed by a key that this machine trusts."),
      N_ ("Ask whoever made it for a signed one, or let the administrator add the key.") },
    { "bundle-missing", N_ ("Processes run this patch, but its files are gone."),
      N_ ("Install the patch again to be able to manage it.") },
    { "foreign", N_ ("Something else than this service loaded this patch into the kernel."),
      N_ ("It can only be looked at here. To take it away, use the tool that loaded it.") },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_str_equal (table[i].word, problem) && (!table[i].kernel_only || kind == SC_KIND_KERNEL))
      {
        if (advice)
          *advice = _ (table[i].advice);
        return _ (table[i].sentence);
      }
  if (advice)
    *advice = "";
  return problem;
}

gboolean
sc_words_problem_is_harmless (const char *problem)
{
  return g_str_equal (problem, "overridden") || g_str_equal (problem, "transition-pending")
         || g_str_equal (problem, "foreign");
}

const char *
sc_words_phase (const char *phase, const char *state)
{
  static const struct {
    const char *word;
    const char *text;
  } table[] = {
    { "scan", N_ ("Looking for processes") }, { "check", N_ ("Checking") },
    { "place", N_ ("Placing the new code") }, { "switch", N_ ("Switching over") },
    { "undo", N_ ("Undoing what was done") }, { "record", N_ ("Writing it down") },
  };

  if (g_str_equal (state, "queued"))
    return _ ("Waiting for its turn");
  if (g_str_equal (state, "cancelling"))
    return _ ("Cancelling");
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_str_equal (table[i].word, phase))
      return _ (table[i].text);
  return *phase ? phase : _ ("Working");
}

char *
sc_words_time (guint64 moment)
{
  g_autoptr (GDateTime) utc
      = moment ? g_date_time_new_from_unix_utc ((gint64)(moment / G_USEC_PER_SEC)) : NULL;
  g_autoptr (GDateTime) local = utc ? g_date_time_to_local (utc) : NULL;

  /* Translators: a date and time for g_date_time_format() */
  return local ? g_date_time_format (local, _ ("%Y-%m-%d %H:%M:%S")) : g_strdup ("");
}

char *
sc_words_patches (GPtrArray *patches)
{
  if (patches->len == 1)
    return g_strdup (sc_patch_get_title (g_ptr_array_index (patches, 0)));
  return g_strdup_printf (ngettext ("%u patch", "%u patches", patches->len), patches->len);
}

char *
sc_words_degraded (const char *trouble)
{
  static const struct {
    const char *word;
    const char *text;
  } table[] = {
    { "settings", N_ ("There is a mistake in the service’s settings") },
    { "bundle", N_ ("A folder in the patch directory isn’t a sound patch") },
    { "state", N_ ("A damaged state file was moved aside") },
    { "polkit", N_ ("Nobody can be authorised: polkit doesn’t answer") },
    { "restore", N_ ("An accepted patch could not be restored") },
    { "processes", N_ ("Some processes can’t be read") },
    { "key", N_ ("A file among the trusted keys is no key") },
    { "gate", N_ ("New processes of a patched target may run its old code") },
    { "net", N_ ("Calls that still go into old code can’t be caught") },
    { "events", N_ ("Programs and libraries can’t be watched as they are loaded") },
    { "bundle-missing", N_ ("Processes run a patch whose files are gone") },
  };
  const char *colon = strchr (trouble, ':');
  gsize length = colon ? (gsize)(colon - trouble) : strlen (trouble);

  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (strlen (table[i].word) == length && strncmp (table[i].word, trouble, length) == 0)
      return colon ? g_strdup_printf (_ ("%s: %s"), _ (table[i].text), colon + 1 + strspn (colon + 1, " "))
                   : g_strdup (_ (table[i].text));
  return g_strdup (trouble);
}
