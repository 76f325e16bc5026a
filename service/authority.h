/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks polkit, always asynchronously, and records every answer. Must not know patches or the state table. */
#pragma once

#include "caller.h"

typedef struct ScAuthority ScAuthority;

/* One question: an action and the details that rules may look at. */
typedef struct {
  const char *action;  /* static */
  GHashTable *details; /* char* -> char* */
} ScQuestion;

typedef enum { SC_ANSWER_NO, SC_ANSWER_CHALLENGE, SC_ANSWER_YES } ScAnswer;

ScQuestion *sc_question_new (const char *action);
/* @value NULL counts as "". */
void sc_question_set (ScQuestion *question, const char *key, const char *value);
gboolean sc_question_equal (const ScQuestion *a, const ScQuestion *b);
void sc_question_free (ScQuestion *question);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScQuestion, sc_question_free)

/* @changed is called when polkit stops or begins to answer. */
ScAuthority *sc_authority_new (void (*changed) (gpointer user_data), gpointer user_data);
void sc_authority_free (ScAuthority *authority);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScAuthority, sc_authority_free)

/* Why polkit did not answer the last question; NULL when it did. */
const char *sc_authority_trouble (const ScAuthority *authority);

typedef enum {
  SC_ASK_PEEK,          /* nothing depends on the answer: recorded for debugging only */
  SC_ASK_SILENTLY,      /* recorded */
  SC_ASK_INTERACTIVELY, /* recorded; polkit may ask the user */
} ScAskHow;

/* One answer. Errors: LP_ERROR_ACCESS_DENIED (polkit is not there), LP_ERROR_CANCELLED (the caller left). */
void sc_authority_ask_async (ScAuthority *authority, ScCaller *caller, const ScQuestion *question,
                             ScAskHow how, GAsyncReadyCallback callback, gpointer user_data);
gboolean sc_authority_ask_finish (GAsyncResult *result, ScAnswer *answer, GError **error);

/* All of @questions (ScQuestion; takes a reference): each silently first; those that were not allowed are
 * asked together, one question per action, interactively if the caller allows that. @merge makes the common
 * question of several: from the questions of one action (array, borrowed) to a new one. Errors:
 * LP_ERROR_ACCESS_DENIED, LP_ERROR_AUTH_REQUIRED, LP_ERROR_CANCELLED. */
typedef ScQuestion *(*ScQuestionMerge) (GPtrArray *questions, gpointer user_data);
void sc_authority_require_async (ScAuthority *authority, ScCaller *caller, GPtrArray *questions,
                                 ScQuestionMerge merge, gpointer merge_data, GAsyncReadyCallback callback,
                                 gpointer user_data);
gboolean sc_authority_require_finish (GAsyncResult *result, GError **error);

/* One answer per element of @questions, never interactive: a GArray of ScAnswer. */
void sc_authority_peek_async (ScAuthority *authority, ScCaller *caller, GPtrArray *questions,
                              GAsyncReadyCallback callback, gpointer user_data);
GArray *sc_authority_peek_finish (GAsyncResult *result, GError **error);
