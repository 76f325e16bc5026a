/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core's parts wired together: start, rescan, jobs, Degraded. Must not know bus types. */
#include "service.h"

#include "log.h"
#include "package-db.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define OUTCOMES_MAX 10000 /* of one patch, as its trigger told them */

static void
on_truth_updated (gpointer user_data)
{
  ScService *service = user_data;

  sc_catalog_observe (service->catalog, service->truth, service->settings->require_signature);
  sc_trigger_recheck_async (service->trigger, NULL, NULL);
}

static void
on_authority_changed (gpointer user_data)
{
  ScService *service = user_data;

  if (service->listener != NULL)
    service->listener->status (service->listener_data);
}

static void
log_state (const ScPatch *patch)
{
  const ScLogFields fields
      = { .patch = patch->info->uuid, .name = patch->info->name, .result = lp_state_word (patch->state) };

  sc_log (G_LOG_LEVEL_INFO, SC_MESSAGE_STATE, &fields, "%s: %s, %u of %u process(es)",
          patch->info->name[0] != '\0' ? patch->info->name : patch->info->uuid, lp_state_word (patch->state),
          patch->patched, patch->total);
}

static void
on_catalog_event (ScCatalogEvent event, ScPatch *patch, gpointer user_data)
{
  ScService *service = user_data;

  if (event == SC_CATALOG_CHANGED)
    log_state (patch);
  if (service->listener == NULL)
    return;
  service->listener->patch (event, patch, service->listener_data);
  service->listener->status (service->listener_data);
}

static void
apply_settings (ScService *service)
{
  sc_queue_set_limits (service->queue, service->settings->queue_limit,
                       service->settings->queue_limit_per_user);
  for (guint i = 0; service->settings->problems[i] != NULL; i++)
    sc_log (G_LOG_LEVEL_WARNING, SC_MESSAGE_SETTINGS, NULL, "settings: %s", service->settings->problems[i]);
}

static void on_files_changed (gpointer user_data);

/* Bundles that a package manager drops are noticed, and keys that an administrator trusts or doesn't. */
static void
watch_files (ScService *service, const ScRecordsSnapshot *snapshot)
{
  sc_watch_add (service->watch, service->paths.patch_dir);
  sc_watch_add (service->watch, service->paths.trusted_dir);
  sc_watch_set_unsettled (service->watch, (const char *const *)snapshot->unsettled);
}

static void
tell_status (ScService *service)
{
  if (service->listener != NULL)
    service->listener->status (service->listener_data);
}

static void
on_trigger_changed (gpointer user_data)
{
  tell_status (user_data);
}

/* Shown by ListProcesses() while the process lives unpatched. */
static void
on_trigger_failed (const ScTriggerFailure *failure, gpointer user_data)
{
  const ScService *service = user_data;
  const GPtrArray *patches = sc_catalog_patches (service->catalog);

  for (guint i = 0; failure->start_time != 0 && i < patches->len; i++)
    {
      ScPatch *patch = patches->pdata[i];
      gboolean in_effect = sc_state_is_in_effect (patch->state);

      if (!in_effect || sc_patch_is_kernel (patch))
        continue;
      if (g_hash_table_size (patch->outcomes) >= OUTCOMES_MAX)
        g_hash_table_remove_all (patch->outcomes); /* most of them will have ended */
      sc_patch_set_outcome (patch, failure->pid, failure->start_time,
                            failure->may_pass ? "pending" : "unpatchable", failure->reason, "");
    }
}

static const ScTriggerListener trigger_listener = { on_trigger_changed, on_trigger_failed };

ScService *
sc_service_new (const ScPaths *paths)
{
  ScService *service = g_new0 (ScService, 1);
  g_autofree char *triggers = g_build_filename (paths->runtime_dir, "triggers.lock", NULL);

  g_mkdir_with_parents (paths->runtime_dir, 0755);
  service->paths = *paths;
  service->settings = sc_settings_load (paths->config);
  service->records
      = sc_records_new (paths->patch_dir, paths->state_dir, paths->trusted_dir, LP_BUNDLE_CHECK_OWNER);
  service->truth = sc_truth_new (on_truth_updated, service);
  service->catalog = sc_catalog_new (on_catalog_event, service);
  service->authority = sc_authority_new (on_authority_changed, service);
  service->trigger = sc_trigger_new (service->settings->gate ? paths->trigger : NULL, triggers,
                                     &trigger_listener, service);
  service->queue = sc_queue_new ();
  service->watch = sc_watch_new (on_files_changed, service);
  service->jobs = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)sc_job_unref);
  service->intakes = g_hash_table_new (NULL, NULL);
  service->record_problems = g_new0 (char *, 1);
  service->restore_problems = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_restore_problem_free);
  apply_settings (service);
  return service;
}

