/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker's part that changes or checks processes: opens the bundles anew, trusts nothing that it was told
 * about them but compares it, and runs the engine. Must not know states, wishes or who asked. */
#include "worker.h"

#include "entity-file.h"
#include "base/error.h"
#include "format/bundle.h"
#include "user/engine.h"
#include "wire.h"

static const struct {
  const char *word;
  LpStep step;
} steps[] = {
  { "load", LP_STEP_LOAD },
  { "activate", LP_STEP_ACTIVATE },
  { "deactivate", LP_STEP_DEACTIVATE },
  { "unload", LP_STEP_UNLOAD },
};

static gboolean
parse_step (const char *word, LpStep *step, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    if (g_str_equal (steps[i].word, word))
      {
        *step = steps[i].step;
        return TRUE;
      }
  lp_error_set (error, LP_ERROR_FAILED, NULL, "the request has no step \"%.32s\"", word);
  return FALSE;
}

static GPtrArray *
open_entities (JsonObject *request, GError **error)
{
  g_autoptr (GPtrArray) entities = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_entity_unref);
  JsonArray *patches = sc_wire_array (request, "patches");
  LpBundleFlags flags = sc_wire_bool (request, "check-owner") ? LP_BUNDLE_CHECK_OWNER : 0;
  g_autoptr (LpKeyring) keyring = sc_work_keyring (request);

  for (guint i = 0; patches != NULL && i < json_array_get_length (patches); i++)
    {
      JsonObject *patch = sc_wire_element (patches, i);
      LpEntity *entity = patch != NULL ? sc_entity_open (patch, flags, keyring, error) : NULL;

      if (entity == NULL)
        return NULL;
      g_ptr_array_add (entities, entity);
    }
  if (entities->len == 0)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "the request names no patch");
      return NULL;
    }
  return g_steal_pointer (&entities);
}

static JsonArray *
describe_results (GPtrArray *results)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; results != NULL && i < results->len; i++)
    {
      const LpProcessResult *result = g_ptr_array_index (results, i);
      JsonObject *object = json_object_new ();
      g_autofree char *command = g_utf8_make_valid (result->command != NULL ? result->command : "", -1);
      g_autofree char *reason = g_utf8_make_valid (result->reason != NULL ? result->reason : "", -1);
      g_autofree char *detail = g_utf8_make_valid (result->detail != NULL ? result->detail : "", -1);
      gboolean fine = result->status == LP_PROCESS_DONE || result->status == LP_PROCESS_UNCHANGED
                      || result->status == LP_PROCESS_GONE;

      json_object_set_int_member (object, "pid", result->pid);
      json_object_set_int_member (object, "start-time", result->start_time);
      json_object_set_string_member (object, "command", command);
      json_object_set_string_member (object, "status", lp_process_status_word (result->status));
      json_object_set_boolean_member (object, "fine", fine);
      json_object_set_string_member (object, "error", fine ? "" : lp_error_info (result->code)->name);
      json_object_set_string_member (object, "reason", reason);
      json_object_set_string_member (object, "detail", detail);
      json_object_set_int_member (object, "stop-time", result->stop_ns);
      json_object_set_int_member (object, "private-pages", result->private_pages);
      json_array_add_object_element (array, object);
    }
  return array;
}

static void
on_progress (const char *phase, guint done, guint total, gboolean can_cancel, gpointer user_data)
{
  g_autoptr (JsonObject) message = json_object_new ();

  json_object_set_string_member (message, "type", "progress");
  json_object_set_string_member (message, "phase", phase);
  json_object_set_int_member (message, "done", done);
  json_object_set_int_member (message, "total", total);
  json_object_set_boolean_member (message, "can-cancel", can_cancel);
  sc_work_tell (message);
}

static gboolean
prepare (JsonObject *request, LpChange *change, GError **error)
{
  if (!parse_step (sc_wire_string (request, "step"), &change->step, error))
    return FALSE;
  change->entities = open_entities (request, error);
  change->consistency = g_str_equal (sc_wire_string (request, "consistency"), "entry")
                            ? LP_CONSISTENCY_ENTRY
                            : LP_CONSISTENCY_STRICT;
  change->timeout_ms = (guint)sc_wire_int (request, "timeout-ms");
  change->keep_on_failure = sc_wire_bool (request, "keep");
  change->stack = change->entities != NULL ? sc_wire_strv (request, "stack") : NULL;
  return change->entities != NULL;
}

gboolean
sc_work_change (JsonObject *request, JsonObject *reply, GCancellable *cancellable, GError **error)
{
  LpChange change = { 0 };
  g_autoptr (GPtrArray) results = NULL;

  if (!prepare (request, &change, error))
    return FALSE;
  gboolean ok = lp_change_run (&change, cancellable, on_progress, NULL, &results, error);
  json_object_set_array_member (reply, "processes", describe_results (results));
  g_ptr_array_unref (change.entities);
  g_strfreev (change.stack);
  return ok;
}

gboolean
sc_work_check (JsonObject *request, JsonObject *reply, GCancellable *cancellable, GError **error)
{
  LpChange change = { 0 };

  if (!prepare (request, &change, error))
    return FALSE;
  g_autoptr (GPtrArray) results = lp_change_check (&change, error);
  g_ptr_array_unref (change.entities);
  g_strfreev (change.stack);
  if (results == NULL)
    return FALSE;
  json_object_set_array_member (reply, "processes", describe_results (results));
  return TRUE;
}
