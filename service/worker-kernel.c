/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker's part that changes the kernel: opens the modules anew, trusts nothing that it was told about
 * them but compares it, compares them with the running kernel, and loads or withdraws them. Several patches
 * are one transaction: what was done is undone when one fails. Must not know states, wishes or who asked. */
#include "worker.h"

#include "base/error.h"
#include "kernel-module.h"
#include "kernel/identity.h"
#include "wire.h"

typedef struct {
  JsonObject *request;
  JsonArray *patches;
  JsonArray *known; /* names of the livepatch modules that are ours */
  const char *step;
  guint timeout_ms;
  LpTransitionMode mode;
  gboolean check_owner;
  guint first_remaining; /* tasks to be moved at the first look at this transition; 0: not looked yet */
  JsonArray *processes;  /* of the reply */
} ScKernelWork;

static void
work_init (ScKernelWork *work, JsonObject *request, JsonObject *reply)
{
  *work
      = (ScKernelWork){ .request = request,
                        .patches = sc_wire_array (request, "patches"),
                        .known = sc_wire_array (request, "known"),
                        .step = sc_wire_string (request, "step"),
                        .timeout_ms = (guint)sc_wire_int (request, "timeout-ms"),
                        .mode = sc_wire_bool (request, "force") ? LP_TRANSITION_FORCE : LP_TRANSITION_REVERSE,
                        .check_owner = sc_wire_bool (request, "check-owner"),
                        .processes = json_array_new () };
  json_object_set_array_member (reply, "processes", work->processes);
}

static guint
n_patches (const ScKernelWork *work)
{
  return work->patches != NULL ? json_array_get_length (work->patches) : 0;
}

static gboolean
brings_code (const ScKernelWork *work)
{
  return g_str_equal (work->step, "activate") || g_str_equal (work->step, "load");
}

static void
on_progress (guint remaining, gpointer user_data)
{
  ScKernelWork *work = user_data;
  g_autoptr (JsonObject) message = json_object_new ();

  work->first_remaining = MAX (work->first_remaining, remaining);
  json_object_set_string_member (message, "type", "progress");
  json_object_set_string_member (message, "phase", "switch");
  json_object_set_int_member (message, "done", work->first_remaining - remaining);
  json_object_set_int_member (message, "total", work->first_remaining);
  json_object_set_boolean_member (message, "can-cancel", TRUE);
  sc_work_tell (message);
}

/* The tasks that held a transition up: pid, command, and the kernel's stack, innermost function first. */
static void
report_stalled (ScKernelWork *work, GPtrArray *stalled, gboolean forced)
{
  for (guint i = 0; stalled != NULL && i < stalled->len; i++)
    {
      const LpStalledTask *task = g_ptr_array_index (stalled, i);
      JsonObject *object = json_object_new ();
      g_autofree char *command = g_utf8_make_valid (task->command, -1);
      g_autofree char *detail = lp_stalled_task_describe (task);

      json_object_set_int_member (object, "pid", task->pid);
      json_object_set_string_member (object, "command", command);
      json_object_set_string_member (object, "status", "pending");
      json_object_set_boolean_member (object, "fine", FALSE);
      json_object_set_string_member (object, "error", lp_error_info (LP_ERROR_TRANSITION_TIMEOUT)->name);
      json_object_set_string_member (object, "reason",
                                     forced ? "the transition was ended by force while it was in old code"
                                            : "it did not leave the old code");
      json_object_set_string_member (object, "detail", detail);
      json_array_add_object_element (work->processes, object);
    }
}

static gboolean
enable (ScKernelWork *work, const ScKernelModule *module, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) stalled = NULL;

  work->first_remaining = 0;
  gboolean ok
      = lp_livepatch_enable (&lp_kernel_paths_default, module->fd, module->kernel->module, work->timeout_ms,
                             work->mode, cancellable, on_progress, work, &stalled, error);
  report_stalled (work, stalled, ok);
  return ok;
}

static gboolean
disable (ScKernelWork *work, const char *module, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) stalled = NULL;

  work->first_remaining = 0;
  gboolean ok = lp_livepatch_disable (&lp_kernel_paths_default, module, work->timeout_ms, work->mode,
                                      cancellable, on_progress, work, &stalled, error);
  report_stalled (work, stalled, ok);
  return ok;
}

static void
add_rollback_error (GError **error, const GError *rollback)
{
  g_autoptr (GError) first = g_steal_pointer (error);
  g_autofree char *what = lp_error_split (first->message, NULL);
  g_autofree char *why = lp_error_split (rollback->message, NULL);

  lp_error_set (error, LP_ERROR_ROLLBACK_FAILED, "see syscare list for the present state",
                "%s; and going back failed: %s", what, why);
}

