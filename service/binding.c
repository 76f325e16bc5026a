/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decides what the trigger binds. Must not know the bus or how binding is done. */
#include "binding.h"

#include "plan.h"

static const ScPlanEntry *
find_entry (GPtrArray *plan, const ScPatch *patch)
{
  for (guint i = 0; plan != NULL && i < plan->len; i++)
    {
      const ScPlanEntry *entry = g_ptr_array_index (plan, i);
      if (entry->patch == patch)
        return entry;
    }
  return NULL;
}

/* What a plan makes of @patch, else what it is: wished for, or (when the wish was lost) carried by processes.
 */
static gboolean
is_to_be_bound (const ScPatch *patch, GPtrArray *plan)
{
  /* Code that nobody trusts any more comes into no further process. */
  if (!sc_patch_has_files (patch) || sc_patch_has_problem (patch, "untrusted")
      || !g_str_equal (patch->info->kind, "user"))
    return FALSE;
  const ScPlanEntry *entry = find_entry (plan, patch);
  return sc_state_is_in_effect (entry != NULL ? entry->result : patch->state);
}

static int
compare_sequence (gconstpointer a, gconstpointer b)
{
  const ScPatch *first = *(ScPatch *const *)a, *second = *(ScPatch *const *)b;

  return first->sequence < second->sequence ? -1 : first->sequence > second->sequence;
}

void
sc_binding_update_async (ScService *service, GPtrArray *plan, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  GPtrArray *patches = sc_catalog_patches (service->catalog);
  g_autoptr (GPtrArray) bound = g_ptr_array_new ();
  g_autoptr (GPtrArray) infos = g_ptr_array_new ();

  /* What comes into effect now has no number yet, or one of an earlier time: it comes on top. */
  for (guint i = 0; i < patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (patches, i);
      if (sc_state_is_in_effect (patch->state) && is_to_be_bound (patch, plan))
        g_ptr_array_add (bound, patch);
    }
  g_ptr_array_sort (bound, compare_sequence);
  for (guint i = 0; plan != NULL && i < plan->len; i++)
    {
      ScPatch *patch = ((const ScPlanEntry *)g_ptr_array_index (plan, i))->patch;
      if (!sc_state_is_in_effect (patch->state) && is_to_be_bound (patch, plan))
        g_ptr_array_add (bound, patch);
    }
  for (guint i = 0; i < bound->len; i++)
    g_ptr_array_add (infos, ((ScPatch *)g_ptr_array_index (bound, i))->info);
  sc_trigger_bind_async (service->trigger, infos, callback, user_data);
}

void
sc_binding_update_finish (ScService *service, GAsyncResult *result)
{
  sc_trigger_bind_finish (service->trigger, result);
}

void
sc_binding_fill_stack (ScService *service, JsonObject *request)
{
  GPtrArray *patches = sc_catalog_patches (service->catalog);
  g_autoptr (GPtrArray) active = g_ptr_array_new ();
  JsonArray *stack = json_array_new ();

  for (guint i = 0; i < patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (patches, i);
      if (sc_state_is_in_effect (patch->state) && g_str_equal (patch->info->kind, "user"))
        g_ptr_array_add (active, (gpointer)patch);
    }
  g_ptr_array_sort (active, compare_sequence);
  for (guint i = 0; i < active->len; i++)
    json_array_add_string_element (stack, ((const ScPatch *)g_ptr_array_index (active, i))->info->uuid);
  json_object_set_array_member (request, "stack", stack);
}
