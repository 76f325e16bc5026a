/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One wish of the user from the request to the end of the last job; see operation.h. */
#include "operation.h"

/* One call that returns a job. */
typedef struct {
  const char *method; /* Submit, Install, Uninstall */
  ScStep step;        /* of Submit */
  GPtrArray *patches; /* ScPatch */
} Call;

struct _ScOperation {
  GObject parent_instance;

  ScClient *client;
  ScJobTracker *tracker;
  GPtrArray *patches; /* ScPatch, NULL for an installation */
  ScState *before;    /* states of @patches when the operation was made */
  char *path;         /* of an installation */
  GPtrArray *calls;   /* Call, in order */
  guint next;         /* index of the call to make */
  gboolean undo;
  gboolean is_verb;
  ScVerb verb;

  GTask *task; /* the run under way, owned by it */
  char *job;   /* path of the job that is waited for */
  gulong finished_handler;
  gulong lost_handler;
};

G_DEFINE_FINAL_TYPE (ScOperation, sc_operation, G_TYPE_OBJECT)

static void make_next_call (ScOperation *self);

static void
call_free (Call *call)
{
  g_clear_pointer (&call->patches, g_ptr_array_unref);
  g_free (call);
}

static Call *
add_call (ScOperation *self, const char *method)
{
  Call *call = g_new0 (Call, 1);

  call->method = method;
  call->patches = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (self->calls, call);
  return call;
}

static ScOperation *
operation_new (ScClient *client, ScJobTracker *tracker, GPtrArray *patches)
{
  ScOperation *self = g_object_new (SC_TYPE_OPERATION, NULL);

  self->client = g_object_ref (client);
  self->tracker = g_object_ref (tracker);
  if (!patches)
    return self;
  self->patches = g_ptr_array_new_with_free_func (g_object_unref);
  self->before = g_new0 (ScState, patches->len);
  for (guint i = 0; i < patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (patches, i);
      g_ptr_array_add (self->patches, g_object_ref (patch));
      self->before[i] = sc_patch_get_state (patch);
    }
  return self;
}

static void
add_all_patches (ScOperation *self, Call *call)
{
  for (guint i = 0; i < self->patches->len; i++)
    g_ptr_array_add (call->patches, g_object_ref (g_ptr_array_index (self->patches, i)));
}

ScOperation *
sc_operation_new_verb (ScClient *client, ScJobTracker *tracker, ScVerb verb, GPtrArray *patches)
{
  ScOperation *self = operation_new (client, tracker, patches);
  Call *call = add_call (self, "Submit");

  self->is_verb = TRUE;
  self->verb = verb;
  call->step.verb = verb;
  add_all_patches (self, call);
  return self;
}

/* Patches that need the same step share one call, so that one password prompt does for them. */
static Call *
call_for_step (ScOperation *self, guint round_start, ScStep step)
{
  for (guint i = round_start; i < self->calls->len; i++)
    {
      Call *call = g_ptr_array_index (self->calls, i);
      if (call->step.verb == step.verb && call->step.load_only == step.load_only)
        return call;
    }
  Call *call = add_call (self, "Submit");
  call->step = step;
  return call;
}

ScOperation *
sc_operation_new_undo (ScOperation *operation)
{
  if (!operation->patches)
    return NULL;

  g_autoptr (ScOperation) self = operation_new (operation->client, operation->tracker, operation->patches);
  self->undo = TRUE;
  for (guint round = 0; round < 2; round++)
    {
      guint round_start = self->calls->len;
      for (guint i = 0; i < self->patches->len; i++)
        {
          ScPatch *patch = g_ptr_array_index (self->patches, i);
          ScStep steps[2];
          if (sc_verb_steps (sc_patch_get_state (patch), operation->before[i], steps) <= round)
            continue;
          g_ptr_array_add (call_for_step (self, round_start, steps[round])->patches, g_object_ref (patch));
        }
    }
  return self->calls->len > 0 ? g_steal_pointer (&self) : NULL;
}

ScOperation *
sc_operation_new_install (ScClient *client, ScJobTracker *tracker, const char *path)
{
  ScOperation *self = operation_new (client, tracker, NULL);

  self->path = g_strdup (path);
  add_call (self, "Install");
  return self;
}

ScOperation *
sc_operation_new_uninstall (ScClient *client, ScJobTracker *tracker, GPtrArray *patches)
{
  ScOperation *self = operation_new (client, tracker, patches);

  add_all_patches (self, add_call (self, "Uninstall"));
  return self;
}

static gboolean
states_changed (ScOperation *self)
{
  for (guint i = 0; self->patches && i < self->patches->len; i++)
    if (sc_patch_get_state (g_ptr_array_index (self->patches, i)) != self->before[i])
      return TRUE;
  return FALSE;
}

/* Whether the job's results say that something is another than before: the patches' own signals may come
 * later. */
static gboolean
results_say_changed (GVariant *results)
{
  for (gsize i = 0; results && i < g_variant_n_children (results); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (results, i);
      const char *result;
      if (g_variant_lookup (entry, "Result", "&s", &result) && g_str_equal (result, "succeeded"))
        return TRUE;
    }
  return FALSE;
}

static void
end (ScOperation *self, ScFailure *failure, GVariant *results)
{
  GTask *task = g_steal_pointer (&self->task);
  ScOutcome *outcome = g_new0 (ScOutcome, 1);

  g_clear_signal_handler (&self->finished_handler, self->tracker);
  g_clear_signal_handler (&self->lost_handler, self->tracker);
  outcome->failure = failure;
  outcome->results = results ? g_variant_ref (results) : NULL;
  outcome->changed = states_changed (self) || results_say_changed (results);
  g_task_return_pointer (task, outcome, (GDestroyNotify)sc_outcome_free);
  g_object_unref (task);
}