/* What a replacing patch put out of effect is taken out of the kernel: else it would pile up there. */
static void
clear_replaced (const ScKernelWork *work, const char *except)
{
  for (guint i = 0; work->known != NULL && i < json_array_get_length (work->known); i++)
    {
      const char *module = json_array_get_string_element (work->known, i);
      g_autoptr (GError) in_use = NULL; /* it is enabled: it was not replaced */

      if (module != NULL && !g_str_equal (module, except))
        lp_livepatch_clear (&lp_kernel_paths_default, module, &in_use);
    }
}

static GPtrArray *
open_modules (const ScKernelWork *work, GError **error)
{
  g_autoptr (GPtrArray) modules = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_kernel_module_free);
  g_autoptr (LpKeyring) keyring = sc_work_keyring (work->request);

  for (guint i = 0; i < n_patches (work); i++)
    {
      ScKernelModule *module
          = sc_kernel_module_open (sc_wire_element (work->patches, i),
                                   work->check_owner ? LP_BUNDLE_CHECK_OWNER : 0, keyring, error);

      if (module == NULL)
        return NULL;
      g_ptr_array_add (modules, module);
    }
  return g_steal_pointer (&modules);
}

static gboolean
check_modules (const ScKernelWork *work, GPtrArray *modules, GError **error)
{
  gboolean is_forced = work->mode == LP_TRANSITION_FORCE;

  for (guint i = 0; i < modules->len; i++)
    {
      const ScKernelModule *module = g_ptr_array_index (modules, i);

      if (module->kernel->replace && modules->len > 1)
        {
          lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "ask for it alone",
                        "%s: a patch that replaces all others can't be part of a transaction of several",
                        module->name);
          return FALSE;
        }
      if (!sc_kernel_module_check (module, work->known, is_forced, error))
        return FALSE;
      for (guint k = 0; k < i; k++)
        if (!sc_kernel_module_check_pair (module, modules->pdata[k], is_forced, error))
          return FALSE;
    }
  return TRUE;
}

static gboolean
activate (ScKernelWork *work, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) modules = open_modules (work, error);

  if (modules == NULL || !check_modules (work, modules, error))
    return FALSE;
  for (guint i = 0; i < modules->len; i++)
    {
      const ScKernelModule *module = g_ptr_array_index (modules, i);

      if (enable (work, module, cancellable, error))
        {
          if (module->kernel->replace)
            clear_replaced (work, module->kernel->module);
          continue;
        }
      for (guint k = i; k > 0; k--)
        {
          const ScKernelModule *done = g_ptr_array_index (modules, k - 1);
          g_autoptr (GError) rollback = NULL;

          if (!disable (work, done->kernel->module, NULL, &rollback))
            add_rollback_error (error, rollback);
        }
      return FALSE;
    }
  return TRUE;
}

/* Those withdrawn so far come back; mainline can only load them anew. */
static void
take_back_withdrawal (ScKernelWork *work, guint n, GError **error)
{
  for (guint i = n; i > 0; i--)
    {
      g_autoptr (GError) rollback = NULL;
      g_autoptr (ScKernelModule) module
          = sc_kernel_module_open (sc_wire_element (work->patches, i - 1), 0, NULL, &rollback);

      if (module == NULL || !enable (work, module, NULL, &rollback))
        add_rollback_error (error, rollback);
    }
}

static gboolean
withdraw (ScKernelWork *work, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < n_patches (work); i++)
    {
      JsonObject *patch = sc_wire_element (work->patches, i);

      if (disable (work, sc_wire_string (patch, "module"), cancellable, error))
        continue;
      take_back_withdrawal (work, i, error);
      return FALSE;
    }
  return TRUE;
}

gboolean
sc_work_change_kernel (JsonObject *request, JsonObject *reply, GCancellable *cancellable, GError **error)
{
  ScKernelWork work;

  work_init (&work, request, reply);
  if (g_str_equal (work.step, "activate"))
    return activate (&work, cancellable, error);
  if (brings_code (&work)) /* mainline knows no module that is loaded and not enabled: only the checks */
    return sc_work_check_kernel (request, reply, cancellable, error);
  return withdraw (&work, cancellable, error);
}

gboolean
sc_work_check_kernel (JsonObject *request, JsonObject *reply, GCancellable *cancellable, GError **error)
{
  ScKernelWork work;

  (void)cancellable; /* it is quick */
  work_init (&work, request, reply);
  if (!brings_code (&work))
    return TRUE;
  g_autoptr (GPtrArray) modules = open_modules (&work, error);
  return modules != NULL && check_modules (&work, modules, error);
}
