/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words the results of a job. Must not know how jobs run. */
#include "job-results.h"

#include "wire.h"

/* Whether process @pid runs @patch's target or carries it, as of the last look. */
static gboolean
concerns (ScTruth *truth, const ScPatch *patch, int pid)
{
  const LpScan *scan = sc_truth_scan (truth);

  if (sc_patch_is_kernel (patch))
    return TRUE;
  for (guint i = 0; scan != NULL && i < scan->processes->len; i++)
    {
      const LpScanProcess *process = g_ptr_array_index (scan->processes, i);

      if (process->pid != pid)
        continue;
      return g_ptr_array_find_with_equal_func (process->build_ids, patch->info->build_id, g_str_equal, NULL);
    }
  return TRUE; /* gone meanwhile: nothing tells which of the job's targets it ran */
}

JsonNode *
sc_job_processes_node (ScTruth *truth, const ScPatch *patch, JsonObject *reply)
{
  JsonArray *all = reply != NULL ? sc_wire_array (reply, "processes") : NULL;
  g_autoptr (JsonArray) mine = json_array_new ();

  for (guint i = 0; all != NULL && i < json_array_get_length (all); i++)
    {
      JsonObject *process = sc_wire_element (all, i);

      if (process != NULL && concerns (truth, patch, (int)sc_wire_int (process, "pid")))
        json_array_add_object_element (mine, json_object_ref (process));
    }
  if (json_array_get_length (mine) == 0)
    return NULL;
  return json_node_init_array (json_node_alloc (), mine);
}

GVariant *
sc_processes_variant (JsonNode *node)
{
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonObject *process = sc_wire_element (array, i);
      GVariantDict dict;

      if (process == NULL)
        continue;
      g_variant_dict_init (&dict, NULL);
      g_variant_dict_insert (&dict, "Pid", "u", (guint32)sc_wire_int (process, "pid"));
      g_variant_dict_insert (&dict, "Command", "s", sc_wire_string (process, "command"));
      g_variant_dict_insert (&dict, "Status", "s", sc_wire_string (process, "status"));
      g_variant_dict_insert (&dict, "Reason", "s", sc_wire_string (process, "reason"));
      g_variant_dict_insert (&dict, "Detail", "s", sc_wire_string (process, "detail"));
      g_variant_dict_insert (&dict, "StopTime", "t", (guint64)sc_wire_int (process, "stop-time"));
      g_variant_dict_insert (&dict, "PrivatePages", "u", (guint32)sc_wire_int (process, "private-pages"));
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  return g_variant_builder_end (&builder);
}

GVariant *
sc_job_result_new (ScTruth *truth, const ScPatch *patch, JsonObject *reply, const char *word,
                   const GError *error)
{
  g_autoptr (JsonNode) processes = sc_job_processes_node (truth, patch, reply);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Patch", "o", patch->path);
  g_variant_dict_insert (&dict, "Uuid", "s", patch->info->uuid);
  g_variant_dict_insert (&dict, "Name", "s", patch->info->name);
  g_variant_dict_insert (&dict, "Result", "s", word);
  g_variant_dict_insert (&dict, "State", "s", lp_state_word (patch->state));
  g_variant_dict_insert (&dict, "ErrorMessage", "s", error != NULL ? error->message : "");
  g_variant_dict_insert_value (&dict, "Processes", sc_processes_variant (processes));
  return g_variant_dict_end (&dict);
}

void
sc_job_remember_outcomes (ScPatch *patch, JsonObject *reply)
{
  JsonArray *all = reply != NULL ? sc_wire_array (reply, "processes") : NULL;

  g_hash_table_remove_all (patch->outcomes);
  for (guint i = 0; all != NULL && i < json_array_get_length (all); i++)
    {
      JsonObject *process = sc_wire_element (all, i);

      if (process != NULL && !sc_wire_bool (process, "fine"))
        sc_patch_set_outcome (patch, (int)sc_wire_int (process, "pid"),
                              (guint64)sc_wire_int (process, "start-time"),
                              sc_wire_string (process, "status"), sc_wire_string (process, "reason"),
                              sc_wire_string (process, "detail"));
    }
}
