/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of the interface as one table: words, icons, states, what undoes them.
 * Must not know the bus nor widgets. */
#pragma once

#include "patch.h"

G_BEGIN_DECLS

typedef enum {
  SC_VERB_APPLY,
  SC_VERB_ACTIVATE,
  SC_VERB_ACCEPT,
  SC_VERB_REVOKE,
  SC_VERB_DEACTIVATE,
  SC_VERB_REMOVE,
} ScVerb;

#define SC_N_VERBS (SC_VERB_REMOVE + 1)

typedef struct {
  const char *word;        /* on the bus */
  const char *label;       /* on a button, with mnemonic */
  const char *explanation; /* one sentence: what it does */
  const char *off_reason;  /* why it is off in all other states */
  guint from;              /* bit (1 << ScState) for each state in which it does something */
  gboolean confirm;        /* takes protection away: ask first */
  const char *question;    /* heading of that dialog; %s: the patch or "3 patches"; sc_verb_question() */
  const char *done;        /* toast; sc_verb_done() */
  const char *doing;       /* in the job bar; sc_verb_doing() */
} ScVerbInfo;

const ScVerbInfo *sc_verb_info (ScVerb verb);

/* Translated label of the verb that the bus calls @word; @word itself for one that isn't known. With
 * "install", "uninstall" and "restore". Caller frees. */
char *sc_verb_noun (const char *word);

/* "Deactivate HP001?" and "HP001 deactivated"; callers free. */
char *sc_verb_question (ScVerb verb, const char *object);
char *sc_verb_done (ScVerb verb, const char *object);

/* "Applying HP001"; @object is the patch's title or "3 patches". Caller frees. */
char *sc_verb_doing (const char *word, const char *object);

gboolean sc_verb_is_from (ScVerb verb, ScState state);

/* TRUE when @verb does something for @patch as it is now: by its state; activating, once more, for one that
 * some processes lack; nothing for a patch that something else loaded. */
gboolean sc_verb_fits (ScVerb verb, ScPatch *patch);

/* One step on the way back: @verb, and for apply whether it activates too. */
typedef struct {
  ScVerb verb;
  gboolean load_only;
} ScStep;

/* The steps that lead from @from to @to, at most two; returns how many, 0 when there is no way. */
guint sc_verb_steps (ScState from, ScState to, ScStep steps[2]);

G_END_DECLS
