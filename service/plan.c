/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Applies the state table to the patches of a request. Must not know jobs or the bus. */
#include "plan.h"

#include "base/error.h"

static const char *
name_of (const ScPatch *patch)
{
  return patch->info->name[0] != '\0' ? patch->info->name : patch->info->uuid;
}

/* Whether new code would come into processes: only then must patch and target be beyond doubt. Withdrawing
 * must stay possible as long as the engine can do it. */
static gboolean
brings_code (ScVerb verb)
{
  return verb == SC_VERB_APPLY || verb == SC_VERB_LOAD || verb == SC_VERB_ACTIVATE;
}

static gboolean
check_files (const ScPatch *patch, ScVerb verb, GError **error)
{
  if (patch->info->foreign)
    lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "use the tool that loaded it",
                  "%s: livepatch %s was loaded by something else than SysCare", name_of (patch),
                  patch->info->module);
  else if (!sc_patch_has_files (patch))
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, "install the bundle again, then repeat the request",
                  "%s: the patch's files are gone", name_of (patch));
  else if (brings_code (verb) && sc_patch_has_problem (patch, "untrusted"))
    lp_error_set (error, LP_ERROR_UNTRUSTED, "the setting require-signature is on",
                  "%s: the patch has no trusted signature", name_of (patch));
  else
    return TRUE;
  return FALSE;
}

/* A patch that nobody could run would surprise: no process has the target, and neither has the disk. */
static gboolean
check_target (const ScPatch *patch, ScVerb verb, const ScCallOptions *options, GError **error)
{
  const char *hint = "see syscare target, or use force to record the wish all the same";

  if (brings_code (verb) && sc_patch_is_kernel (patch) && sc_patch_has_problem (patch, "target-changed"))
    {
      lp_error_set (
          error, LP_ERROR_TARGET_MISMATCH, "build the patch for the running kernel",
          "%s: the patch is for another build of the kernel (%s, Build-ID %s) than the one that runs",
          name_of (patch), patch->info->kernel_release, patch->info->build_id);
      return FALSE;
    }
  if (!brings_code (verb) || patch->total > 0 || options->force)
    return TRUE;
  if (sc_patch_has_problem (patch, "target-changed"))
    lp_error_set (error, LP_ERROR_TARGET_MISMATCH, hint,
                  "%s: the installed %s is another build than the patch is for (wanted: Build-ID %s)",
                  name_of (patch), patch->info->object, patch->info->build_id);
  else if (sc_patch_has_problem (patch, "target-missing"))
    lp_error_set (error, LP_ERROR_TARGET_MISSING, hint, "%s: %s is not installed and no process runs it",
                  name_of (patch), patch->info->object);
  else
    return TRUE;
  return FALSE;
}

static ScPlanEntry *
plan_entry (ScPatch *patch, ScVerb verb, const ScCallOptions *options, GError **error)
{
  const ScVerbRow *row = sc_verb_row (verb);
  const ScTransition *transition = sc_verb_transition (verb, patch->state);
  /* "Active" doesn't hold yet while processes run without it: doing it again brings it to them. */
  gboolean repair = transition->outcome == SC_OUTCOME_UNCHANGED && row->step == LP_STEP_ACTIVATE
                    && row->has_step
                    && (sc_patch_has_problem (patch, "processes-unpatched")
                        || (sc_patch_is_kernel (patch) && sc_patch_lacks_effect (patch)));
  gboolean change = transition->outcome == SC_OUTCOME_CHANGE || repair;

  if (transition->outcome == SC_OUTCOME_INVALID
      || (transition->outcome == SC_OUTCOME_UNCHANGED && !repair && options->error_if_unchanged))
    {
      sc_verb_set_invalid_state (verb, patch->state, name_of (patch), error);
      return NULL;
    }
  if (change && row->has_step
      && (!check_files (patch, verb, error) || !check_target (patch, verb, options, error)))
    return NULL;

  ScPlanEntry *entry = g_new0 (ScPlanEntry, 1);
  entry->patch = sc_patch_ref (patch);
  entry->result = transition->result;
  entry->unchanged = !change;
  entry->has_step = change && row->has_step;
  return entry;
}

