/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Install: take in, verify, ask, put in place. Must not know bus types. */
#include "install.h"

#include "bundle-files.h"
#include "error-names.h"
#include "log.h"
#include "questions.h"
#include "wire.h"
#include "worker-client.h"

#define ACTION_INSTALL "org.openeuler.syscare1.install"
#define INTAKE_DEADLINE 300 /* seconds */
/* Bundles of one user that are copied or wait for an authorisation at the same time. Anybody may ask, and
 * each takes room on the disk until the answer is no. */
#define INTAKES_PER_USER 4

/* One bundle on its way in. */
typedef struct {
  ScService *service;
  ScCaller *caller;
  char *path;
  ScCallOptions *options;
  char *patch_dir;
  char *staging;     /* NULL once it was moved or deleted */
  JsonObject *found; /* the worker's description */
  gboolean unchanged;
  gboolean counted; /* among its user's intakes */
  ScJob *job;       /* borrowed while it runs */
  GError *refusal;  /* while the copy is being deleted */
} ScIncoming;

/* FALSE when the user has too many already. */
static gboolean
count_in (ScIncoming *incoming)
{
  gpointer uid = GUINT_TO_POINTER (incoming->caller->uid);
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (incoming->service->intakes, uid));

  if (n >= INTAKES_PER_USER && incoming->caller->uid != 0)
    return FALSE;
  g_hash_table_insert (incoming->service->intakes, uid, GUINT_TO_POINTER (n + 1));
  return incoming->counted = TRUE;
}

static void
count_out (ScIncoming *incoming)
{
  if (!incoming->counted)
    return;

  gpointer uid = GUINT_TO_POINTER (incoming->caller->uid);
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (incoming->service->intakes, uid));

  incoming->counted = FALSE;
  if (n > 1)
    g_hash_table_insert (incoming->service->intakes, uid, GUINT_TO_POINTER (n - 1));
  else
    g_hash_table_remove (incoming->service->intakes, uid);
}

static gboolean
delete_staging (gpointer data, GError **error)
{
  return sc_bundle_files_delete (data, error);
}

static void
incoming_free (gpointer data)
{
  ScIncoming *incoming = data;

  count_out (incoming);
  if (incoming->staging != NULL)
    sc_records_call_async (incoming->service->records, delete_staging, g_steal_pointer (&incoming->staging),
                           g_free, NULL, NULL);
  sc_caller_unref (incoming->caller);
  sc_call_options_free (incoming->options);
  g_clear_pointer (&incoming->found, json_object_unref);
  g_clear_error (&incoming->refusal);
  g_free (incoming->patch_dir);
  g_free (incoming->path);
  g_free (incoming);
}

static GPtrArray *
history_lines (const ScIncoming *incoming, const char *result, const GError *error)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_history_record_free);
  JsonArray *objects = incoming->found != NULL ? sc_wire_array (incoming->found, "objects") : NULL;
  const char *reason = incoming->job != NULL ? incoming->job->options->reason : incoming->options->reason;

  for (guint i = 0; objects != NULL && i < json_array_get_length (objects); i++)
    {
      JsonObject *object = sc_wire_element (objects, i);
      LpHistoryRecord *line
          = sc_history_record_new (incoming->caller, "install", NULL, reason, result, error);

      g_free (line->patch);
      line->patch = g_strdup (sc_wire_string (object, "uuid"));
      g_free (line->name);
      line->name = g_strdup (sc_wire_string (object, "name"));
      g_ptr_array_add (lines, line);
    }
  return lines;
}

