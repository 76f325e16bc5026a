/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of one request, each an asynchronous call that leads to the next. Must not know bus types. */
#include "submit.h"

#include "facts.h"
#include "log.h"
#include "plan.h"
#include "questions.h"
#include "runner.h"
#include "worker-client.h"

#define CHECK_DEADLINE 60 /* seconds for a dry run */

/* What a patch was when the request was made. */
typedef struct {
  ScPatchInfo *info;
  LpState state;
} ScFrozen;

typedef struct {
  ScService *service;
  ScCaller *caller;
  ScVerb verb;
  ScCallOptions *options;
  GStrv paths;
  GPtrArray *patches; /* ScPatch as of the last resolution */
  GArray *frozen;     /* ScFrozen, same order as paths */
  ScJob *job;
} ScSubmission;

static void
frozen_clear (gpointer data)
{
  sc_patch_info_unref (((ScFrozen *)data)->info);
}

static void
submission_free (gpointer data)
{
  ScSubmission *submission = data;

  sc_caller_unref (submission->caller);
  sc_call_options_free (submission->options);
  g_strfreev (submission->paths);
  g_clear_pointer (&submission->patches, g_ptr_array_unref);
  g_array_unref (submission->frozen);
  g_clear_pointer (&submission->job, sc_job_unref);
  g_free (submission);
}

static gboolean
resolve (ScSubmission *submission, GError **error)
{
  GPtrArray *patches
      = sc_service_resolve (submission->service, (const char *const *)submission->paths, error);

  if (patches == NULL)
    return FALSE;
  g_clear_pointer (&submission->patches, g_ptr_array_unref);
  submission->patches = patches;
  return TRUE;
}

static gboolean
check_generation (const ScSubmission *submission, GError **error)
{
  guint64 generation = sc_catalog_generation (submission->service->catalog);

  if ((submission->options->given & SC_OPTION_EXPECTED_GENERATION) == 0
      || submission->options->expected_generation == generation)
    return TRUE;
  lp_error_set (error, LP_ERROR_CHANGED, "look again, then repeat the request",
                "the generation is %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT " as expected", generation,
                submission->options->expected_generation);
  return FALSE;
}

static void
freeze (ScSubmission *submission)
{
  for (guint i = 0; i < submission->patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (submission->patches, i);
      ScFrozen frozen = { sc_patch_info_ref (patch->info), patch->state };

      g_array_append_val (submission->frozen, frozen);
    }
}

/* Nothing of what was asked for may be different from what the question was about. */
static gboolean
compare_with_frozen (const ScSubmission *submission, GError **error)
{
  for (guint i = 0; i < submission->patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (submission->patches, i);
      const ScFrozen *frozen = &g_array_index (submission->frozen, ScFrozen, i);
      const char *what = NULL;

      if (!g_str_equal (patch->info->uuid, frozen->info->uuid)
          || !g_str_equal (patch->info->digest, frozen->info->digest)
          || !g_str_equal (patch->info->build_id, frozen->info->build_id)
          || !g_str_equal (patch->info->signer, frozen->info->signer)
          || !g_str_equal (patch->info->bundle_path, frozen->info->bundle_path))
        what = "the patch was replaced";
      else if (patch->state != frozen->state)
        what = "its state changed";
      if (what != NULL)
        {
          lp_error_set (error, LP_ERROR_CHANGED, "look again, then repeat the request", "%s: %s meanwhile",
                        frozen->info->name, what);
          return FALSE;
        }
    }
  return check_generation (submission, error);
}

static gboolean
check_not_busy (const ScSubmission *submission, GError **error)
{
  for (guint i = 0; i < submission->patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (submission->patches, i);

      if (patch->job != 0)
        {
          lp_error_set (error, LP_ERROR_BUSY, "wait until it has ended",
                        "%s: job %" G_GUINT64_FORMAT " is working on it", patch->info->name, patch->job);
          return FALSE;
        }
    }
  return TRUE;
}

/* A refusal is part of the history, too. */
static void
record_denial (const ScSubmission *submission, const GError *error)
{
  GPtrArray *records = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_history_record_free);

  for (guint i = 0; i < submission->frozen->len; i++)
    g_ptr_array_add (records, sc_history_record_new (submission->caller, sc_verb_row (submission->verb)->word,
                                                     g_array_index (submission->frozen, ScFrozen, i).info,
                                                     submission->options->reason, "denied", error));
  sc_records_write_async (submission->service->records, NULL, records, NULL, NULL);
}

/* Step 6: the pre-check is over; the job may begin. */
static void
on_checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScSubmission *submission = g_task_get_task_data (task);
  ScJob *job = submission->job;
  GError *error = NULL;

  if (result != NULL && sc_worker_run_finish (result, NULL, &error)
      && g_cancellable_is_cancelled (job->cancellable))
    lp_error_set (&error, LP_ERROR_CANCELLED, NULL, "cancelled before it began");
  if (error != NULL)
    {
      sc_service_drop_job (submission->service, job);
      g_task_return_error (task, error);
      return;
    }
  job->ready = TRUE;
  g_task_return_pointer (task, sc_job_ref (job), (GDestroyNotify)sc_job_unref);
  sc_queue_advance (submission->service->queue);
}

