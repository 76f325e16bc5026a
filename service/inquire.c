/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The questions that change nothing: CanPerform and Check. Must not know bus types. */
#include "submit.h"

#include "error-names.h"
#include "facts.h"
#include "plan.h"
#include "questions.h"
#include "wire.h"
#include "worker-client.h"

#define CHECK_DEADLINE 60 /* seconds */

typedef struct {
  ScService *service;
  ScCaller *caller;
  ScVerb verb;
  gboolean force;
  ScCallOptions *options;
  GStrv paths;
  GPtrArray *patches;
  GPtrArray *questions;
  GArray *groups;
  GVariantBuilder findings;
} ScInquiry;

static void
inquiry_free (gpointer data)
{
  ScInquiry *inquiry = data;

  g_clear_pointer (&inquiry->caller, sc_caller_unref);
  sc_call_options_free (inquiry->options);
  g_strfreev (inquiry->paths);
  g_clear_pointer (&inquiry->patches, g_ptr_array_unref);
  g_clear_pointer (&inquiry->questions, g_ptr_array_unref);
  g_clear_pointer (&inquiry->groups, g_array_unref);
  g_variant_builder_clear (&inquiry->findings);
  g_free (inquiry);
}

static GTask *
inquiry_new (ScService *service, ScVerb verb, const char *const *paths, GAsyncReadyCallback callback,
             gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  ScInquiry *inquiry = g_new0 (ScInquiry, 1);

  inquiry->service = service;
  inquiry->verb = verb;
  inquiry->paths = g_strdupv ((char **)paths);
  g_variant_builder_init (&inquiry->findings, G_VARIANT_TYPE ("aa{sv}"));
  g_task_set_task_data (task, inquiry, inquiry_free);
  return task;
}

/* Waits for the truth, then resolves; FALSE when @task was answered with an error. */
static gboolean
resolve (GTask *task, GAsyncResult *result)
{
  ScInquiry *inquiry = g_task_get_task_data (task);
  GError *error = NULL;

  sc_truth_refresh_finish (inquiry->service->truth, result);
  inquiry->patches = sc_service_resolve (inquiry->service, (const char *const *)inquiry->paths, &error);
  if (inquiry->patches == NULL)
    g_task_return_error (task, error);
  return inquiry->patches != NULL;
}

/* ---- CanPerform ---- */

static ScAnswer
answer_for_patch (const ScInquiry *inquiry, const GArray *answers, guint i)
{
  guint group = g_array_index (inquiry->groups, guint, i);
  guint groups = inquiry->force ? inquiry->questions->len / 2 : inquiry->questions->len;
  ScAnswer answer = g_array_index (answers, ScAnswer, group);

  if (inquiry->force) /* the questions for force stand behind, in the same order */
    answer = MIN (answer, g_array_index (answers, ScAnswer, group + groups));
  return answer;
}

static void
on_peeked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static const char *const words[] = { "no", "challenge", "yes" };
  g_autoptr (GTask) task = user_data;
  ScInquiry *inquiry = g_task_get_task_data (task);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  GError *error = NULL;
  g_autoptr (GArray) answers = sc_authority_peek_finish (result, &error);

  if (answers == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  for (guint i = 0; i < inquiry->patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (inquiry->patches, i);

      if (sc_verb_transition (inquiry->verb, patch->state)->outcome == SC_OUTCOME_INVALID)
        g_strv_builder_add (builder, "invalid-state");
      else
        g_strv_builder_add (builder, words[answer_for_patch (inquiry, answers, i)]);
    }
  g_task_return_pointer (task, g_strv_builder_end (builder), (GDestroyNotify)g_strfreev);
}

static void
on_facts (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScInquiry *inquiry = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GPtrArray) facts = sc_facts_finish (result, &error);

  if (facts == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  inquiry->questions
      = sc_questions_new (inquiry->verb, inquiry->patches, facts, inquiry->force, &inquiry->groups);
  sc_authority_peek_async (inquiry->service->authority, inquiry->caller, inquiry->questions, on_peeked,
                           g_steal_pointer (&task));
}

static void
on_truth_for_can (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScInquiry *inquiry = g_task_get_task_data (task);
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);

  if (!resolve (task, result))
    return;
  for (guint i = 0; i < inquiry->patches->len; i++)
    g_ptr_array_add (infos, sc_patch_info_ref (((ScPatch *)g_ptr_array_index (inquiry->patches, i))->info));
  sc_facts_async (infos, inquiry->caller->gone, on_facts, g_steal_pointer (&task));
}

void
sc_can_perform_async (ScService *service, ScCaller *caller, ScVerb verb, const char *const *paths,
                      gboolean force, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = inquiry_new (service, verb, paths, callback, user_data);
  ScInquiry *inquiry = g_task_get_task_data (task);

  inquiry->caller = sc_caller_ref (caller);
  inquiry->force = force;
  sc_truth_refresh_async (service->truth, SC_FRESH_ENOUGH, on_truth_for_can, task);
}

GStrv
sc_can_perform_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* ---- Check ---- */

