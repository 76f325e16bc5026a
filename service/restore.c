/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the truth follow the recorded wishes. Must not know bus types or polkit. */
#include "restore.h"

#include "base/error.h"
#include "binding.h"
#include "bundle-files.h"
#include "error-names.h"
#include "fd.h"
#include "log.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

/* A worker that has not ended after a minute hangs; its processes are then found busy, one by one. */
#define LOCK_TRIES 600
#define LOCK_PAUSE 100000 /* microseconds */
/* What starts after the service doesn't wait longer than this for busy processes, such as one with a
 * debugger: the trigger catches them later, at their next old call. */
#define START_BUSY_MAX 5 /* seconds */

/* @only: nothing but these patches, NULL: all. */
static ScJob *
restore (ScService *service, ScRestoreKind kind, GPtrArray *only, ScCaller *caller, ScCallOptions *options,
         GError **error)
{
  g_autoptr (GPtrArray) wished = sc_catalog_wished_active (service->catalog, options->accepted);
  g_autoptr (GPtrArray) patches = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);

  for (guint i = 0; i < wished->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (wished, i);

      if (sc_patch_lacks_effect (patch) && patch->job == 0
          && (kind == SC_RESTORE_ALL || sc_patch_is_kernel (patch))
          && (only == NULL || g_ptr_array_find (only, patch, NULL)))
        g_ptr_array_add (patches, sc_patch_ref (patch));
    }
  if (patches->len == 0)
    {
      sc_call_options_free (options);
      return NULL;
    }

  ScJob *job = sc_service_add_job (service, "restore", patches, caller, options);
  sc_runner_attach_restore (service, job);
  if (!sc_queue_add (service->queue, job, error))
    {
      sc_service_drop_job (service, job);
      return NULL;
    }
  g_autoptr (ScJob) kept = sc_job_ref (job);
  job->ready = TRUE;
  sc_queue_advance (service->queue);
  return g_hash_table_lookup (service->jobs, kept->path);
}

ScJob *
sc_restore (ScService *service, ScCaller *caller, ScCallOptions *options, GError **error)
{
  return restore (service, SC_RESTORE_ALL, /* only= */ NULL, caller, options, error);
}

void
sc_restore_after_failure (ScService *service, GPtrArray *patches)
{
  g_autoptr (ScCaller) self = sc_caller_new_self ();

  restore (service, SC_RESTORE_ALL, patches, self, sc_call_options_new_none (), NULL);
}

/* Workers hold the lock as long as they live; one that a killed service left behind is undoing its work right
 * now. */
static void
wait_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  ScService *service = data;
  g_autofree char *path = g_build_filename (service->paths.runtime_dir, "workers.lock", NULL);
  SC_AUTO_FD fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  for (guint i = 0; fd >= 0 && i < LOCK_TRIES && flock (fd, LOCK_EX | LOCK_NB) != 0; i++)
    g_usleep (LOCK_PAUSE);
  sc_bundle_files_sweep (service->paths.patch_dir);
  g_task_return_boolean (task, TRUE);
}

/* Manager.Degraded is one sentence for each trouble: what to do stands on a message's second line. */
static void
note_failure (ScService *service, const char *path, const char *name, const char *message)
{
  ScRestoreProblem *problem = g_new0 (ScRestoreProblem, 1);
  const char *hint;
  g_autofree char *what = lp_error_split (message, &hint);

  problem->path = g_strdup (path);
  problem->text = g_strconcat ("restore: ", name, name[0] != '\0' ? ": " : "", what,
                               hint != NULL ? "; " : NULL, hint, NULL);
  g_ptr_array_add (service->restore_problems, problem);
}

static void
note_failures (ScService *service, const ScJob *job)
{
  GVariantIter iter;
  GVariant *result;

  if (job->error == NULL)
    return;
  g_variant_iter_init (&iter, job->results);
  while ((result = g_variant_iter_next_value (&iter)) != NULL)
    {
      const char *path = NULL, *name = "", *word = "", *message = "";

      g_variant_lookup (result, "Patch", "&o", &path);
      g_variant_lookup (result, "Name", "&s", &name);
      g_variant_lookup (result, "Result", "&s", &word);
      g_variant_lookup (result, "ErrorMessage", "&s", &message);
      if (g_str_equal (word, "failed"))
        note_failure (service, path, name, message);
      g_variant_unref (result);
    }
  if (service->restore_problems->len == 0)
    note_failure (service, NULL, "", job->error->message);
  if (service->listener != NULL)
    service->listener->status (service->listener_data);
}

