/* SPDX-License-Identifier: GPL-2.0-or-later */
/* org.openeuler.SysCare1.Patch: shows the core's patches and passes their methods on. Decides nothing. */
#include "bus.h"

#include "submit.h"

#define ACTION_INSPECT "org.openeuler.syscare1.inspect"

#define STRV(vector) ((const char *const *)(vector))

static void
show_constants (ScBusPatch *skeleton, const ScPatchInfo *info)
{
  sc_bus_patch_set_uuid (skeleton, info->uuid);
  sc_bus_patch_set_name (skeleton, info->name);
  sc_bus_patch_set_bundle (skeleton, info->bundle);
  sc_bus_patch_set_version (skeleton, info->version);
  sc_bus_patch_set_release (skeleton, info->release);
  sc_bus_patch_set_kind (skeleton, info->kind);
  sc_bus_patch_set_architecture (skeleton, info->architecture);
  sc_bus_patch_set_target_name (skeleton, info->target_source);
  sc_bus_patch_set_target_version (skeleton, info->target_version);
  sc_bus_patch_set_target_object (skeleton, info->object);
  sc_bus_patch_set_target_files (skeleton, STRV (info->files));
  sc_bus_patch_set_target_build_id (skeleton, info->build_id);
  sc_bus_patch_set_digest (skeleton, info->digest);
  sc_bus_patch_set_license (skeleton, info->license);
  sc_bus_patch_set_description (skeleton, info->description);
  sc_bus_patch_set_issues (skeleton, STRV (info->issues));
  sc_bus_patch_set_severity (skeleton, info->severity);
  sc_bus_patch_set_source_patches (skeleton, info->sources);
  sc_bus_patch_set_functions (skeleton, STRV (info->functions));
  sc_bus_patch_set_signer (skeleton, info->signer);
}

static void
show_state (ScBusPatch *skeleton, const ScPatch *patch)
{
  g_autofree char *job = sc_bus_patch_job_path (patch);

  sc_bus_patch_set_state (skeleton, lp_state_word (patch->state));
  sc_bus_patch_set_problems (skeleton, STRV (patch->problems));
  sc_bus_patch_set_processes_total (skeleton, patch->total);
  sc_bus_patch_set_processes_patched (skeleton, patch->patched);
  sc_bus_patch_set_last_change (skeleton, patch->last_change);
  sc_bus_patch_set_job (skeleton, job);
}

/* ---- the verbs ---- */

static void
on_submitted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  GError *error = NULL;
  g_autoptr (ScJob) job = sc_submit_finish (result, &error);

  if (job == NULL)
    sc_bus_call_fail (call, error);
  else
    sc_bus_call_return (call, g_variant_new ("(o)", job->path));
}

void
sc_bus_submit (ScBusCall *call, const char *word, const char *const *paths)
{
  GError *error = NULL;
  ScVerb verb;

  if (!sc_verb_from_word (word, call->options->activate, &verb, &error))
    {
      sc_bus_call_fail (call, error);
      return;
    }
  sc_submit_async (call->bus->service, call->caller, verb, paths, g_steal_pointer (&call->options),
                   on_submitted, call);
}

/* The method's name in lower case is the verb. */
static void
submit_method (ScBusCall *call)
{
  g_autofree char *verb = g_ascii_strdown (g_dbus_method_invocation_get_method_name (call->invocation), -1);
  const char *const paths[] = { g_dbus_method_invocation_get_object_path (call->invocation), NULL };

  sc_bus_submit (call, verb, paths);
}

static gboolean
on_verb (ScBusPatch *skeleton, GDBusMethodInvocation *invocation, GVariant *options, gpointer bus)
{
  gboolean is_apply = g_str_equal (g_dbus_method_invocation_get_method_name (invocation), "Apply");

  sc_bus_call_begin (bus, invocation, options,
                     is_apply ? SC_OPTIONS_SUBMIT : SC_OPTIONS_SUBMIT & ~SC_OPTION_ACTIVATE, submit_method);
  return TRUE;
}

/* ---- ListProcesses ---- */

static void
on_truth_for_processes (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  ScService *service = call->bus->service;
  const char *path = g_dbus_method_invocation_get_object_path (call->invocation);

  sc_truth_refresh_finish (service->truth, result);
  const ScPatch *patch = sc_catalog_lookup (service->catalog, path);
  if (patch == NULL)
    sc_bus_call_fail (call,
                      g_error_new (LP_ERROR, LP_ERROR_UNKNOWN_OBJECT, "there is no patch %s any more", path));
  else
    sc_bus_call_return (call, g_variant_new ("(@aa{sv})", sc_bus_processes (service, patch, call->caller)));
}

static void
list_processes_allowed (ScBusCall *call)
{
  sc_truth_refresh_async (call->bus->service->truth, SC_FRESH_ENOUGH, on_truth_for_processes, call);
}

static void
list_processes (ScBusCall *call)
{
  if (!sc_bus_call_rate_ok (call))
    sc_bus_call_fail (call, g_error_new (LP_ERROR, LP_ERROR_LIMITS_EXCEEDED,
                                         "uid %u asks for processes too often", call->caller->uid));
  else
    sc_bus_call_require (call, ACTION_INSPECT, "", list_processes_allowed);
}

static gboolean
on_list_processes (ScBusPatch *skeleton, GDBusMethodInvocation *invocation, GVariant *options, gpointer bus)
{
  sc_bus_call_begin (bus, invocation, options, 0, list_processes);
  return TRUE;
}

/* ---- the objects ---- */

static void
export_patch (ScBus *bus, const ScPatch *patch)
{
  static const char *const verbs[] = { "handle-apply",  "handle-activate", "handle-deactivate",
                                       "handle-remove", "handle-accept",   "handle-revoke" };
  ScBusPatch *skeleton = sc_bus_patch_skeleton_new ();
  g_autoptr (ScBusObjectSkeleton) object = sc_bus_object_skeleton_new (patch->path);

  show_constants (skeleton, patch->info);
  show_state (skeleton, patch);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_signal_connect (skeleton, verbs[i], G_CALLBACK (on_verb), bus);
  g_signal_connect (skeleton, "handle-list-processes", G_CALLBACK (on_list_processes), bus);
  sc_bus_object_skeleton_set_patch (object, skeleton);
  g_dbus_object_manager_server_export (bus->objects, G_DBUS_OBJECT_SKELETON (object));
  g_hash_table_insert (bus->patches, g_strdup (patch->path), skeleton);
}

void
sc_bus_patch_event (ScCatalogEvent event, ScPatch *patch, gpointer user_data)
{
  ScBus *bus = user_data;
  ScBusPatch *skeleton = g_hash_table_lookup (bus->patches, patch->path);

  if (event == SC_CATALOG_ADDED)
    export_patch (bus, patch);
  else if (event == SC_CATALOG_REMOVED)
    {
      g_dbus_object_manager_server_unexport (bus->objects, patch->path);
      g_hash_table_remove (bus->patches, patch->path);
    }
  else if (skeleton != NULL)
    show_state (skeleton, patch);
}