static GVariant *
describe (const ScIncoming *incoming)
{
  JsonArray *objects = sc_wire_array (incoming->found, "objects");
  GVariantBuilder results, paths;
  GVariantDict dict;

  g_variant_builder_init (&paths, G_VARIANT_TYPE ("ao"));
  for (guint i = 0; objects != NULL && i < json_array_get_length (objects); i++)
    {
      g_autofree char *path = sc_patch_path_for_uuid (sc_wire_string (sc_wire_element (objects, i), "uuid"));

      g_variant_builder_add (&paths, "o", path);
    }
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Bundle", "s", sc_wire_string (incoming->found, "bundle"));
  g_variant_dict_insert (&dict, "Digest", "s", sc_wire_string (incoming->found, "digest"));
  g_variant_dict_insert (&dict, "Signer", "s", sc_wire_string (incoming->found, "signer"));
  g_variant_dict_insert (&dict, "Result", "s", incoming->unchanged ? "unchanged" : "succeeded");
  g_variant_dict_insert_value (&dict, "Patches", g_variant_builder_end (&paths));
  g_variant_builder_init (&results, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_add_value (&results, g_variant_dict_end (&dict));
  return g_variant_builder_end (&results);
}

static void
end_job (ScIncoming *incoming, GError *error)
{
  ScJob *job = incoming->job;
  const ScLogFields fields = { .verb = job->word,
                               .job = job->id,
                               .caller = job->caller,
                               .reason = job->options->reason,
                               .error = error,
                               .result = error == NULL ? "succeeded" : "failed" };

  sc_log (error == NULL ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_WARNING,
          error == NULL ? SC_MESSAGE_JOB_END : SC_MESSAGE_JOB_FAILED, &fields,
          "job %" G_GUINT64_FORMAT ": install %s: %s", job->id, sc_wire_string (incoming->found, "bundle"),
          error == NULL ? "succeeded" : error->message);
  sc_job_finish (job, error == NULL ? describe (incoming) : NULL, error);
}

static void
on_rescanned (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScIncoming *incoming = user_data;
  GError *error = NULL;

  sc_service_rescan_finish (incoming->service, result, &error);
  end_job (incoming, error);
}

static void
on_recorded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScIncoming *incoming = user_data;
  GError *error = NULL;

  if (!sc_records_write_finish (incoming->service->records, result, &error))
    end_job (incoming, error);
  else
    sc_service_rescan_async (incoming->service, on_rescanned, incoming);
}

static gboolean
move_in (gpointer data, GError **error)
{
  ScIncoming *incoming = data;
  g_autofree char *staging = g_steal_pointer (&incoming->staging);

  return sc_bundle_files_install (incoming->patch_dir, staging, sc_wire_string (incoming->found, "bundle"),
                                  &incoming->unchanged, error);
}

static void
on_moved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScIncoming *incoming = user_data;
  GError *error = NULL;

  if (!sc_records_call_finish (incoming->service->records, result, &error))
    {
      sc_records_write_async (incoming->service->records, NULL, history_lines (incoming, "failed", error),
                              NULL, NULL);
      end_job (incoming, error);
      return;
    }
  sc_records_write_async (incoming->service->records, NULL,
                          history_lines (incoming, incoming->unchanged ? "unchanged" : "succeeded", NULL),
                          on_recorded, incoming);
}

static void
start (ScJob *job, gpointer user_data)
{
  ScIncoming *incoming = user_data;

  incoming->job = job;
  sc_job_set_progress (job, "record", 0, 0, /* cancelable= */ FALSE);
  sc_records_call_async (incoming->service->records, move_in, incoming, NULL, on_moved, incoming);
}

static void
on_swept (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScIncoming *incoming = g_task_get_task_data (task);

  g_task_return_error (task, g_steal_pointer (&incoming->refusal));
}

/* Answers with @error once nothing of the bundle is left: who is refused finds no trace of it. Takes both. */
static void
refuse (GTask *task, GError *error)
{
  ScIncoming *incoming = g_task_get_task_data (task);

  incoming->refusal = error;
  sc_records_call_async (incoming->service->records, delete_staging, g_steal_pointer (&incoming->staging),
                         g_free, on_swept, task);
}

static void
on_authorized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScIncoming *incoming = g_task_get_task_data (task);
  ScService *service = incoming->service;
  g_autoptr (GPtrArray) none = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);
  GError *error = NULL;

  if (!sc_authority_require_finish (result, &error))
    {
      sc_records_write_async (service->records, NULL, history_lines (incoming, "denied", error), NULL, NULL);
      refuse (g_steal_pointer (&task), error);
      return;
    }
  count_out (incoming);
  if (g_cancellable_is_cancelled (incoming->caller->gone))
    {
      refuse (g_steal_pointer (&task), g_error_new (LP_ERROR, LP_ERROR_CANCELLED, "the caller left the bus"));
      return;
    }

  ScJob *job
      = sc_service_add_job (service, "install", none, incoming->caller, g_steal_pointer (&incoming->options));
  incoming->job = job;
  if (!sc_queue_add (service->queue, job, &error))
    {
      sc_service_drop_job (service, job);
      incoming->job = NULL;
      incoming->options = sc_call_options_parse (g_variant_new ("a{sv}", NULL), 0, NULL);
      refuse (g_steal_pointer (&task), error);
      return;
    }
  /* The job keeps the task, and with it the incoming bundle, until it has ended. */
  job->start = start;
  job->start_data = incoming;
  job->start_data_free = NULL;
  g_object_set_data_full (G_OBJECT (job->cancellable), "incoming", g_object_ref (task), g_object_unref);
  job->ready = TRUE;
  g_task_return_pointer (task, sc_job_ref (job), (GDestroyNotify)sc_job_unref);
  sc_queue_advance (service->queue);
}

