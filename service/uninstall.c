/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Uninstall: bundles whose patches are all out of use go away as a whole. Must not know bus types. */
#include "install.h"

#include "bundle-files.h"
#include "log.h"
#include "package-db.h"
#include "questions.h"

#define ACTION_INSTALL "org.openeuler.syscare1.install"

typedef struct {
  ScService *service;
  ScCaller *caller;
  ScCallOptions *options;
  GStrv paths;
  GPtrArray *patches; /* ScPatch: every patch of the bundles that go */
  GStrv directories;  /* of those bundles */
  ScJob *job;         /* borrowed while it runs */
} ScRemoval;

static void
removal_free (gpointer data)
{
  ScRemoval *removal = data;

  sc_caller_unref (removal->caller);
  sc_call_options_free (removal->options);
  g_strfreev (removal->paths);
  g_clear_pointer (&removal->patches, g_ptr_array_unref);
  g_strfreev (removal->directories);
  g_free (removal);
}

static gboolean
bundle_is_named (const ScPatch *patch, GPtrArray *named)
{
  for (guint i = 0; i < named->len; i++)
    if (g_str_equal (((ScPatch *)g_ptr_array_index (named, i))->info->bundle, patch->info->bundle))
      return TRUE;
  return FALSE;
}

static gboolean
check_patch (const ScPatch *patch, GError **error)
{
  const char *name = patch->info->name[0] != '\0' ? patch->info->name : patch->info->uuid;

  if (patch->missing)
    lp_error_set (error, LP_ERROR_INVALID_STATE, "remove it from the processes by restarting them",
                  "%s: its files are gone already", name);
  else if (patch->job != 0)
    lp_error_set (error, LP_ERROR_BUSY, "wait until it has ended",
                  "%s: job %" G_GUINT64_FORMAT " is working on it", name, patch->job);
  else if (patch->state != LP_STATE_NOT_APPLIED)
    lp_error_set (error, LP_ERROR_INVALID_STATE, "remove the patch first",
                  "%s: can't be uninstalled while the patch is %s", name, lp_state_word (patch->state));
  else
    return TRUE;
  return FALSE;
}

/* All patches of the bundles that the named patches belong to; a bundle goes as a whole. */
static gboolean
collect (ScRemoval *removal, GError **error)
{
  ScService *service = removal->service;
  g_autoptr (GPtrArray) named = sc_service_resolve (service, (const char *const *)removal->paths, error);
  g_autoptr (GStrvBuilder) directories = g_strv_builder_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *all = sc_catalog_patches (service->catalog);

  if (named == NULL)
    return FALSE;
  g_clear_pointer (&removal->patches, g_ptr_array_unref);
  g_strfreev (g_steal_pointer (&removal->directories));
  removal->patches = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);
  for (guint i = 0; i < all->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (all, i);

      if (!bundle_is_named (patch, named))
        continue;
      if (!check_patch (patch, error))
        return FALSE;
      g_ptr_array_add (removal->patches, sc_patch_ref (patch));
      if (g_hash_table_add (seen, patch->info->bundle_path))
        g_strv_builder_add (directories, patch->info->bundle_path);
    }
  removal->directories = g_strv_builder_end (directories);
  return TRUE;
}

static GPtrArray *
history_lines (const ScRemoval *removal, const char *reason, const char *result, const GError *error)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_history_record_free);

  for (guint i = 0; i < removal->patches->len; i++)
    g_ptr_array_add (lines, sc_history_record_new (removal->caller, "uninstall",
                                                   ((ScPatch *)g_ptr_array_index (removal->patches, i))->info,
                                                   reason, result, error));
  return lines;
}

static void
end_job (ScRemoval *removal, GError *error)
{
  const ScLogFields fields = { .verb = "uninstall",
                               .job = removal->job->id,
                               .caller = removal->caller,
                               .reason = removal->job->options->reason,
                               .error = error,
                               .result = error == NULL ? "succeeded" : "failed" };

  sc_log (error == NULL ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_WARNING,
          error == NULL ? SC_MESSAGE_JOB_END : SC_MESSAGE_JOB_FAILED, &fields,
          "job %" G_GUINT64_FORMAT ": uninstall: %s", removal->job->id,
          error == NULL ? "succeeded" : error->message);
  sc_job_finish (removal->job, NULL, error);
}

static void
on_rescanned (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRemoval *removal = user_data;
  GError *error = NULL;

  sc_service_rescan_finish (removal->service, result, &error);
  end_job (removal, error);
}

static void
on_recorded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRemoval *removal = user_data;
  GError *error = NULL;

  if (!sc_records_write_finish (removal->service->records, result, &error))
    end_job (removal, error);
  else
    sc_service_rescan_async (removal->service, on_rescanned, removal);
}

