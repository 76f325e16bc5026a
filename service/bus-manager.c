/* SPDX-License-Identifier: GPL-2.0-or-later */
/* org.openeuler.SysCare1.Manager: translates its calls into the core's functions. Decides nothing. */
#include "bus.h"

#include "config.h"
#include "error-names.h"
#include "install.h"
#include "job-results.h"
#include "package-db.h"
#include "questions.h"
#include "restore.h"
#include "submit.h"

#include <sys/utsname.h>

#define ACTION(name) "org.openeuler.syscare1." name
#define PAGE_MAX 1000
#define STRING_MAX 4096 /* bytes of a path argument */

/* ---- Submit, Check, CanPerform ---- */

static void
submit (ScBusCall *call)
{
  const char *verb;
  g_autofree const char **paths = NULL;

  g_variant_get (call->parameters, "(&s^a&o@a{sv})", &verb, &paths, NULL);
  sc_bus_submit (call, verb, paths);
}

static gboolean
on_submit (ScBusManager *manager, GDBusMethodInvocation *invocation, const char *verb,
           const char *const *paths, GVariant *options, gpointer bus)
{
  gboolean is_apply = g_str_equal (verb, "apply");

  sc_bus_call_begin (bus, invocation, options,
                     is_apply ? SC_OPTIONS_SUBMIT : SC_OPTIONS_SUBMIT & ~SC_OPTION_ACTIVATE, submit);
  return TRUE;
}

static void
on_check_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) findings = sc_check_finish (result, &error);

  if (findings == NULL)
    sc_bus_call_fail (call, error);
  else
    sc_bus_call_return (call, g_variant_new ("(@aa{sv})", findings));
}

static void
check_allowed (ScBusCall *call)
{
  const char *word;
  g_autofree const char **paths = NULL;
  GError *error = NULL;
  ScVerb verb;

  g_variant_get (call->parameters, "(&s^a&o@a{sv})", &word, &paths, NULL);
  if (!sc_verb_from_word (word, call->options->activate, &verb, &error))
    sc_bus_call_fail (call, error);
  else
    sc_check_async (call->bus->service, verb, paths, g_steal_pointer (&call->options), on_check_done, call);
}

static void
check (ScBusCall *call)
{
  sc_bus_call_require (call, ACTION ("check"), "check", check_allowed);
}

static gboolean
on_check (ScBusManager *manager, GDBusMethodInvocation *invocation, const char *verb,
          const char *const *paths, GVariant *options, gpointer bus)
{
  sc_bus_call_begin (bus, invocation, options, SC_OPTIONS_SUBMIT, check);
  return TRUE;
}

static void
on_can_perform_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  GError *error = NULL;
  g_auto (GStrv) answers = sc_can_perform_finish (result, &error);

  if (answers == NULL)
    sc_bus_call_fail (call, error);
  else
    sc_bus_call_return (call, g_variant_new ("(^as)", answers));
}

static void
on_can_uninstall (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static const char *const words[] = { "no", "challenge", "yes" };
  ScBusCall *call = user_data;
  ScService *service = call->bus->service;
  g_autofree const char **paths = NULL;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  GError *error = NULL;
  ScAnswer answer;

  g_variant_get (call->parameters, "(&s^a&o@a{sv})", NULL, &paths, NULL);
  g_autoptr (GPtrArray) patches = NULL;
  if (!sc_authority_ask_finish (result, &answer, &error)
      || (patches = sc_service_resolve (service, paths, &error)) == NULL)
    {
      sc_bus_call_fail (call, error);
      return;
    }
  for (guint i = 0; i < patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (patches, i);

      g_strv_builder_add (builder, patch->state != LP_STATE_NOT_APPLIED ? "invalid-state" : words[answer]);
    }
  g_auto (GStrv) answers = g_strv_builder_end (builder);
  sc_bus_call_return (call, g_variant_new ("(^as)", answers));
}

static void
can_uninstall (ScBusCall *call)
{
  g_autoptr (ScQuestion) question = sc_question_new_plain (ACTION ("install"), "uninstall");

  sc_authority_ask_async (call->bus->service->authority, call->caller, question, SC_ASK_PEEK,
                          on_can_uninstall, call);
}

static void
can_perform (ScBusCall *call)
{
  const char *word;
  g_autofree const char **paths = NULL;
  GError *error = NULL;
  ScVerb verb;

  g_variant_get (call->parameters, "(&s^a&o@a{sv})", &word, &paths, NULL);
  if (g_str_equal (word, "uninstall"))
    can_uninstall (call);
  else if (!sc_verb_from_word (word, TRUE, &verb, &error))
    sc_bus_call_fail (call, error);
  else
    sc_can_perform_async (call->bus->service, call->caller, verb, paths, call->options->force,
                          on_can_perform_done, call);
}