static ScQuestion *
question_for (const ScIncoming *incoming)
{
  ScQuestion *question = sc_question_new_plain (ACTION_INSTALL, "install");
  JsonArray *objects = sc_wire_array (incoming->found, "objects");
  g_autofree char *count = g_strdup_printf ("%u", objects != NULL ? json_array_get_length (objects) : 0);

  sc_question_set (question, "patch.bundle", sc_wire_string (incoming->found, "bundle"));
  sc_question_set (question, "patch.kind", sc_wire_string (incoming->found, "kind"));
  sc_question_set (question, "patch.issues", sc_wire_string (incoming->found, "issues"));
  sc_question_set (question, "patch.count", count);
  sc_question_set (question, "patch.digest", sc_wire_string (incoming->found, "digest"));
  sc_question_set (question, "patch.signer", sc_wire_string (incoming->found, "signer"));
  return question;
}

static void
on_taken_in (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScIncoming *incoming = g_task_get_task_data (task);
  GError *error = NULL;

  if (sc_worker_run_finish (result, &incoming->found, &error)
      && incoming->service->settings->require_signature
      && sc_wire_string (incoming->found, "signer")[0] == '\0')
    lp_error_set (&error, LP_ERROR_UNTRUSTED, "the setting require-signature is on",
                  "%s: the bundle has no trusted signature", incoming->path);
  if (error != NULL)
    {
      refuse (g_steal_pointer (&task), error);
      return;
    }
  g_autoptr (GPtrArray) questions = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_question_free);
  g_ptr_array_add (questions, question_for (incoming));
  sc_authority_require_async (incoming->service->authority, incoming->caller, questions, sc_questions_merge,
                              NULL, on_authorized, g_steal_pointer (&task));
}

static void
take_in (GTask *task)
{
  ScIncoming *incoming = g_task_get_task_data (task);
  ScService *service = incoming->service;
  g_autoptr (JsonObject) request = sc_service_worker_request (service, "intake");

  json_object_set_string_member (request, "path", incoming->path);
  json_object_set_string_member (request, "staging", incoming->staging);
  json_object_set_int_member (request, "uid", incoming->caller->uid);
  json_object_set_int_member (request, "size-limit", (gint64)service->settings->install_size_limit << 20);
  json_object_set_int_member (request, "file-limit", service->settings->install_file_limit);
  sc_worker_run_async (service->paths.worker, request, INTAKE_DEADLINE, NULL, NULL, incoming->caller->gone,
                       on_taken_in, task);
}

static gboolean
make_staging (gpointer data, GError **error)
{
  ScIncoming *incoming = data;

  incoming->staging = sc_bundle_files_make_staging (incoming->patch_dir, error);
  return incoming->staging != NULL;
}

static void
on_staging (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScIncoming *incoming = g_task_get_task_data (task);
  GError *error = NULL;

  if (!sc_records_call_finish (incoming->service->records, result, &error))
    g_task_return_error (task, error);
  else
    take_in (g_steal_pointer (&task));
}

void
sc_install_async (ScService *service, ScCaller *caller, const char *path, ScCallOptions *options,
                  GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  ScIncoming *incoming = g_new0 (ScIncoming, 1);

  incoming->service = service;
  incoming->caller = sc_caller_ref (caller);
  incoming->path = g_strdup (path);
  incoming->options = options;
  incoming->patch_dir = g_strdup (service->paths.patch_dir);
  g_task_set_task_data (task, incoming, incoming_free);
  if (path[0] != '/')
    {
      g_task_return_new_error (task, LP_ERROR, LP_ERROR_INVALID_ARGS, "%.80s: not an absolute path", path);
      return;
    }
  if (!count_in (incoming))
    {
      g_task_return_new_error (
          task, LP_ERROR, LP_ERROR_LIMITS_EXCEEDED,
          "uid %u already has %u bundles on their way in\nwait until they are installed or refused",
          caller->uid, INTAKES_PER_USER);
      return;
    }
  sc_records_call_async (service->records, make_staging, incoming, NULL, on_staging, g_steal_pointer (&task));
}

ScJob *
sc_install_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