static void
entry_free (gpointer data)
{
  ScPlanEntry *entry = data;

  sc_patch_unref (entry->patch);
  g_free (entry);
}

/* Last activated, first withdrawn. */
static int
compare_withdrawal (gconstpointer a, gconstpointer b)
{
  guint64 left = (*(ScPlanEntry *const *)a)->patch->sequence,
          right = (*(ScPlanEntry *const *)b)->patch->sequence;

  return left < right ? 1 : left > right ? -1 : 0;
}

/* A transition of the kernel and a step in processes can't be undone together. */
static gboolean
check_kinds (GPtrArray *patches, GError **error)
{
  for (guint i = 1; i < patches->len; i++)
    if (sc_patch_is_kernel (g_ptr_array_index (patches, i))
        != sc_patch_is_kernel (g_ptr_array_index (patches, 0)))
      {
        lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "ask for them one after the other",
                      "patches of the kernel and of programs can't be one transaction");
        return FALSE;
      }
  return TRUE;
}

GPtrArray *
sc_plan_new (ScVerb verb, GPtrArray *patches, const ScCallOptions *options, GError **error)
{
  g_autoptr (GPtrArray) plan = g_ptr_array_new_with_free_func (entry_free);

  if (!check_kinds (patches, error))
    return NULL;
  for (guint i = 0; i < patches->len; i++)
    {
      ScPlanEntry *entry = plan_entry (g_ptr_array_index (patches, i), verb, options, error);

      if (entry == NULL)
        return NULL;
      g_ptr_array_add (plan, entry);
    }
  if (!brings_code (verb))
    g_ptr_array_sort (plan, compare_withdrawal);
  return g_steal_pointer (&plan);
}

gboolean
sc_plan_has_step (GPtrArray *plan)
{
  for (guint i = 0; i < plan->len; i++)
    if (((ScPlanEntry *)g_ptr_array_index (plan, i))->has_step)
      return TRUE;
  return FALSE;
}

gboolean
sc_plan_is_kernel (GPtrArray *plan)
{
  return plan->len > 0 && sc_patch_is_kernel (((ScPlanEntry *)g_ptr_array_index (plan, 0))->patch);
}

void
sc_plan_fill_request (GPtrArray *plan, ScVerb verb, const ScCallOptions *options, guint busy_timeout,
                      JsonObject *request)
{
  static const char *const words[] = { [LP_STEP_LOAD] = "load",
                                       [LP_STEP_ACTIVATE] = "activate",
                                       [LP_STEP_DEACTIVATE] = "deactivate",
                                       [LP_STEP_UNLOAD] = "unload" };
  guint64 timeout_ms = options->timeout != 0 ? options->timeout / 1000 : (guint64)busy_timeout * 1000;
  JsonArray *patches = json_array_new ();

  for (guint i = 0; i < plan->len; i++)
    {
      const ScPlanEntry *entry = g_ptr_array_index (plan, i);
      const ScPatchInfo *info = entry->patch->info;
      JsonObject *patch = entry->has_step ? json_object_new () : NULL;

      if (patch == NULL)
        continue;
      json_object_set_string_member (patch, "uuid", info->uuid);
      json_object_set_string_member (patch, "name", info->name);
      json_object_set_string_member (patch, "bundle", info->bundle_path);
      json_object_set_string_member (patch, "digest", info->digest);
      json_object_set_string_member (patch, "build-id", info->build_id);
      json_object_set_string_member (patch, "signer", brings_code (verb) ? info->signer : "");
      json_object_set_string_member (patch, "module", info->module);
      json_array_add_object_element (patches, patch);
    }
  json_object_set_array_member (request, "patches", patches);
  json_object_set_string_member (request, "step", words[sc_verb_row (verb)->step]);
  json_object_set_int_member (request, "timeout-ms", (gint64)MAX (timeout_ms, 1));
  json_object_set_string_member (request, "consistency",
                                 options->consistency == LP_CONSISTENCY_ENTRY ? "entry" : "strict");
  json_object_set_boolean_member (request, "keep", options->keep_on_failure);
  json_object_set_boolean_member (request, "force", options->force);
}
