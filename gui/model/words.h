/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus's words in the reader's language, with the icon and the style class that go with them.
 * Must not know widgets: icons and style classes are names. Words that aren't known yet are shown as they
 * came. */
#pragma once

#include "patch.h"

G_BEGIN_DECLS

typedef struct {
  const char *word; /* translated */
  const char *icon;
  const char *style; /* CSS class */
} ScWord;

ScWord sc_word_state (ScState state);
ScWord sc_word_severity (ScSeverity severity);
ScWord sc_word_kind (ScKind kind);
ScWord sc_word_process (const char *status);   /* patched, unpatched, pending, unpatchable, failed ... */
ScWord sc_word_finding (const char *severity); /* ok, info, warning, error */
ScWord sc_word_result (const char *result);    /* succeeded, unchanged, failed, rolled-back, denied */

/* One sentence about the patch's state and its processes: "The new code runs in 3 of 4 processes." Caller
 * frees. */
char *sc_words_summary (ScPatch *patch);

/* What the word in Patch.Problems of a patch of @kind means, and what to do about it; borrowed, translated.
 * @advice may be NULL. */
const char *sc_words_problem (const char *problem, ScKind kind, const char **advice);

/* TRUE when nobody needs to do anything about it. */
gboolean sc_words_problem_is_harmless (const char *problem);

/* What a running job does at the moment ("Looking for processes"); @phase as it came when it isn't known. */
const char *sc_words_phase (const char *phase, const char *state);

/* A moment (microseconds since the epoch) in the reader's time zone and form; "" for 0. Caller frees. */
char *sc_words_time (guint64 moment);

/* "HP001" for one patch, "3 patches" for several. Caller frees. */
char *sc_words_patches (GPtrArray *patches);

/* What the trouble in Manager.Degraded ("WORD: sentence") means. Caller frees. */
char *sc_words_degraded (const char *trouble);

G_END_DECLS
