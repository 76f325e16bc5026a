/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of one running job. Must not know polkit or the bus. */
#include "runner.h"

#include "binding.h"
#include "job-results.h"
#include "log.h"
#include "plan.h"
#include "restore.h"
#include "wire.h"
#include "worker-client.h"

#include "base/step.h"

#define DEADLINE_MARGIN 120 /* seconds beyond the busy time-out after which a worker is given up */

typedef struct {
  ScService *service;
  ScJob *job;
  gboolean restore;
  gboolean worker_died; /* without a word of what it did, and with nobody to undo it */
  GPtrArray *batches;   /* GPtrArray of ScPatch: what is changed as one transaction */
  guint next;
  GPtrArray *plan;   /* of the present batch */
  JsonObject *reply; /* the worker's, of the present batch */
  GError *batch_error;
  GPtrArray *wishes; /* LpWish, of the present batch */
  GVariantBuilder results;
  GError *error; /* the first one */
} ScRun;

static void begin_batch (ScRun *run);

static void
run_free (ScRun *run)
{
  g_ptr_array_unref (run->batches);
  g_clear_pointer (&run->plan, g_ptr_array_unref);
  g_clear_pointer (&run->reply, json_object_unref);
  g_clear_pointer (&run->wishes, g_ptr_array_unref);
  g_clear_error (&run->batch_error);
  g_clear_error (&run->error);
  g_variant_builder_clear (&run->results);
  sc_job_unref (run->job);
  g_free (run);
}

static void
end_run (ScRun *run)
{
  const ScLogFields fields = { .verb = run->job->word,
                               .job = run->job->id,
                               .caller = run->job->caller,
                               .reason = run->job->options->reason,
                               .error = run->error,
                               .result = run->error == NULL ? "succeeded" : "failed" };

  sc_log (run->error == NULL ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_WARNING,
          run->error == NULL ? SC_MESSAGE_JOB_END : SC_MESSAGE_JOB_FAILED, &fields,
          "job %" G_GUINT64_FORMAT ": %s: %s", run->job->id, run->job->word,
          run->error == NULL ? "succeeded" : run->error->message);
  sc_job_finish (run->job, g_variant_builder_end (&run->results), g_steal_pointer (&run->error));
  g_variant_builder_init (&run->results, G_VARIANT_TYPE ("aa{sv}"));
  /* Not after a restore: what kills its worker would do so again and again. */
  if (run->worker_died && !run->restore)
    for (guint i = 0; i < run->batches->len; i++)
      sc_restore_after_failure (run->service, g_ptr_array_index (run->batches, i));
  run_free (run);
}

static gboolean
takes_effect (const ScRun *run)
{
  return run->batch_error == NULL || g_error_matches (run->batch_error, LP_ERROR, LP_ERROR_PARTLY_APPLIED);
}

static const char *
result_word (const ScRun *run, const ScPlanEntry *entry)
{
  if (entry->unchanged)
    return "unchanged";
  return takes_effect (run) && run->batch_error == NULL ? "succeeded" : "failed";
}

static void
add_results (ScRun *run)
{
  for (guint i = 0; run->plan != NULL && i < run->plan->len; i++)
    {
      const ScPlanEntry *entry = g_ptr_array_index (run->plan, i);

      g_variant_builder_add_value (&run->results,
                                   sc_job_result_new (run->service->truth, entry->patch, run->reply,
                                                      result_word (run, entry), run->batch_error));
      sc_job_remember_outcomes (entry->patch, run->reply);
    }
}

/* Of a restore, in which others may succeed: which patches weren't even tried, and why. */
static void
add_refusals (ScRun *run, GPtrArray *patches)
{
  for (guint i = 0; i < patches->len; i++)
    g_variant_builder_add_value (&run->results,
                                 sc_job_result_new (run->service->truth, g_ptr_array_index (patches, i),
                                                    /* reply= */ NULL, "failed", run->batch_error));
}