static void
add_finding (ScInquiry *inquiry, const ScPatch *patch, const char *severity, const char *finding,
             const GError *error, JsonObject *process)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Patch", "o", patch->path);
  g_variant_dict_insert (&dict, "Severity", "s", severity);
  g_variant_dict_insert (&dict, "Finding", "s", finding);
  g_variant_dict_insert (&dict, "ErrorName", "s", error != NULL ? sc_error_name (error) : "");
  g_variant_dict_insert (&dict, "Message", "s", error != NULL ? error->message : "");
  if (process != NULL)
    {
      g_variant_dict_insert (&dict, "Message", "s", sc_wire_string (process, "reason"));
      g_variant_dict_insert (&dict, "ErrorName", "s",
                             sc_error_name_for_short (sc_wire_string (process, "error")));
      g_variant_dict_insert (&dict, "Pid", "u", (guint32)sc_wire_int (process, "pid"));
      g_variant_dict_insert (&dict, "Command", "s", sc_wire_string (process, "command"));
      g_variant_dict_insert (&dict, "Detail", "s", sc_wire_string (process, "detail"));
    }
  g_variant_builder_add_value (&inquiry->findings, g_variant_dict_end (&dict));
}

static void
return_findings (GTask *task)
{
  ScInquiry *inquiry = g_task_get_task_data (task);
  GVariant *findings = g_variant_ref_sink (g_variant_builder_end (&inquiry->findings));

  g_variant_builder_init (&inquiry->findings, G_VARIANT_TYPE ("aa{sv}"));
  g_task_return_pointer (task, findings, (GDestroyNotify)g_variant_unref);
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScInquiry *inquiry = g_task_get_task_data (task);
  g_autoptr (JsonObject) reply = NULL;
  g_autoptr (GError) error = NULL;
  const ScPatch *first = g_ptr_array_index (inquiry->patches, 0);

  if (!sc_worker_run_finish (result, &reply, &error))
    {
      add_finding (inquiry, first, "error", "refused", error, NULL);
      return_findings (task);
      return;
    }
  JsonArray *processes = sc_wire_array (reply, "processes");
  for (guint i = 0; processes != NULL && i < json_array_get_length (processes); i++)
    {
      JsonObject *process = sc_wire_element (processes, i);

      if (process != NULL && !sc_wire_bool (process, "fine"))
        add_finding (inquiry, first, "warning", sc_wire_string (process, "status"), NULL, process);
    }
  for (guint i = 0; i < inquiry->patches->len; i++)
    add_finding (inquiry, g_ptr_array_index (inquiry->patches, i), "ok", "ready", NULL, NULL);
  return_findings (task);
}

/* What needs no look into processes; whether anything is left to be looked at. */
static gboolean
check_plans (ScInquiry *inquiry)
{
  gboolean sound = TRUE;

  for (guint i = 0; i < inquiry->patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (inquiry->patches, i);
      g_autoptr (GPtrArray) one = g_ptr_array_new ();
      g_autoptr (GError) error = NULL;

      g_ptr_array_add (one, patch);
      g_autoptr (GPtrArray) plan = sc_plan_new (inquiry->verb, one, inquiry->options, &error);
      if (plan == NULL)
        add_finding (inquiry, patch, "error", "refused", error, NULL);
      else if (((ScPlanEntry *)g_ptr_array_index (plan, 0))->unchanged)
        add_finding (inquiry, patch, "info", "unchanged", NULL, NULL);
      sound &= plan != NULL;
      for (guint k = 0; plan != NULL && patch->problems[k] != NULL; k++)
        add_finding (inquiry, patch, "warning", patch->problems[k], NULL, NULL);
    }
  return sound;
}

static void
on_truth_for_check (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScInquiry *inquiry = g_task_get_task_data (task);
  ScService *service = inquiry->service;

  if (!resolve (task, result))
    return;
  if (!check_plans (inquiry))
    {
      return_findings (task);
      return;
    }

  g_autoptr (GPtrArray) plan = sc_plan_new (inquiry->verb, inquiry->patches, inquiry->options, NULL);
  if (plan == NULL || !sc_plan_has_step (plan))
    {
      for (guint i = 0; plan != NULL && i < plan->len; i++)
        if (!((ScPlanEntry *)g_ptr_array_index (plan, i))->unchanged)
          add_finding (inquiry, ((ScPlanEntry *)g_ptr_array_index (plan, i))->patch, "ok", "ready", NULL,
                       NULL);
      return_findings (task);
      return;
    }
  g_autoptr (JsonObject) request
      = sc_service_worker_request (service, sc_plan_is_kernel (plan) ? "check-kernel" : "check");
  sc_plan_fill_request (plan, inquiry->verb, inquiry->options, service->settings->busy_timeout, request);
  sc_worker_run_async (service->paths.worker, request, CHECK_DEADLINE, NULL, NULL, NULL, on_checked,
                       g_steal_pointer (&task));
}

void
sc_check_async (ScService *service, ScVerb verb, const char *const *paths, ScCallOptions *options,
                GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = inquiry_new (service, verb, paths, callback, user_data);
  ScInquiry *inquiry = g_task_get_task_data (task);

  inquiry->options = options;
  sc_truth_refresh_async (service->truth, SC_FRESH_ENOUGH, on_truth_for_check, task);
}

GVariant *
sc_check_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