void
sc_service_free (ScService *service)
{
  if (service == NULL)
    return;
  service->listener = NULL;
  sc_watch_free (service->watch);
  sc_trigger_free (service->trigger);
  sc_truth_free (service->truth);
  sc_records_free (service->records);
  sc_queue_free (service->queue);
  g_hash_table_unref (service->jobs);
  g_hash_table_unref (service->intakes);
  sc_catalog_free (service->catalog);
  sc_authority_free (service->authority);
  sc_settings_free (service->settings);
  g_strfreev (service->record_problems);
  g_ptr_array_unref (service->restore_problems);
  g_free (service);
}

void
sc_service_set_listener (ScService *service, const ScServiceListener *listener, gpointer user_data)
{
  service->listener = listener;
  service->listener_data = user_data;
}

static void
take_over (ScService *service, const ScRecordsSnapshot *snapshot)
{
  sc_catalog_set_installed (service->catalog, snapshot);
  g_autoptr (GPtrArray) infos = sc_catalog_infos (service->catalog);
  sc_truth_set_infos (service->truth, infos);

  for (guint i = 0; snapshot->problems[i] != NULL; i++)
    if (!g_strv_contains ((const char *const *)service->record_problems, snapshot->problems[i]))
      sc_log (G_LOG_LEVEL_WARNING, SC_MESSAGE_FILES, NULL, "%s", snapshot->problems[i]);
  g_strfreev (service->record_problems);
  service->record_problems = g_strdupv (snapshot->problems);
}

static void
on_rescan_rechecked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScService *service = g_task_get_task_data (task);

  sc_trigger_bind_finish (service->trigger, result);
  g_task_return_boolean (task, TRUE);
}

static void
on_rescan_looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScService *service = g_task_get_task_data (task);

  sc_truth_refresh_finish (service->truth, result);
  tell_status (service);
  sc_trigger_recheck_async (service->trigger, on_rescan_rechecked, g_steal_pointer (&task));
}

static void
on_scanned (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScService *service = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (ScRecordsSnapshot) snapshot = sc_records_scan_finish (service->records, result, &error);

  if (snapshot == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  take_over (service, snapshot);

  g_autoptr (GPtrArray) expired = sc_catalog_take_expired (service->catalog);
  for (guint i = 0; i < expired->len; i++)
    {
      LpWish *wish = g_ptr_array_index (expired, i);

      wish->state = LP_STATE_NOT_APPLIED;
      wish->restore = FALSE;
    }
  if (expired->len > 0)
    sc_records_write_async (service->records, g_steal_pointer (&expired), NULL, NULL, NULL);
  watch_files (service, snapshot);
  sc_truth_refresh_async (service->truth, 0, on_rescan_looked, g_steal_pointer (&task));
}

static void
scan (ScService *service, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);

  g_task_set_task_data (task, service, NULL);
  sc_records_scan_async (service->records, on_scanned, task);
}

void
sc_service_start_async (ScService *service, GAsyncReadyCallback callback, gpointer user_data)
{
  scan (service, callback, user_data);
}