static void
next_batch (ScRun *run)
{
  /* What holds now is bound, whatever was attempted. */
  sc_binding_update_async (run->service, NULL, NULL, NULL);
  /* What was undone in processes that nobody has yet, of a patch that is in effect all the same. */
  if (run->batch_error != NULL)
    sc_trigger_look_again (run->service->trigger);
  if (run->batch_error != NULL && run->error == NULL)
    run->error = g_error_copy (run->batch_error);
  g_clear_error (&run->batch_error);
  g_clear_pointer (&run->plan, g_ptr_array_unref);
  g_clear_pointer (&run->reply, json_object_unref);
  g_clear_pointer (&run->wishes, g_ptr_array_unref);
  run->next++;
  if (run->next < run->batches->len)
    begin_batch (run);
  else
    end_run (run);
}

/* Wishes and history are on the disk: now it may be told. */
static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRun *run = user_data;
  GError *error = NULL;

  lp_step ("state recorded");
  if (sc_records_write_finish (run->service->records, result, &error))
    {
      for (guint i = 0; i < run->wishes->len; i++)
        sc_catalog_set_wish (run->service->catalog, g_ptr_array_index (run->wishes, i));
    }
  else if (run->batch_error == NULL)
    {
      run->batch_error = g_error_new (LP_ERROR, LP_ERROR_FAILED,
                                      "the change was made, but could not be recorded: %s", error->message);
      g_error_free (error);
    }
  else
    g_error_free (error);

  sc_catalog_observe (run->service->catalog, run->service->truth, run->service->settings->require_signature);
  add_results (run);
  next_batch (run);
}

static LpWish *
wish_for (ScRun *run, const ScPlanEntry *entry)
{
  const ScPatch *patch = entry->patch;
  gboolean in_effect = sc_state_is_in_effect (entry->result);
  gboolean was_in_effect = sc_state_is_in_effect (patch->wished);

  if (entry->unchanged && patch->wished == entry->result)
    return NULL;
  return sc_wish_new (patch->info->uuid, entry->result, in_effect && patch->restore,
                      in_effect && was_in_effect ? patch->sequence
                                                 : sc_catalog_next_sequence (run->service->catalog),
                      run->job->caller->uid);
}

static void
record (ScRun *run)
{
  GPtrArray *history = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_history_record_free);

  run->wishes = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_wish_free);
  for (guint i = 0; run->plan != NULL && i < run->plan->len; i++)
    {
      const ScPlanEntry *entry = g_ptr_array_index (run->plan, i);
      LpWish *wish = takes_effect (run) ? wish_for (run, entry) : NULL;
      LpHistoryRecord *line
          = sc_history_record_new (run->job->caller, run->job->word, entry->patch->info,
                                   run->job->options->reason, result_word (run, entry), run->batch_error);

      line->processes = sc_job_processes_node (run->service->truth, entry->patch, run->reply);
      g_ptr_array_add (history, line);
      if (wish != NULL)
        g_ptr_array_add (run->wishes, wish);
    }
  sc_job_set_progress (run->job, "record", 0, 0, /* cancelable= */ FALSE);
  sc_records_write_async (run->service->records, sc_wishes_copy (run->wishes), history, on_written, run);
}

/* What the worker says it did counts less than what the processes say now. */
static void
on_truth_after (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRun *run = user_data;

  sc_truth_refresh_finish (run->service->truth, result);
  lp_step ("truth known after the work");
  record (run);
}

static void
set_in_step (ScRun *run, gboolean in_step)
{
  for (guint i = 0; i < run->plan->len; i++)
    {
      ScPatch *patch = ((ScPlanEntry *)g_ptr_array_index (run->plan, i))->patch;

      patch->in_step = in_step;
    }
}

static void
on_withdrawn (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRun *run = user_data;
  g_autoptr (GError) error = NULL;

  if (!sc_worker_run_finish (result, NULL, &error))
    {
      g_autoptr (GError) first = g_steal_pointer (&run->batch_error);
      g_autofree char *what = lp_error_split (first->message, NULL);
      g_autofree char *second = lp_error_split (error->message, NULL);
      lp_error_set (&run->batch_error, LP_ERROR_ROLLBACK_FAILED, "`syscare remove` takes it from them",
                    "%s; and processes that met the patch meanwhile keep it: %s", what, second);
    }
  sc_truth_refresh_async (run->service->truth, 0, on_truth_after, run);
}