static gboolean
on_can_perform (ScBusManager *manager, GDBusMethodInvocation *invocation, const char *verb,
                const char *const *paths, GVariant *options, gpointer bus)
{
  sc_bus_call_begin (bus, invocation, options, SC_OPTION_FORCE, can_perform);
  return TRUE;
}

/* ---- Install, Uninstall ---- */

static void
on_installed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  GError *error = NULL;
  g_autoptr (ScJob) job = sc_install_finish (result, &error);

  if (job == NULL)
    sc_bus_call_fail (call, error);
  else
    sc_bus_call_return (call, g_variant_new ("(o)", job->path));
}

static void
install (ScBusCall *call)
{
  const char *path;

  g_variant_get (call->parameters, "(&s@a{sv})", &path, NULL);
  sc_install_async (call->bus->service, call->caller, path, g_steal_pointer (&call->options), on_installed,
                    call);
}

static gboolean
on_install (ScBusManager *manager, GDBusMethodInvocation *invocation, const char *path, GVariant *options,
            gpointer bus)
{
  if (strlen (path) > STRING_MAX)
    g_dbus_method_invocation_return_dbus_error (invocation, SC_ERROR_PREFIX_STANDARD "InvalidArgs",
                                                "the path is too long");
  else
    sc_bus_call_begin (bus, invocation, options, SC_OPTION_REASON, install);
  return TRUE;
}

static void
uninstall (ScBusCall *call)
{
  g_autofree const char **paths = NULL;

  g_variant_get (call->parameters, "(^a&o@a{sv})", &paths, NULL);
  sc_uninstall_async (call->bus->service, call->caller, paths, g_steal_pointer (&call->options), on_installed,
                      call);
}

static gboolean
on_uninstall (ScBusManager *manager, GDBusMethodInvocation *invocation, const char *const *paths,
              GVariant *options, gpointer bus)
{
  sc_bus_call_begin (bus, invocation, options, SC_OPTION_REASON | SC_OPTION_EXPECTED_GENERATION, uninstall);
  return TRUE;
}

/* ---- Rescan, Save, Restore ---- */

static void
on_rescanned (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  GError *error = NULL;

  sc_bus_manager_update (call->bus); /* Degraded has heard of it before the caller has */
  if (!sc_service_rescan_finish (call->bus->service, result, &error))
    sc_bus_call_fail (call, error);
  else
    sc_bus_call_return (call, NULL);
}

static void
rescan_allowed (ScBusCall *call)
{
  sc_service_rescan_async (call->bus->service, on_rescanned, call);
}

static void
rescan (ScBusCall *call)
{
  sc_bus_call_require (call, ACTION ("rescan"), "rescan", rescan_allowed);
}

static gboolean
on_rescan (ScBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options, gpointer bus)
{
  sc_bus_call_begin (bus, invocation, options, 0, rescan);
  return TRUE;
}

static void
on_saved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  GError *error = NULL;

  if (!sc_save_finish (call->bus->service, result, &error))
    sc_bus_call_fail (call, error);
  else
    sc_bus_call_return (call, NULL);
}

static void
save_allowed (ScBusCall *call)
{
  sc_save_async (call->bus->service, call->caller, on_saved, call);
}

static void
save (ScBusCall *call)
{
  sc_bus_call_require (call, ACTION ("restore"), "save", save_allowed);
}

static gboolean
on_save (ScBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options, gpointer bus)
{
  sc_bus_call_begin (bus, invocation, options, SC_OPTION_REASON, save);
  return TRUE;
}

static void
on_truth_for_restore (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  ScService *service = call->bus->service;
  GError *error = NULL;

  sc_truth_refresh_finish (service->truth, result);
  ScJob *job = sc_restore (service, call->caller, g_steal_pointer (&call->options), &error);
  if (error != NULL)
    sc_bus_call_fail (call, error);
  else
    sc_bus_call_return (call, g_variant_new ("(o)", job != NULL ? job->path : "/"));
}

static void
restore_allowed (ScBusCall *call)
{
  sc_truth_refresh_async (call->bus->service->truth, 0, on_truth_for_restore, call);
}

static void
restore (ScBusCall *call)
{
  sc_bus_call_require (call, ACTION ("restore"), "restore", restore_allowed);
}

static gboolean
on_restore (ScBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options, gpointer bus)
{
  sc_bus_call_begin (bus, invocation, options, SC_OPTION_ACCEPTED | SC_OPTION_TIMEOUT | SC_OPTION_REASON,
                     restore);
  return TRUE;
}

/* ---- GetHistory ---- */

