/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of the interface as one table; see verbs.h. */
#include "verbs.h"

#include <glib/gi18n.h>

#define IN(state) (1u << SC_STATE_##state)

static const ScVerbInfo verbs[SC_N_VERBS] = {
  [SC_VERB_APPLY] = {
    .word = "apply",
    .label = N_("_Apply…"),
    .explanation = N_("Checks the patch, loads it and puts the new code in effect"),
    .off_reason = N_("It is applied already"),
    .from = IN (NOT_APPLIED),
    .done = N_("%s applied"),
    .doing = N_("Applying %s"),
  },
  [SC_VERB_ACTIVATE] = {
    .word = "activate",
    .label = N_("A_ctivate"),
    .explanation = N_("Puts the new code in effect"),
    .off_reason = N_("Only a deactivated patch can be activated"),
    .from = IN (DEACTIVATED),
    .done = N_("%s activated"),
    .doing = N_("Activating %s"),
  },
  [SC_VERB_ACCEPT] = {
    .word = "accept",
    .label = N_("Accep_t"),
    .explanation = N_("Makes the patch come back after a reboot"),
    .off_reason = N_("Only an active patch can be accepted"),
    .from = IN (ACTIVE),
    .done = N_("%s accepted: it comes back after a reboot"),
    .doing = N_("Accepting %s"),
  },
  [SC_VERB_REVOKE] = {
    .word = "revoke",
    .label = N_("Re_voke…"),
    .explanation = N_("Keeps the patch active until the next reboot only"),
    .off_reason = N_("Only an accepted patch can be revoked"),
    .from = IN (ACCEPTED),
    .confirm = TRUE,
    .question = N_("Revoke %s?"),
    .done = N_("%s revoked: it is gone after a reboot"),
    .doing = N_("Revoking %s"),
  },
  [SC_VERB_DEACTIVATE] = {
    .word = "deactivate",
    .label = N_("_Deactivate…"),
    .explanation = N_("Puts the original code back, the patch stays loaded"),
    .off_reason = N_("Only an active or accepted patch can be deactivated"),
    .from = IN (ACTIVE) | IN (ACCEPTED),
    .confirm = TRUE,
    .question = N_("Deactivate %s?"),
    .done = N_("%s deactivated"),
    .doing = N_("Deactivating %s"),
  },
  [SC_VERB_REMOVE] = {
    .word = "remove",
    .label = N_("_Remove…"),
    .explanation = N_("Puts the original code back and unloads the patch"),
    .off_reason = N_("It isn’t applied, so there is nothing to remove"),
    .from = IN (DEACTIVATED) | IN (ACTIVE) | IN (ACCEPTED),
    .confirm = TRUE,
    .question = N_("Remove %s?"),
    .done = N_("%s removed"),
    .doing = N_("Removing %s"),
  },
};

const ScVerbInfo *
sc_verb_info (ScVerb verb)
{
  return &verbs[verb];
}

char *
sc_verb_noun (const char *word)
{
  static const struct {
    const char *word;
    const char *noun;
  } nouns[] = {
    { "apply", N_ ("Apply") },     { "activate", N_ ("Activate") }, { "accept", N_ ("Accept") },
    { "revoke", N_ ("Revoke") },   { "remove", N_ ("Remove") },     { "deactivate", N_ ("Deactivate") },
    { "install", N_ ("Install") }, { "restore", N_ ("Restore") },   { "uninstall", N_ ("Uninstall") },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (nouns); i++)
    if (g_str_equal (nouns[i].word, word))
      return g_strdup (_ (nouns[i].noun));
  return g_strdup (word);
}

/* @template with @object in the place of its "%s"; translators may leave that out. */
static char *
fill (const char *template, const char *object)
{
  g_auto (GStrv) parts = g_strsplit (template, "%s", 2);

  return g_strjoinv (object, parts);
}

char *
sc_verb_question (ScVerb verb, const char *object)
{
  return fill (_ (verbs[verb].question), object);
}

char *
sc_verb_done (ScVerb verb, const char *object)
{
  return fill (_ (verbs[verb].done), object);
}

char *
sc_verb_doing (const char *word, const char *object)
{
  for (gsize i = 0; i < SC_N_VERBS; i++)
    if (g_str_equal (verbs[i].word, word))
      return fill (_ (verbs[i].doing), object);
  if (g_str_equal (word, "install"))
    return g_strdup (_ ("Installing a patch"));
  if (g_str_equal (word, "uninstall"))
    return g_strdup_printf (_ ("Uninstalling %s"), object);
  if (g_str_equal (word, "restore"))
    return g_strdup (_ ("Restoring accepted patches"));
  return g_strdup_printf (_ ("Working on %s"), object);
}

gboolean
sc_verb_is_from (ScVerb verb, ScState state)
{
  return (verbs[verb].from & (1u << state)) != 0;
}

gboolean
sc_verb_fits (ScVerb verb, ScPatch *patch)
{
  ScState state = sc_patch_get_state (patch);
  gboolean in_effect = state == SC_STATE_ACTIVE || state == SC_STATE_ACCEPTED;

  if (sc_patch_has_problem (patch, "foreign"))
    return FALSE;
  if (verb == SC_VERB_ACTIVATE && in_effect
      && (sc_patch_has_problem (patch, "processes-unpatched") || sc_patch_has_problem (patch, "not-loaded")))
    return TRUE;
  return sc_verb_is_from (verb, state);
}

/* Ways back, as the table of states gives them. */
guint
sc_verb_steps (ScState from, ScState to, ScStep steps[2])
{
  static const struct {
    ScState from;
    ScState to;
    guint n;
    ScStep steps[2];
  } ways[] = {
    { SC_STATE_NOT_APPLIED, SC_STATE_DEACTIVATED, 1, { { SC_VERB_APPLY, TRUE } } },
    { SC_STATE_NOT_APPLIED, SC_STATE_ACTIVE, 1, { { SC_VERB_APPLY } } },
    { SC_STATE_NOT_APPLIED, SC_STATE_ACCEPTED, 2, { { SC_VERB_APPLY }, { SC_VERB_ACCEPT } } },
    { SC_STATE_DEACTIVATED, SC_STATE_NOT_APPLIED, 1, { { SC_VERB_REMOVE } } },
    { SC_STATE_DEACTIVATED, SC_STATE_ACTIVE, 1, { { SC_VERB_ACTIVATE } } },
    { SC_STATE_DEACTIVATED, SC_STATE_ACCEPTED, 2, { { SC_VERB_ACTIVATE }, { SC_VERB_ACCEPT } } },
    { SC_STATE_ACTIVE, SC_STATE_NOT_APPLIED, 1, { { SC_VERB_REMOVE } } },
    { SC_STATE_ACTIVE, SC_STATE_DEACTIVATED, 1, { { SC_VERB_DEACTIVATE } } },
    { SC_STATE_ACTIVE, SC_STATE_ACCEPTED, 1, { { SC_VERB_ACCEPT } } },
    { SC_STATE_ACCEPTED, SC_STATE_NOT_APPLIED, 1, { { SC_VERB_REMOVE } } },
    { SC_STATE_ACCEPTED, SC_STATE_DEACTIVATED, 1, { { SC_VERB_DEACTIVATE } } },
    { SC_STATE_ACCEPTED, SC_STATE_ACTIVE, 1, { { SC_VERB_REVOKE } } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    if (ways[i].from == from && ways[i].to == to)
      {
        steps[0] = ways[i].steps[0];
        steps[1] = ways[i].steps[1];
        return ways[i].n;
      }
  return 0;
}