/* Step 5: pre-check, by the worker where files or processes must be looked at. */
static void
check_beforehand (GTask *task)
{
  ScSubmission *submission = g_task_get_task_data (task);
  ScService *service = submission->service;
  GError *error = NULL;
  g_autoptr (GPtrArray) plan
      = sc_plan_new (submission->verb, submission->patches, submission->job->options, &error);

  if (plan == NULL)
    {
      sc_service_drop_job (service, submission->job);
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  if (!sc_plan_has_step (plan))
    {
      on_checked (NULL, NULL, task);
      return;
    }
  g_autoptr (JsonObject) request
      = sc_service_worker_request (service, sc_plan_is_kernel (plan) ? "check-kernel" : "check");
  sc_plan_fill_request (plan, submission->verb, submission->job->options, service->settings->busy_timeout,
                        request);
  sc_worker_run_async (service->paths.worker, request, CHECK_DEADLINE, NULL, NULL, NULL, on_checked, task);
}

/* Step 4: allowed; compare with the present and take a place in the queue. */
static void
on_present_known (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScSubmission *submission = g_task_get_task_data (task);
  ScService *service = submission->service;
  const char *word = sc_verb_row (submission->verb)->word;
  GError *error = NULL;

  sc_truth_refresh_finish (service->truth, result);
  if (g_cancellable_is_cancelled (submission->caller->gone))
    lp_error_set (&error, LP_ERROR_CANCELLED, NULL, "the caller left the bus");
  else if (resolve (submission, &error) && compare_with_frozen (submission, &error))
    check_not_busy (submission, &error);
  if (error != NULL)
    {
      g_task_return_error (task, error);
      return;
    }

  ScJob *job = sc_service_add_job (service, word, submission->patches, submission->caller,
                                   g_steal_pointer (&submission->options));
  submission->job = sc_job_ref (job);
  job->verb = submission->verb;
  sc_runner_attach (service, job);
  if (!sc_queue_add (service->queue, job, &error))
    {
      sc_service_drop_job (service, job);
      g_task_return_error (task, error);
      return;
    }
  check_beforehand (g_steal_pointer (&task));
}

static void
on_authorized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScSubmission *submission = g_task_get_task_data (task);
  GError *error = NULL;

  if (!sc_authority_require_finish (result, &error))
    {
      record_denial (submission, error);
      g_task_return_error (task, error);
      return;
    }
  sc_truth_refresh_async (submission->service->truth, 0, on_present_known, g_steal_pointer (&task));
}

/* Step 3: ask polkit with what was verified. */
static void
on_facts (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScSubmission *submission = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GPtrArray) facts = sc_facts_finish (result, &error);

  if (facts == NULL)
    {
      g_clear_error (&error);
      g_task_return_new_error (task, LP_ERROR, LP_ERROR_CANCELLED, "the caller left the bus");
      return;
    }
  g_autoptr (GPtrArray) questions
      = sc_questions_new (submission->verb, submission->patches, facts, submission->options->force, NULL);
  sc_authority_require_async (submission->service->authority, submission->caller, questions,
                              sc_questions_merge, NULL, on_authorized, g_steal_pointer (&task));
}

static GPtrArray *
infos_of (GPtrArray *patches)
{
  GPtrArray *infos = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);

  for (guint i = 0; i < patches->len; i++)
    g_ptr_array_add (infos, sc_patch_info_ref (((ScPatch *)g_ptr_array_index (patches, i))->info));
  return infos;
}

/* Step 2: resolve and freeze. */
static void
on_truth (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScSubmission *submission = g_task_get_task_data (task);
  GError *error = NULL;

  sc_truth_refresh_finish (submission->service->truth, result);
  if (!resolve (submission, &error) || !check_generation (submission, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  freeze (submission);
  g_autoptr (GPtrArray) infos = infos_of (submission->patches);
  sc_facts_async (infos, submission->caller->gone, on_facts, g_steal_pointer (&task));
}

/* Step 1: the options are parsed; is there anything of that name at all? */
void
sc_submit_async (ScService *service, ScCaller *caller, ScVerb verb, const char *const *paths,
                 ScCallOptions *options, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  ScSubmission *submission = g_new0 (ScSubmission, 1);
  GError *error = NULL;

  submission->service = service;
  submission->caller = sc_caller_ref (caller);
  submission->verb = verb;
  submission->options = options;
  submission->paths = g_strdupv ((char **)paths);
  submission->frozen = g_array_new (FALSE, FALSE, sizeof (ScFrozen));
  g_array_set_clear_func (submission->frozen, frozen_clear);
  g_task_set_task_data (task, submission, submission_free);
  if (!resolve (submission, &error))
    g_task_return_error (task, error);
  else
    sc_truth_refresh_async (service->truth, SC_FRESH_ENOUGH, on_truth, g_steal_pointer (&task));
}

ScJob *
sc_submit_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