static GVariant *
history_variant (const LpHistoryRecord *record)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Time", "t", record->time);
  g_variant_dict_insert (&dict, "Uid", "u", record->uid);
  g_variant_dict_insert (&dict, "LoginUid", "u", record->login_uid);
  g_variant_dict_insert (&dict, "Session", "s", record->session);
  g_variant_dict_insert (&dict, "Verb", "s", record->verb);
  g_variant_dict_insert (&dict, "Patch", "s", record->patch);
  g_variant_dict_insert (&dict, "Name", "s", record->name);
  g_variant_dict_insert (&dict, "Reason", "s", record->reason);
  g_variant_dict_insert (&dict, "Result", "s", record->result);
  g_variant_dict_insert (&dict, "ErrorName", "s", sc_error_name_for_short (record->error));
  g_variant_dict_insert (&dict, "ErrorMessage", "s", record->message);
  g_variant_dict_insert_value (&dict, "Processes", sc_processes_variant (record->processes));
  return g_variant_dict_end (&dict);
}

static void
on_history (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  GError *error = NULL;
  g_autoptr (GPtrArray) records = sc_records_history_finish (call->bus->service->records, result, &error);
  GVariantBuilder builder;

  if (records == NULL)
    {
      sc_bus_call_fail (call, error);
      return;
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < records->len; i++)
    g_variant_builder_add_value (&builder, history_variant (g_ptr_array_index (records, i)));
  sc_bus_call_return (call, g_variant_new ("(aa{sv})", &builder));
}

static void
history_allowed (ScBusCall *call)
{
  guint64 since;
  guint32 limit;

  g_variant_get (call->parameters, "(tu@a{sv})", &since, &limit, NULL);
  sc_records_history_async (call->bus->service->records, since,
                            limit == 0 || limit > PAGE_MAX ? PAGE_MAX : limit, on_history, call);
}

static void
history (ScBusCall *call)
{
  sc_bus_call_require (call, ACTION ("inspect"), "", history_allowed);
}

static gboolean
on_get_history (ScBusManager *manager, GDBusMethodInvocation *invocation, guint64 since, guint limit,
                GVariant *options, gpointer bus)
{
  sc_bus_call_begin (bus, invocation, options, 0, history);
  return TRUE;
}

/* ---- the interface ---- */

static GStrv
find_features (const ScService *service)
{
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  const char *database = sc_package_db_feature ();
  const char *const mechanisms[] = { "gate", "net", "events" };

  g_strv_builder_add (words, "user-patches");
  if (sc_truth_kernel (service->truth) != NULL && sc_truth_kernel (service->truth)->supported)
    g_strv_builder_add (words, "kernel-patches");
  for (guint i = 0; i < G_N_ELEMENTS (mechanisms); i++)
    if (sc_trigger_has (service->trigger, mechanisms[i]))
      g_strv_builder_add (words, mechanisms[i]);
  if (database != NULL)
    g_strv_builder_add (words, database);
  return g_strv_builder_end (words);
}

void
sc_bus_manager_update (ScBus *bus)
{
  g_auto (GStrv) degraded = sc_service_degraded (bus->service);
  g_auto (GStrv) features = find_features (bus->service);

  sc_bus_manager_set_features (bus->manager, (const char *const *)features);
  sc_bus_manager_set_old_calls (bus->manager, sc_trigger_old_calls (bus->service->trigger));
  sc_bus_manager_set_degraded (bus->manager, (const char *const *)degraded);
  sc_bus_manager_set_generation (bus->manager, sc_catalog_generation (bus->service->catalog));
}

ScBusManager *
sc_bus_manager_export (ScBus *bus, GError **error)
{
  static const struct {
    const char *signal;
    GCallback handler;
  } handlers[] = {
    { "handle-submit", G_CALLBACK (on_submit) },
    { "handle-check", G_CALLBACK (on_check) },
    { "handle-can-perform", G_CALLBACK (on_can_perform) },
    { "handle-install", G_CALLBACK (on_install) },
    { "handle-uninstall", G_CALLBACK (on_uninstall) },
    { "handle-rescan", G_CALLBACK (on_rescan) },
    { "handle-save", G_CALLBACK (on_save) },
    { "handle-restore", G_CALLBACK (on_restore) },
    { "handle-get-history", G_CALLBACK (on_get_history) },
  };
  g_autoptr (ScBusManager) manager = sc_bus_manager_skeleton_new ();
  g_auto (GStrv) features = find_features (bus->service);
  struct utsname kernel;

  uname (&kernel);
  sc_bus_manager_set_version (manager, SYSCARE_VERSION);
  sc_bus_manager_set_features (manager, (const char *const *)features);
  sc_bus_manager_set_kernel_release (manager, kernel.release);
  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    g_signal_connect (manager, handlers[i].signal, handlers[i].handler, bus);
  sc_bus_lists_connect (bus, manager);
  if (!g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (manager), bus->connection, SC_BUS_PATH,
                                         error))
    return NULL;
  return g_steal_pointer (&manager);
}