typedef struct {
  ScService *service;
  ScRestoreKind kind;
  ScJob *job;
  ScJobListener chained;
} ScStartRestore;

static void
start_restore_free (gpointer data)
{
  ScStartRestore *start = data;

  g_clear_pointer (&start->job, sc_job_unref);
  g_free (start);
}

static void
on_restore_event (ScJob *job, ScJobEvent event, gpointer user_data)
{
  g_autoptr (GTask) task = g_object_ref (user_data);
  ScStartRestore *start = g_task_get_task_data (task);

  start->chained (job, event, start->service);
  if (event != SC_JOB_EVENT_FINISHED)
    return;
  note_failures (start->service, job);
  job->listener = NULL;
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

/* Nobody escapes any more: now those that run. */
static void
on_bound_at_start (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScStartRestore *start = g_task_get_task_data (task);
  ScService *service = start->service;
  g_autoptr (ScCaller) self = sc_caller_new_self ();
  ScJob *job = NULL;

  sc_binding_update_finish (service, result);
  if (service->settings->restore_at_start)
    {
      ScCallOptions *options = sc_call_options_new_none ();
      options->timeout = (guint64)MIN (service->settings->busy_timeout, START_BUSY_MAX) * G_USEC_PER_SEC;
      job = restore (service, start->kind, /* only= */ NULL, self, options, NULL);
    }
  if (job == NULL || sc_job_is_finished (job))
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  start->job = sc_job_ref (job);
  start->chained = job->listener;
  job->listener = on_restore_event;
  job->listener_data = g_steal_pointer (&task);
}

static void
on_workers_gone (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScStartRestore *start = g_task_get_task_data (user_data);

  sc_binding_update_async (start->service, NULL, on_bound_at_start, user_data);
}

void
sc_restore_at_start_async (ScService *service, ScRestoreKind kind, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  ScStartRestore *start = g_new0 (ScStartRestore, 1);
  g_autoptr (GTask) waiting = g_task_new (NULL, NULL, on_workers_gone, task);

  start->service = service;
  start->kind = kind;
  g_task_set_task_data (task, start, start_restore_free);
  g_task_set_task_data (waiting, service, NULL);
  g_task_run_in_thread (waiting, wait_thread);
}

void
sc_restore_at_start_finish (GAsyncResult *result)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
}

/* ---- Save ---- */

typedef struct {
  ScService *service;
  GPtrArray *wishes;
} ScSave;

static void
save_free (gpointer data)
{
  ScSave *save = data;

  g_ptr_array_unref (save->wishes);
  g_free (save);
}

static void
on_saved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScSave *save = g_task_get_task_data (task);
  GError *error = NULL;

  if (!sc_records_write_finish (save->service->records, result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  for (guint i = 0; i < save->wishes->len; i++)
    sc_catalog_set_wish (save->service->catalog, g_ptr_array_index (save->wishes, i));
  g_task_return_boolean (task, TRUE);
}

/* Wishes for every patch that is in effect; earlier marks of others are taken back. */
static GPtrArray *
wishes_to_save (ScService *service, guint uid)
{
  GPtrArray *wishes = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_wish_free);
  GPtrArray *patches = sc_catalog_patches (service->catalog);

  for (guint i = 0; i < patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (patches, i);
      gboolean in_effect = sc_state_is_in_effect (patch->state);
      guint64 sequence = patch->sequence;

      if (!sc_patch_has_files (patch) || (!in_effect && !patch->restore))
        continue;
      if (in_effect && sequence == 0)
        sequence = sc_catalog_next_sequence (service->catalog);
      g_ptr_array_add (wishes, sc_wish_new (patch->info->uuid, patch->state, in_effect, sequence, uid));
    }
  return wishes;
}

static void
on_truth_for_save (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  ScSave *save = g_task_get_task_data (task);
  guint uid = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (task), "uid"));

  sc_truth_refresh_finish (save->service->truth, result);
  g_ptr_array_unref (save->wishes);
  save->wishes = wishes_to_save (save->service, uid);
  sc_records_write_async (save->service->records, sc_wishes_copy (save->wishes), NULL, on_saved, task);
}

void
sc_save_async (ScService *service, ScCaller *caller, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  ScSave *save = g_new0 (ScSave, 1);

  save->service = service;
  save->wishes = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_wish_free);
  g_object_set_data (G_OBJECT (task), "uid", GUINT_TO_POINTER (caller->uid));
  g_task_set_task_data (task, save, save_free);
  sc_truth_refresh_async (service->truth, 0, on_truth_for_save, task);
}

gboolean
sc_save_finish (ScService *service, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