static gboolean
delete_all (gpointer data, GError **error)
{
  ScRemoval *removal = data;

  for (guint i = 0; removal->directories[i] != NULL; i++)
    {
      g_autofree char *manifest = g_build_filename (removal->directories[i], "patch.json", NULL);

      if (sc_package_db_owns (manifest))
        {
          lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "remove that package with the package manager",
                        "%s belongs to a package of the system", removal->directories[i]);
          return FALSE;
        }
      if (!sc_bundle_files_delete (removal->directories[i], error))
        return FALSE;
    }
  return TRUE;
}

static void
on_deleted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScRemoval *removal = user_data;
  ScRecords *records = removal->service->records;
  const char *reason = removal->job->options->reason;
  GError *error = NULL;

  if (!sc_records_call_finish (records, result, &error))
    {
      sc_records_write_async (records, NULL, history_lines (removal, reason, "failed", error), NULL, NULL);
      end_job (removal, error);
      return;
    }
  sc_records_write_async (records, NULL, history_lines (removal, reason, "succeeded", NULL), on_recorded,
                          removal);
}

static void
start (ScJob *job, gpointer user_data)
{
  ScRemoval *removal = user_data;

  removal->job = job;
  sc_job_set_progress (job, "record", 0, 0, /* cancelable= */ FALSE);
  sc_records_call_async (removal->service->records, delete_all, removal, NULL, on_deleted, removal);
}

/* Allowed: what was asked for must still hold. */
static void
on_present_known (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScRemoval *removal = g_task_get_task_data (task);
  ScService *service = removal->service;
  GError *error = NULL;

  sc_truth_refresh_finish (service->truth, result);
  if (g_cancellable_is_cancelled (removal->caller->gone))
    lp_error_set (&error, LP_ERROR_CANCELLED, NULL, "the caller left the bus");
  else
    collect (removal, &error);
  if (error != NULL)
    {
      g_task_return_error (task, error);
      return;
    }

  ScJob *job = sc_service_add_job (service, "uninstall", removal->patches, removal->caller,
                                   g_steal_pointer (&removal->options));
  if (!sc_queue_add (service->queue, job, &error))
    {
      sc_service_drop_job (service, job);
      g_task_return_error (task, error);
      return;
    }
  job->start = start;
  job->start_data = removal;
  /* The job keeps the task, and with it the removal, until it has ended. */
  g_object_set_data_full (G_OBJECT (job->cancellable), "removal", g_object_ref (task), g_object_unref);
  job->ready = TRUE;
  g_task_return_pointer (task, sc_job_ref (job), (GDestroyNotify)sc_job_unref);
  sc_queue_advance (service->queue);
}

static void
on_authorized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScRemoval *removal = g_task_get_task_data (task);
  GError *error = NULL;

  if (!sc_authority_require_finish (result, &error))
    {
      sc_records_write_async (removal->service->records, NULL,
                              history_lines (removal, removal->options->reason, "denied", error), NULL, NULL);
      g_task_return_error (task, error);
      return;
    }
  sc_truth_refresh_async (removal->service->truth, 0, on_present_known, g_steal_pointer (&task));
}

static void
ask (GTask *task)
{
  ScRemoval *removal = g_task_get_task_data (task);
  const ScPatchInfo *first = ((ScPatch *)g_ptr_array_index (removal->patches, 0))->info;
  gboolean one_bundle = g_strv_length (removal->directories) == 1;
  g_autoptr (GPtrArray) questions = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_question_free);
  ScQuestion *question = sc_question_new_plain (ACTION_INSTALL, "uninstall");
  g_autofree char *count = g_strdup_printf ("%u", removal->patches->len);

  sc_question_set (question, "patch.bundle", one_bundle ? first->bundle : "");
  sc_question_set (question, "patch.kind", one_bundle ? first->kind : "");
  sc_question_set (question, "patch.count", count);
  g_ptr_array_add (questions, question);
  sc_authority_require_async (removal->service->authority, removal->caller, questions, sc_questions_merge,
                              NULL, on_authorized, task);
}

static void
on_truth (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScRemoval *removal = g_task_get_task_data (task);
  ScService *service = removal->service;
  guint64 generation = sc_catalog_generation (service->catalog);
  GError *error = NULL;

  sc_truth_refresh_finish (service->truth, result);
  if ((removal->options->given & SC_OPTION_EXPECTED_GENERATION) != 0
      && removal->options->expected_generation != generation)
    lp_error_set (&error, LP_ERROR_CHANGED, "look again, then repeat the request",
                  "the generation is %" G_GUINT64_FORMAT ", not as expected", generation);
  else
    collect (removal, &error);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    ask (g_steal_pointer (&task));
}

void
sc_uninstall_async (ScService *service, ScCaller *caller, const char *const *paths, ScCallOptions *options,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  ScRemoval *removal = g_new0 (ScRemoval, 1);

  removal->service = service;
  removal->caller = sc_caller_ref (caller);
  removal->options = options;
  removal->paths = g_strdupv ((char **)paths);
  g_task_set_task_data (task, removal, removal_free);
  sc_truth_refresh_async (service->truth, SC_FRESH_ENOUGH, on_truth, task);
}

ScJob *
sc_uninstall_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