/* Those of the failed batch that processes carry, though nobody wishes it. */
static GPtrArray *
find_escaped (ScRun *run, ScVerb *verb)
{
  GPtrArray *escaped = g_ptr_array_new ();

  *verb = SC_VERB_REMOVE;
  for (guint i = 0; i < run->plan->len; i++)
    {
      ScPatch *patch = ((ScPlanEntry *)g_ptr_array_index (run->plan, i))->patch;
      gboolean may_be_loaded = patch->wished == LP_STATE_DEACTIVATED;

      if (sc_state_is_in_effect (patch->wished)
          || (may_be_loaded ? patch->patched : patch->patched + patch->loaded) == 0)
        continue;
      if (may_be_loaded)
        *verb = SC_VERB_DEACTIVATE;
      g_ptr_array_add (escaped, patch);
    }
  return escaped;
}

static void
on_truth_after_failure (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRun *run = user_data;
  ScService *service = run->service;
  ScVerb verb;

  sc_truth_refresh_finish (service->truth, result);
  sc_catalog_observe (service->catalog, service->truth, service->settings->require_signature);
  g_autoptr (GPtrArray) escaped = find_escaped (run, &verb);
  ScCallOptions *options = sc_call_options_new_none ();
  g_autoptr (GPtrArray) plan = escaped->len > 0 ? sc_plan_new (verb, escaped, options, NULL) : NULL;

  if (plan == NULL || !sc_plan_has_step (plan))
    record (run);
  else
    {
      g_autoptr (JsonObject) request = sc_service_worker_request (service, "change");

      sc_plan_fill_request (plan, verb, options, service->settings->busy_timeout, request);
      sc_worker_run_async (service->paths.worker, request, service->settings->busy_timeout + DEADLINE_MARGIN,
                           NULL, NULL, NULL, on_withdrawn, run);
    }
  sc_call_options_free (options);
}

static void
on_unbound (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRun *run = user_data;

  sc_binding_update_finish (run->service, result);
  sc_truth_refresh_async (run->service->truth, 0, on_truth_after_failure, run);
}

/* New processes were bound before the step, and met the patch while it failed; the worker could only undo
 * what it knew, and a dead one nothing. First nobody may meet it any more, then it is taken from those who
 * did. */
static void
withdraw_what_escaped (ScRun *run)
{
  for (guint i = 0; i < run->plan->len; i++)
    {
      ScPlanEntry *entry = g_ptr_array_index (run->plan, i);

      entry->result = entry->patch->wished;
    }
  sc_binding_update_async (run->service, run->plan, on_unbound, run);
}

static void
on_worked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRun *run = user_data;

  sc_worker_run_finish (result, &run->reply, &run->batch_error);
  run->worker_died |= run->reply == NULL;
  lp_step ("worker ended");
  set_in_step (run, FALSE);
  if (takes_effect (run) || run->restore || sc_plan_is_kernel (run->plan)
      || sc_verb_row (run->job->verb)->action != SC_ACTION_APPLY)
    sc_truth_refresh_async (run->service->truth, 0, on_truth_after, run);
  else
    withdraw_what_escaped (run);
}

static void
on_progress (JsonObject *message, gpointer user_data)
{
  ScRun *run = user_data;

  sc_job_set_progress (run->job, sc_wire_string (message, "phase"), (guint)sc_wire_int (message, "done"),
                       (guint)sc_wire_int (message, "total"), sc_wire_bool (message, "can-cancel"));
}

static void
start_worker (ScRun *run)
{
  ScService *service = run->service;
  const ScCallOptions *options = run->job->options;
  g_autoptr (JsonObject) request
      = sc_service_worker_request (service, sc_plan_is_kernel (run->plan) ? "change-kernel" : "change");
  guint64 patience
      = options->timeout != 0 ? options->timeout / G_USEC_PER_SEC : service->settings->busy_timeout;

  set_in_step (run, TRUE);
  sc_plan_fill_request (run->plan, run->job->verb, options, service->settings->busy_timeout, request);
  sc_binding_fill_stack (service, request);
  sc_worker_run_async (service->paths.worker, request, (guint)patience + DEADLINE_MARGIN, on_progress, run,
                       run->job->cancellable, on_worked, run);
}