gboolean
sc_service_start_finish (ScService *service, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
sc_service_rescan_async (ScService *service, GAsyncReadyCallback callback, gpointer user_data)
{
  sc_settings_free (service->settings);
  service->settings = sc_settings_load (service->paths.config);
  apply_settings (service);
  scan (service, callback, user_data);
}

gboolean
sc_service_rescan_finish (ScService *service, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
on_noticed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScService *service = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;

  if (!sc_service_rescan_finish (service, result, &error))
    sc_log (G_LOG_LEVEL_WARNING, SC_MESSAGE_FILES, NULL, "can't read the patch directory: %s",
            error->message);
}

static void
on_files_changed (gpointer user_data)
{
  scan (user_data, on_noticed, NULL);
}

void
sc_restore_problem_free (ScRestoreProblem *problem)
{
  g_free (problem->path);
  g_free (problem->text);
  g_free (problem);
}

/* No longer when nobody wishes for the patch any more, or the kernel has got it after all. */
static gboolean
still_holds (const ScService *service, const ScRestoreProblem *problem)
{
  const ScPatch *patch = problem->path != NULL ? sc_catalog_lookup (service->catalog, problem->path) : NULL;

  if (problem->path == NULL)
    return TRUE;
  return patch != NULL && sc_state_is_in_effect (patch->wished)
         && !(sc_patch_is_kernel (patch) && !sc_patch_lacks_effect (patch));
}

GStrv
sc_service_degraded (ScService *service)
{
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  GPtrArray *patches = sc_catalog_patches (service->catalog);
  const LpScan *scan_result = sc_truth_scan (service->truth);
  const char *failure = sc_truth_failure (service->truth);

  for (guint i = 0; service->settings->problems[i] != NULL; i++)
    {
      g_autofree char *text = g_strconcat ("settings: ", service->settings->problems[i], NULL);
      g_strv_builder_add (words, text);
    }
  g_strv_builder_addv (words, (const char **)service->record_problems);
  for (guint i = 0; i < patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (patches, i);
      g_autofree char *text
          = g_strdup_printf ("bundle-missing: %u process(es) carry patch %s, whose files are gone%s",
                             patch->patched + patch->loaded, patch->info->uuid,
                             patch->info->kept ? "; a copy of them is used" : "");
      if (patch->missing && !patch->info->foreign)
        g_strv_builder_add (words, text);
    }
  if (failure != NULL || (scan_result != NULL && scan_result->denied > 0))
    {
      g_autofree char *text
          = failure != NULL ? g_strdup_printf ("processes: they can't be read: %s", failure)
                            : g_strdup_printf ("processes: %u of them can't be read", scan_result->denied);
      g_strv_builder_add (words, text);
    }
  if (sc_authority_trouble (service->authority) != NULL)
    {
      g_autofree char *text = g_strdup_printf ("polkit: nobody can be authorised: %s",
                                               sc_authority_trouble (service->authority));
      g_strv_builder_add (words, text);
    }
  if (sc_trigger_problem (service->trigger) != NULL)
    {
      g_autofree char *text
          = g_strconcat ("gate: new processes may escape: ", sc_trigger_problem (service->trigger), NULL);
      g_strv_builder_add (words, text);
    }
  for (guint i = 0; i < sc_trigger_lacks (service->trigger)->len; i++)
    g_strv_builder_add (words, sc_trigger_lacks (service->trigger)->pdata[i]);
  for (guint i = 0; i < service->restore_problems->len; i++)
    {
      const ScRestoreProblem *problem = g_ptr_array_index (service->restore_problems, i);
      if (still_holds (service, problem))
        g_strv_builder_add (words, problem->text);
    }
  return g_strv_builder_end (words);
}

typedef struct {
  ScService *service;
  ScJob *job;
} ScJobRemoval;

static gboolean
on_job_expired (gpointer data)
{
  ScJobRemoval *removal = data;
  ScService *service = removal->service;
  g_autoptr (ScJob) job = sc_job_ref (removal->job);

  if (service->listener != NULL)
    service->listener->job_removed (job, service->listener_data);
  g_hash_table_remove (service->jobs, job->path);
  return G_SOURCE_REMOVE;
}

static void
removal_free (gpointer data)
{
  ScJobRemoval *removal = data;

  sc_job_unref (removal->job);
  g_free (removal);
}

/* The patches of @job belong to it from now on, or no longer. */
static void
claim_patches (ScService *service, ScJob *job, guint64 id)
{
  for (guint i = 0; i < job->patches->len; i++)
    {
      const ScPatch *frozen = g_ptr_array_index (job->patches, i);
      ScPatch *patch = sc_catalog_lookup (service->catalog, frozen->path);

      if (patch == NULL || patch->job == id || (id == 0 && patch->job != job->id))
        continue;
      patch->job = id;
      sc_catalog_touch (service->catalog, patch);
    }
}

static void
on_job_event (ScJob *job, ScJobEvent event, gpointer user_data)
{
  ScService *service = user_data;

  if (event == SC_JOB_EVENT_FINISHED)
    {
      ScJobRemoval *removal = g_new0 (ScJobRemoval, 1);

      removal->service = service;
      removal->job = sc_job_ref (job);
      g_timeout_add_seconds_full (G_PRIORITY_DEFAULT, service->settings->keep_jobs, on_job_expired, removal,
                                  removal_free);
      claim_patches (service, job, 0);
    }
  if (service->listener != NULL)
    service->listener->job_event (job, event, service->listener_data);
  if (event == SC_JOB_EVENT_FINISHED)
    sc_queue_advance (service->queue);
}

ScJob *
sc_service_add_job (ScService *service, const char *word, GPtrArray *patches, ScCaller *caller,
                    ScCallOptions *options)
{
  ScJob *job = sc_job_new (++service->last_job, word, patches, caller, options);

  job->listener = on_job_event;
  job->listener_data = service;
  g_hash_table_insert (service->jobs, job->path, job);
  claim_patches (service, job, job->id);
  if (service->listener != NULL)
    service->listener->job_added (job, service->listener_data);
  return job;
}

void
sc_service_drop_job (ScService *service, ScJob *job)
{
  g_autoptr (ScJob) kept G_GNUC_UNUSED = sc_job_ref (job);

  claim_patches (service, job, 0);
  sc_queue_remove (service->queue, job);
  job->listener = NULL;
  if (service->listener != NULL)
    service->listener->job_removed (job, service->listener_data);
  g_hash_table_remove (service->jobs, job->path);
  sc_queue_advance (service->queue);
}

static JsonArray *
known_modules (const ScService *service)
{
  GPtrArray *patches = sc_catalog_patches (service->catalog);
  JsonArray *modules = json_array_new ();

  for (guint i = 0; i < patches->len; i++)
    {
      const ScPatchInfo *info = ((ScPatch *)g_ptr_array_index (patches, i))->info;

      if (info->module[0] != '\0' && !info->foreign)
        json_array_add_string_element (modules, info->module);
    }
  return modules;
}

JsonObject *
sc_service_worker_request (ScService *service, const char *kind)
{
  JsonObject *request = json_object_new ();
  g_autofree char *lock = g_build_filename (service->paths.runtime_dir, "workers.lock", NULL);

  json_object_set_string_member (request, "type", "request");
  json_object_set_string_member (request, "kind", kind);
  json_object_set_string_member (request, "lock", lock);
  json_object_set_string_member (request, "trusted-dir", service->paths.trusted_dir);
  json_object_set_boolean_member (request, "check-owner", TRUE);
  if (g_str_has_suffix (kind, "-kernel"))
    json_object_set_array_member (request, "known", known_modules (service));
  return request;
}

GPtrArray *
sc_service_resolve (ScService *service, const char *const *paths, GError **error)
{
  g_autoptr (GPtrArray) patches = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; paths[i] != NULL; i++)
    {
      ScPatch *patch = sc_catalog_lookup (service->catalog, paths[i]);

      if (patch == NULL)
        {
          lp_error_set (error, LP_ERROR_UNKNOWN_OBJECT, NULL, "there is no patch %s", paths[i]);
          return NULL;
        }
      if (i >= SC_PATCHES_MAX || !g_hash_table_add (seen, patch->path))
        {
          lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL,
                        i >= SC_PATCHES_MAX ? "more patches than one request may name"
                                            : "a patch is named twice");
          return NULL;
        }
      g_ptr_array_add (patches, sc_patch_ref (patch));
    }
  if (patches->len == 0)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "the request names no patch");
      return NULL;
    }
  return g_steal_pointer (&patches);
}

LpHistoryRecord *
sc_history_record_new (const ScCaller *caller, const char *verb, const ScPatchInfo *info, const char *reason,
                       const char *result, const GError *error)
{
  LpHistoryRecord *record = g_new0 (LpHistoryRecord, 1);

  record->time = (guint64)g_get_real_time ();
  record->uid = caller->uid;
  record->login_uid = caller->login_uid;
  record->session = g_strdup (caller->session);
  record->verb = g_strdup (verb);
  record->patch = g_strdup (info != NULL ? info->uuid : "");
  record->name = g_strdup (info != NULL ? info->name : "");
  record->reason = g_strdup (reason);
  record->result = g_strdup (result);
  record->error = g_strdup (error != NULL ? lp_error_info_for (error)->name : "");
  record->message = g_strdup (error != NULL ? error->message : "");
  return record;
}
