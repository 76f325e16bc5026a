/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts single questions to polkit. A polkit that isn't there means no, for everybody. Must not know patches.
 */
#include "authority.h"

#include "base/error.h"
#include "log.h"

#include <polkit/polkit.h>

/* A question that isn't put to a user is answered at once, or polkit hangs. Callers wait 25 s by default. */
#define SILENT_SECONDS 20

struct ScAuthority {
  PolkitAuthority *polkit; /* NULL until first needed */
  char *trouble;           /* why it didn't answer the last question, NULL when it did */
  void (*changed) (gpointer user_data);
  gpointer user_data;
};

ScQuestion *
sc_question_new (const char *action)
{
  ScQuestion *question = g_new0 (ScQuestion, 1);

  question->action = action;
  question->details = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  return question;
}

void
sc_question_set (ScQuestion *question, const char *key, const char *value)
{
  g_hash_table_replace (question->details, (gpointer)g_intern_string (key),
                        g_strdup (value != NULL ? value : ""));
}

gboolean
sc_question_equal (const ScQuestion *a, const ScQuestion *b)
{
  GHashTableIter iter;
  gpointer key, value;

  if (!g_str_equal (a->action, b->action) || g_hash_table_size (a->details) != g_hash_table_size (b->details))
    return FALSE;
  g_hash_table_iter_init (&iter, a->details);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (g_strcmp0 (g_hash_table_lookup (b->details, key), value) != 0)
      return FALSE;
  return TRUE;
}

void
sc_question_free (ScQuestion *question)
{
  if (question == NULL)
    return;
  g_hash_table_unref (question->details);
  g_free (question);
}

ScAuthority *
sc_authority_new (void (*changed) (gpointer user_data), gpointer user_data)
{
  ScAuthority *authority = g_new0 (ScAuthority, 1);

  authority->changed = changed;
  authority->user_data = user_data;
  return authority;
}

const char *
sc_authority_trouble (const ScAuthority *authority)
{
  return authority->trouble;
}

static void
set_trouble (ScAuthority *authority, const char *trouble)
{
  if (g_strcmp0 (authority->trouble, trouble) == 0)
    return;
  g_free (authority->trouble);
  authority->trouble = g_strdup (trouble);
  authority->changed (authority->user_data);
}

void
sc_authority_free (ScAuthority *authority)
{
  if (authority == NULL)
    return;
  g_clear_object (&authority->polkit);
  g_free (authority->trouble);
  g_free (authority);
}

/* One question on its way. */
typedef struct {
  ScAuthority *authority;
  ScCaller *caller;
  const char *action;
  char *verb;
  char *patch;
  PolkitDetails *details;
  ScAskHow how;
  ScAnswer answer;
  GSource *gone;    /* while it is open: the caller leaves */
  GSource *silence; /* and: polkit takes too long */
  gboolean is_over; /* polkit's answer doesn't matter any more */
} ScAsk;

static void
ask_free (gpointer data)
{
  ScAsk *ask = data;

  sc_caller_unref (ask->caller);
  g_free (ask->verb);
  g_free (ask->patch);
  g_object_unref (ask->details);
  g_free (ask);
}

static void
drop_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_source_unref (g_steal_pointer (source));
}

/* FALSE: it was over before. */
static gboolean
end_question (ScAsk *ask)
{
  gboolean is_first = !ask->is_over;

  drop_source (&ask->gone);
  drop_source (&ask->silence);
  ask->is_over = TRUE;
  return is_first;
}

static void
record (const ScAsk *ask, const char *decision)
{
  const ScLogFields fields = {
    .patch = ask->patch, .verb = ask->verb, .action = ask->action, .result = decision, .caller = ask->caller
  };

  sc_log (ask->how == SC_ASK_PEEK ? G_LOG_LEVEL_DEBUG : G_LOG_LEVEL_INFO, SC_MESSAGE_DECISION, &fields,
          "polkit: %s for uid %u (login uid %d): %s%s", ask->action, ask->caller->uid,
          (int)ask->caller->login_uid, decision, ask->how == SC_ASK_INTERACTIVELY ? " (asked)" : "");
}

static void
return_left (GTask *task)
{
  record (g_task_get_task_data (task), "caller left");
  g_task_return_new_error (task, LP_ERROR, LP_ERROR_CANCELLED, "the caller left the bus");
}

static void
return_failure (GTask *task, const char *reason)
{
  ScAsk *ask = g_task_get_task_data (task);

  if (g_cancellable_is_cancelled (ask->caller->gone))
    {
      return_left (task);
      return;
    }
  record (ask, "polkit failed");
  set_trouble (ask->authority, reason);
  g_task_return_new_error (task, LP_ERROR, LP_ERROR_ACCESS_DENIED,
                           "nobody can be authorised, because polkit does not answer: %s\n"
                           "install polkit, or see why it doesn't start (journalctl -u polkit)",
                           reason);
}

