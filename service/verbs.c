/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract's table of states and verbs, row by row. Must not know patches, processes or the bus. */
#include "verbs.h"

#define INVALID                                                                                              \
  {                                                                                                          \
    SC_OUTCOME_INVALID, LP_STATE_UNKNOWN                                                                     \
  }
#define CHANGE(state)                                                                                        \
  {                                                                                                          \
    SC_OUTCOME_CHANGE, LP_STATE_##state                                                                      \
  }
#define HOLDS(state)                                                                                         \
  {                                                                                                          \
    SC_OUTCOME_UNCHANGED, LP_STATE_##state                                                                   \
  }

/* Columns: unknown, not-applied, deactivated, active, accepted. apply and activate leave an accepted patch
 * accepted. */
/* clang-format off */
static const ScVerbRow verb_table[SC_N_VERBS] = {
  [SC_VERB_APPLY] = { "apply", SC_ACTION_APPLY, TRUE, LP_STEP_ACTIVATE,
    { INVALID, CHANGE (ACTIVE), CHANGE (ACTIVE), HOLDS (ACTIVE), HOLDS (ACCEPTED) } },
  [SC_VERB_LOAD] = { "apply", SC_ACTION_APPLY, TRUE, LP_STEP_LOAD,
    { INVALID, CHANGE (DEACTIVATED), HOLDS (DEACTIVATED), INVALID, INVALID } },
  [SC_VERB_ACTIVATE] = { "activate", SC_ACTION_APPLY, TRUE, LP_STEP_ACTIVATE,
    { INVALID, INVALID, CHANGE (ACTIVE), HOLDS (ACTIVE), HOLDS (ACCEPTED) } },
  [SC_VERB_DEACTIVATE] = { "deactivate", SC_ACTION_WITHDRAW, TRUE, LP_STEP_DEACTIVATE,
    { INVALID, INVALID, HOLDS (DEACTIVATED), CHANGE (DEACTIVATED), CHANGE (DEACTIVATED) } },
  [SC_VERB_REMOVE] = { "remove", SC_ACTION_WITHDRAW, TRUE, LP_STEP_UNLOAD,
    { INVALID, HOLDS (NOT_APPLIED), CHANGE (NOT_APPLIED), CHANGE (NOT_APPLIED), CHANGE (NOT_APPLIED) } },
  [SC_VERB_ACCEPT] = { "accept", SC_ACTION_ACCEPT, FALSE, LP_STEP_LOAD,
    { INVALID, INVALID, INVALID, CHANGE (ACCEPTED), HOLDS (ACCEPTED) } },
  [SC_VERB_REVOKE] = { "revoke", SC_ACTION_ACCEPT, FALSE, LP_STEP_LOAD,
    { INVALID, INVALID, INVALID, HOLDS (ACTIVE), CHANGE (ACTIVE) } },
};

static const char *const actions[][2] = {
  [SC_ACTION_APPLY] = { "org.openeuler.syscare1.apply-user", "org.openeuler.syscare1.apply-kernel" },
  [SC_ACTION_WITHDRAW] = { "org.openeuler.syscare1.withdraw-user", "org.openeuler.syscare1.withdraw-kernel" },
  [SC_ACTION_ACCEPT] = { "org.openeuler.syscare1.accept-user", "org.openeuler.syscare1.accept-kernel" },
};
/* clang-format on */

const ScVerbRow *
sc_verb_row (ScVerb verb)
{
  return &verb_table[verb];
}

const ScTransition *
sc_verb_transition (ScVerb verb, LpState state)
{
  return &verb_table[verb].from[state];
}

gboolean
sc_verb_from_word (const char *word, gboolean activate, ScVerb *verb, GError **error)
{
  for (guint i = 0; i < SC_N_VERBS; i++)
    if (i != SC_VERB_LOAD && g_str_equal (verb_table[i].word, word))
      {
        *verb = i == SC_VERB_APPLY && !activate ? SC_VERB_LOAD : (ScVerb)i;
        return TRUE;
      }

  lp_error_set (error, LP_ERROR_INVALID_ARGS,
                "verbs are apply, activate, deactivate, remove, accept and revoke", "\"%.64s\" is not a verb",
                word);
  return FALSE;
}

const char *
sc_verb_action (ScVerb verb, const char *kind)
{
  return actions[verb_table[verb].action][g_str_equal (kind, "kernel") ? 1 : 0];
}

static char *
possible_verbs (LpState state)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new ();

  for (guint i = 0; i < SC_N_VERBS; i++)
    if (i != SC_VERB_LOAD && verb_table[i].from[state].outcome == SC_OUTCOME_CHANGE)
      g_ptr_array_add (words, (char *)verb_table[i].word);
  if (words->len == 0)
    return NULL;
  g_ptr_array_add (words, NULL);
  g_autofree char *list = g_strjoinv (", ", (char **)words->pdata);
  return g_strdup_printf ("possible now: %s", list);
}

void
sc_verb_set_invalid_state (ScVerb verb, LpState state, const char *name, GError **error)
{
  g_autofree char *hint = possible_verbs (state);

  lp_error_set (error, LP_ERROR_INVALID_STATE, hint, "%s: %s is not possible while the patch is %s", name,
                verb_table[verb].word, lp_state_word (state));
}