static void
on_job_finished (ScOperation *self, ScJob *job)
{
  if (g_strcmp0 (sc_job_get_path (job), self->job) != 0)
    return;
  g_autoptr (ScOperation) held G_GNUC_UNUSED = g_object_ref (self);
  g_clear_pointer (&self->job, g_free);

  if (*sc_job_get_error_name (job))
    end (self, sc_failure_new (sc_job_get_error_name (job), sc_job_get_error_message (job)),
         sc_job_get_results (job));
  else if (g_str_equal (sc_job_get_state (job), "cancelled"))
    end (self, sc_failure_new ("Cancelled", ""), sc_job_get_results (job));
  else if (g_task_return_error_if_cancelled (self->task))
    g_clear_object (&self->task);
  else if (self->next < self->calls->len)
    make_next_call (self);
  else
    end (self, NULL, sc_job_get_results (job));
}

static void
on_job_lost (ScOperation *self, ScJob *job)
{
  if (g_strcmp0 (sc_job_get_path (job), self->job) != 0)
    return;
  g_autoptr (ScOperation) held G_GNUC_UNUSED = g_object_ref (self);
  g_clear_pointer (&self->job, g_free);
  end (self, sc_failure_new ("org.freedesktop.DBus.Error.Disconnected", ""), NULL);
}

static void
on_call_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (ScOperation) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);
  const char *job;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_task_return_error (self->task, g_steal_pointer (&error));
      g_clear_object (&self->task);
      return;
    }
  if (!reply)
    {
      end (self, sc_failure_from_error (error), NULL);
      return;
    }
  g_variant_get (reply, "(&o)", &job);
  self->job = g_strdup (job);
  sc_job_tracker_follow (self->tracker, job);
}

static GVariant *
patch_paths (GPtrArray *patches)
{
  GVariantBuilder paths;

  g_variant_builder_init (&paths, G_VARIANT_TYPE_OBJECT_PATH_ARRAY);
  for (guint i = 0; i < patches->len; i++)
    g_variant_builder_add (&paths, "o", sc_patch_get_path (g_ptr_array_index (patches, i)));
  return g_variant_builder_end (&paths);
}

static GVariant *
call_arguments (ScOperation *self, Call *call)
{
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (g_str_equal (call->method, "Install"))
    return g_variant_new ("(sa{sv})", self->path, &options);
  if (g_str_equal (call->method, "Uninstall"))
    return g_variant_new ("(@aoa{sv})", patch_paths (call->patches), &options);
  if (call->step.verb == SC_VERB_APPLY && call->step.load_only)
    g_variant_builder_add (&options, "{sv}", "activate", g_variant_new_boolean (FALSE));
  return g_variant_new ("(s@aoa{sv})", sc_verb_info (call->step.verb)->word, patch_paths (call->patches),
                        &options);
}

static void
make_next_call (ScOperation *self)
{
  Call *call = g_ptr_array_index (self->calls, self->next++);

  sc_client_call (self->client, SC_MANAGER_PATH, SC_MANAGER_INTERFACE, call->method,
                  call_arguments (self, call), G_VARIANT_TYPE ("(o)"), SC_CALL_INTERACTIVE,
                  g_task_get_cancellable (self->task), on_call_answer, g_object_ref (self));
}

void
sc_operation_run (ScOperation *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  g_return_if_fail (!self->task);
  self->task = g_task_new (self, cancellable, callback, user_data);
  self->next = 0;
  self->finished_handler = g_signal_connect_object (self->tracker, "finished", G_CALLBACK (on_job_finished),
                                                    self, G_CONNECT_SWAPPED);
  self->lost_handler
      = g_signal_connect_object (self->tracker, "lost", G_CALLBACK (on_job_lost), self, G_CONNECT_SWAPPED);
  make_next_call (self);
}

ScOutcome *
sc_operation_run_finish (ScOperation *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

GPtrArray *
sc_operation_get_patches (ScOperation *self)
{
  return self->patches;
}

gboolean
sc_operation_is_undo (ScOperation *self)
{
  return self->undo;
}

gboolean
sc_operation_get_verb (ScOperation *self, ScVerb *verb)
{
  *verb = self->verb;
  return self->is_verb;
}

gboolean
sc_operation_changes_state (ScOperation *self)
{
  for (guint i = 0; self->is_verb && i < self->patches->len; i++)
    if (sc_verb_is_from (self->verb, self->before[i]))
      return TRUE;
  return FALSE;
}

void
sc_outcome_free (ScOutcome *outcome)
{
  g_clear_pointer (&outcome->failure, sc_failure_free);
  g_clear_pointer (&outcome->results, g_variant_unref);
  g_free (outcome);
}

static void
sc_operation_finalize (GObject *object)
{
  ScOperation *self = SC_OPERATION (object);

  g_clear_object (&self->client);
  g_clear_object (&self->tracker);
  g_clear_pointer (&self->patches, g_ptr_array_unref);
  g_clear_pointer (&self->calls, g_ptr_array_unref);
  g_free (self->before);
  g_free (self->path);
  g_free (self->job);
  G_OBJECT_CLASS (sc_operation_parent_class)->finalize (object);
}

static void
sc_operation_class_init (ScOperationClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = sc_operation_finalize;
}

static void
sc_operation_init (ScOperation *self)
{
  self->calls = g_ptr_array_new_with_free_func ((GDestroyNotify)call_free);
}
