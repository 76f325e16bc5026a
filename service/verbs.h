/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of states and verbs: which verb leads from which state to which, by which engine step.
 * Must not know patches, processes or the bus. */
#pragma once

#include "store/store.h"
#include "user/engine.h"

typedef enum {
  SC_VERB_APPLY,
  SC_VERB_LOAD, /* apply with activate=false: a row of its own, the same word */
  SC_VERB_ACTIVATE,
  SC_VERB_DEACTIVATE,
  SC_VERB_REMOVE,
  SC_VERB_ACCEPT,
  SC_VERB_REVOKE,
} ScVerb;

#define SC_N_VERBS (SC_VERB_REVOKE + 1)
#define SC_N_STATES (LP_STATE_ACCEPTED + 1)

typedef enum {
  SC_OUTCOME_INVALID,   /* the pair isn't in the contract's table */
  SC_OUTCOME_CHANGE,    /* do the step, then wish for the result */
  SC_OUTCOME_UNCHANGED, /* the result already holds */
} ScOutcome;

typedef struct {
  ScOutcome outcome;
  LpState result; /* the state afterwards; LP_STATE_UNKNOWN for invalid pairs */
} ScTransition;

/* Which polkit action a verb needs; the kind (user, kernel) makes the other half of the name. */
typedef enum { SC_ACTION_APPLY, SC_ACTION_WITHDRAW, SC_ACTION_ACCEPT } ScActionClass;

typedef struct {
  const char *word; /* as on the bus and in the history */
  ScActionClass action;
  gboolean has_step; /* FALSE: only the record changes, no process is touched */
  LpStep step;
  ScTransition from[SC_N_STATES];
} ScVerbRow;

/* The row of @verb, never NULL. */
const ScVerbRow *sc_verb_row (ScVerb verb);

/* What @verb does to a patch in @state, never NULL. */
const ScTransition *sc_verb_transition (ScVerb verb, LpState state);

/* The verb for @word; @activate FALSE turns apply into SC_VERB_LOAD. Errors: LP_ERROR_INVALID_ARGS. */
gboolean sc_verb_from_word (const char *word, gboolean activate, ScVerb *verb, GError **error);

/* The polkit action of @verb for a patch of @kind ("user", "kernel"), static. */
const char *sc_verb_action (ScVerb verb, const char *kind);

/* Fails with LP_ERROR_INVALID_STATE, naming the patch, its state and what would be possible. */
void sc_verb_set_invalid_state (ScVerb verb, LpState state, const char *name, GError **error);
