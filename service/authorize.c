/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts several questions to polkit in the order that the contract prescribes: silently first, then what is
 * left together. Must not know patches. */
#include "authority.h"

#include "base/error.h"

typedef struct {
  ScAuthority *authority;
  ScCaller *caller;
  GPtrArray *questions; /* ScQuestion; the second round replaces them */
  guint next;
  gboolean asking;       /* second round */
  ScQuestionMerge merge; /* NULL: only look */
  gpointer merge_data;
  GArray *answers; /* of the round */
} ScRounds;

static void ask_next (GTask *task);

static void
rounds_free (gpointer data)
{
  ScRounds *rounds = data;

  sc_caller_unref (rounds->caller);
  g_ptr_array_unref (rounds->questions);
  g_array_unref (rounds->answers);
  g_free (rounds);
}

static void
deny (GTask *task, const ScQuestion *question)
{
  g_task_return_new_error (task, LP_ERROR, LP_ERROR_ACCESS_DENIED, "not authorised: polkit denies %s",
                           question->action);
}

/* One question per action out of those that were answered with a challenge. */
static GPtrArray *
merge_challenged (const ScRounds *rounds)
{
  g_autoptr (GHashTable) done = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *merged = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_question_free);

  for (guint i = 0; i < rounds->questions->len; i++)
    {
      const ScQuestion *first = g_ptr_array_index (rounds->questions, i);
      g_autoptr (GPtrArray) same = g_ptr_array_new ();

      if (g_array_index (rounds->answers, ScAnswer, i) == SC_ANSWER_YES
          || !g_hash_table_add (done, (gpointer)first->action))
        continue;
      for (guint k = i; k < rounds->questions->len; k++)
        {
          ScQuestion *question = g_ptr_array_index (rounds->questions, k);

          if (g_array_index (rounds->answers, ScAnswer, k) != SC_ANSWER_YES
              && g_str_equal (question->action, first->action))
            g_ptr_array_add (same, question);
        }
      g_ptr_array_add (merged, rounds->merge (same, rounds->merge_data));
    }
  return merged;
}

static void
end_round (GTask *task)
{
  ScRounds *rounds = g_task_get_task_data (task);
  const ScQuestion *challenged = NULL;

  for (guint i = 0; i < rounds->questions->len; i++)
    {
      ScAnswer answer = g_array_index (rounds->answers, ScAnswer, i);

      if (answer == SC_ANSWER_NO)
        {
          deny (task, g_ptr_array_index (rounds->questions, i));
          return;
        }
      if (answer == SC_ANSWER_CHALLENGE && challenged == NULL)
        challenged = g_ptr_array_index (rounds->questions, i);
    }

  if (challenged == NULL)
    g_task_return_boolean (task, TRUE);
  else if (!rounds->caller->interactive)
    g_task_return_new_error (
        task, LP_ERROR, LP_ERROR_AUTH_REQUIRED,
        "authentication is needed for %s\nallow interactive authorization, or ask an administrator",
        challenged->action);
  else if (rounds->asking)
    g_task_return_new_error (task, LP_ERROR, LP_ERROR_AUTH_REQUIRED,
                             "authentication is needed for %s, and there is nobody to ask for the password\n"
                             "start a polkit agent (pkttyagent on a terminal)",
                             challenged->action);
  else
    {
      GPtrArray *merged = merge_challenged (rounds);

      g_ptr_array_unref (rounds->questions);
      rounds->questions = merged;
      rounds->asking = TRUE;
      rounds->next = 0;
      g_array_set_size (rounds->answers, 0);
      ask_next (g_object_ref (task));
    }
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScRounds *rounds = g_task_get_task_data (task);
  GError *error = NULL;
  ScAnswer answer;

  if (!sc_authority_ask_finish (result, &answer, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  g_array_append_val (rounds->answers, answer);
  rounds->next++;
  ask_next (g_steal_pointer (&task));
}

static ScAskHow
how_to_ask (const ScRounds *rounds)
{
  if (rounds->merge == NULL)
    return SC_ASK_PEEK;
  return rounds->asking ? SC_ASK_INTERACTIVELY : SC_ASK_SILENTLY;
}

/* Takes over the reference to @task. */
static void
ask_next (GTask *task)
{
  ScRounds *rounds = g_task_get_task_data (task);
  g_autoptr (GTask) owned = task;

  if (rounds->next < rounds->questions->len)
    sc_authority_ask_async (rounds->authority, rounds->caller,
                            g_ptr_array_index (rounds->questions, rounds->next), how_to_ask (rounds),
                            on_answer, g_steal_pointer (&owned));
  else if (rounds->merge != NULL)
    end_round (task);
  else
    g_task_return_pointer (task, g_array_ref (rounds->answers), (GDestroyNotify)g_array_unref);
}

static void
begin (ScAuthority *authority, ScCaller *caller, GPtrArray *questions, ScQuestionMerge merge,
       gpointer merge_data, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  ScRounds *rounds = g_new0 (ScRounds, 1);

  rounds->authority = authority;
  rounds->caller = sc_caller_ref (caller);
  rounds->questions = g_ptr_array_ref (questions);
  rounds->merge = merge;
  rounds->merge_data = merge_data;
  rounds->answers = g_array_new (FALSE, FALSE, sizeof (ScAnswer));
  g_task_set_task_data (task, rounds, rounds_free);
  ask_next (task);
}

void
sc_authority_require_async (ScAuthority *authority, ScCaller *caller, GPtrArray *questions,
                            ScQuestionMerge merge, gpointer merge_data, GAsyncReadyCallback callback,
                            gpointer user_data)
{
  begin (authority, caller, questions, merge, merge_data, callback, user_data);
}

gboolean
sc_authority_require_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
sc_authority_peek_async (ScAuthority *authority, ScCaller *caller, GPtrArray *questions,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  begin (authority, caller, questions, NULL, NULL, callback, user_data);
}

GArray *
sc_authority_peek_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