/* A patch of a restore that is fully in effect, or that nobody runs, has nothing to be done. */
static void
plan_restore (ScRun *run, GPtrArray *patches)
{
  ScPatch *patch = g_ptr_array_index (patches, 0);
  LpState state = patch->state;

  run->plan = sc_plan_new (SC_VERB_APPLY, patches, run->job->options, &run->batch_error);
  if (run->plan == NULL)
    return;
  ScPlanEntry *entry = g_ptr_array_index (run->plan, 0);
  entry->has_step &= sc_patch_lacks_effect (patch);
  entry->unchanged = !entry->has_step;
  entry->result = state == LP_STATE_ACCEPTED || patch->wished == LP_STATE_ACCEPTED ? LP_STATE_ACCEPTED
                                                                                   : LP_STATE_ACTIVE;
}

/* New processes first, then those that run: nothing can slip in between. */
static void
on_bound (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRun *run = user_data;

  sc_binding_update_finish (run->service, result);
  lp_step ("new processes bound");
  start_worker (run);
}

static void
on_truth_before (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRun *run = user_data;
  GPtrArray *patches = g_ptr_array_index (run->batches, run->next);

  sc_truth_refresh_finish (run->service->truth, result);
  if (run->restore)
    plan_restore (run, patches);
  else
    run->plan = sc_plan_new (run->job->verb, patches, run->job->options, &run->batch_error);

  if (run->plan == NULL)
    {
      if (run->restore)
        add_refusals (run, patches);
      next_batch (run);
    }
  else if (sc_plan_has_step (run->plan))
    sc_binding_update_async (run->service, run->plan, on_bound, run);
  else
    record (run);
}

static void
begin_batch (ScRun *run)
{
  if (g_cancellable_is_cancelled (run->job->cancellable))
    {
      run->error = run->error != NULL
                       ? run->error
                       : g_error_new (LP_ERROR, LP_ERROR_CANCELLED, "cancelled before it began");
      end_run (run);
      return;
    }
  sc_truth_refresh_async (run->service->truth, 0, on_truth_before, run);
}

/* The patches as they are now: an object may have been replaced while the job was queued. */
static GPtrArray *
present_patches (ScService *service, const ScJob *job)
{
  GPtrArray *patches = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);

  for (guint i = 0; i < job->patches->len; i++)
    {
      ScPatch *frozen = g_ptr_array_index (job->patches, i);
      ScPatch *patch = sc_catalog_lookup (service->catalog, frozen->path);

      /* Another file than the one that was authorised is refused by the worker, which gets the frozen digest.
       */
      g_ptr_array_add (patches,
                       sc_patch_ref (patch != NULL && g_str_equal (patch->info->digest, frozen->info->digest)
                                         ? patch
                                         : frozen));
    }
  return patches;
}

static void
start (ScJob *job, ScService *service, gboolean restore)
{
  ScRun *run = g_new0 (ScRun, 1);
  GPtrArray *patches = present_patches (service, job);
  const ScLogFields fields
      = { .verb = job->word, .job = job->id, .caller = job->caller, .reason = job->options->reason };

  sc_log (G_LOG_LEVEL_INFO, SC_MESSAGE_JOB_BEGIN, &fields,
          "job %" G_GUINT64_FORMAT ": %s %u patch(es) for uid %u%s%s", job->id, job->word, job->patches->len,
          job->caller->uid, job->options->reason[0] != '\0' ? ": " : "", job->options->reason);
  run->service = service;
  run->job = sc_job_ref (job);
  run->restore = restore;
  run->batches = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);
  g_variant_builder_init (&run->results, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; restore && i < patches->len; i++)
    {
      GPtrArray *one = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);

      g_ptr_array_add (one, sc_patch_ref (g_ptr_array_index (patches, i)));
      g_ptr_array_add (run->batches, one);
    }
  if (!restore)
    g_ptr_array_add (run->batches, g_ptr_array_ref (patches));
  g_ptr_array_unref (patches);
  begin_batch (run);
}

static void
start_change (ScJob *job, gpointer user_data)
{
  start (job, user_data, /* restore= */ FALSE);
}

static void
start_restore (ScJob *job, gpointer user_data)
{
  start (job, user_data, /* restore= */ TRUE);
}

void
sc_runner_attach (ScService *service, ScJob *job)
{
  job->start = start_change;
  job->start_data = service;
}

void
sc_runner_attach_restore (ScService *service, ScJob *job)
{
  job->verb = SC_VERB_APPLY;
  job->start = start_restore;
  job->start_data = service;
}