static gboolean
on_gone (GCancellable *cancellable, gpointer task)
{
  if (end_question (g_task_get_task_data (task)))
    return_left (task);
  return G_SOURCE_REMOVE;
}

static gboolean
on_silence (gpointer task)
{
  if (end_question (g_task_get_task_data (task)))
    return_failure (task, "it has been asked for 20 seconds");
  return G_SOURCE_REMOVE;
}

static void
watch_question (GTask *task)
{
  ScAsk *ask = g_task_get_task_data (task);

  ask->gone = g_cancellable_source_new (ask->caller->gone);
  g_source_set_callback (ask->gone, G_SOURCE_FUNC (on_gone), g_object_ref (task), g_object_unref);
  g_source_attach (ask->gone, g_main_context_get_thread_default ());
  if (ask->how == SC_ASK_INTERACTIVELY)
    return;
  ask->silence = g_timeout_source_new_seconds (SILENT_SECONDS);
  g_source_set_callback (ask->silence, on_silence, g_object_ref (task), g_object_unref);
  g_source_attach (ask->silence, g_main_context_get_thread_default ());
}

static ScAnswer
read_answer (PolkitAuthorizationResult *result)
{
  if (polkit_authorization_result_get_is_authorized (result))
    return SC_ANSWER_YES;
  return polkit_authorization_result_get_is_challenge (result) ? SC_ANSWER_CHALLENGE : SC_ANSWER_NO;
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static const char *const words[] = { "no", "challenge", "yes" };
  g_autoptr (GTask) task = user_data;
  ScAsk *ask = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (PolkitAuthorizationResult) answer
      = polkit_authority_check_authorization_finish (POLKIT_AUTHORITY (source), result, &error);

  if (!end_question (ask))
    return;
  if (answer == NULL)
    {
      return_failure (task, error->message);
      return;
    }
  ask->answer = read_answer (answer);
  set_trouble (ask->authority, NULL);
  record (ask, words[ask->answer]);
  g_task_return_boolean (task, TRUE);
}

/* polkit takes a question back by itself when the one whom it is about leaves the bus. It isn't asked to do
 * so as well: the two together make polkitd 122 with GLib 2.74 wait for itself, with all that need it
 * (g_cancellable_cancel() calls what needs the connection's lock, which the answer of the first has and waits
 * in g_cancellable_disconnect()). */
static void
send_question (GTask *task)
{
  ScAsk *ask = g_task_get_task_data (task);
  g_autoptr (PolkitSubject) subject = polkit_system_bus_name_new (ask->caller->sender);

  polkit_authority_check_authorization (ask->authority->polkit, subject, ask->action, ask->details,
                                        ask->how == SC_ASK_INTERACTIVELY
                                            ? POLKIT_CHECK_AUTHORIZATION_FLAGS_ALLOW_USER_INTERACTION
                                            : POLKIT_CHECK_AUTHORIZATION_FLAGS_NONE,
                                        /* cancellable= */ NULL, on_answer, task);
}

static void
on_polkit (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScAsk *ask = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (PolkitAuthority) polkit = polkit_authority_get_finish (result, &error);

  if (ask->is_over)
    return;
  if (polkit == NULL)
    {
      end_question (ask);
      return_failure (task, error->message);
      return;
    }
  g_set_object (&ask->authority->polkit, polkit);
  send_question (g_steal_pointer (&task));
}

static PolkitDetails *
make_details (const ScQuestion *question)
{
  PolkitDetails *details = polkit_details_new ();
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, question->details);
  while (g_hash_table_iter_next (&iter, &key, &value))
    polkit_details_insert (details, key, value);
  return details;
}

void
sc_authority_ask_async (ScAuthority *authority, ScCaller *caller, const ScQuestion *question, ScAskHow how,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  ScAsk *ask = g_new0 (ScAsk, 1);

  ask->authority = authority;
  ask->caller = sc_caller_ref (caller);
  ask->action = question->action;
  ask->verb = g_strdup (g_hash_table_lookup (question->details, "verb"));
  ask->patch = g_strdup (g_hash_table_lookup (question->details, "patch.uuid"));
  ask->details = make_details (question);
  ask->how = how;
  g_task_set_task_data (task, ask, ask_free);
  watch_question (task);
  if (authority->polkit != NULL)
    send_question (task);
  else
    polkit_authority_get_async (NULL, on_polkit, task);
}

gboolean
sc_authority_ask_finish (GAsyncResult *result, ScAnswer *answer, GError **error)
{
  ScAsk *ask = g_task_get_task_data (G_TASK (result));

  *answer = ask->answer;
  return g_task_propagate_boolean (G_TASK (result), error);
}
