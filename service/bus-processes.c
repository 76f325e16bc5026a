/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patch.ListProcesses: which processes run a patch, as far as the caller may see them. Decides nothing about
 * patches. */
#include "bus.h"

#include <string.h>

/* Whether /proc hides other users' processes (mount option hidepid, proc(5)). */
static gboolean
proc_hides_others (void)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents ("/proc/self/mountinfo", &text, NULL, NULL))
    return TRUE;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (strstr (lines[i], " /proc ") != NULL && strstr (lines[i], " - proc ") != NULL)
      return strstr (lines[i], "hidepid=") != NULL && strstr (lines[i], "hidepid=off") == NULL
             && strstr (lines[i], "hidepid=0") == NULL;
  return FALSE;
}

static const LpScanImage *
find_image (const LpScanProcess *process, const ScPatchInfo *info)
{
  for (guint i = 0; i < process->images->len; i++)
    {
      const LpScanImage *image = &g_array_index (process->images, LpScanImage, i);
      g_autofree char *uuid = sc_uuid_to_string (image->identity.uuid);

      if (g_str_equal (uuid, info->uuid))
        return image;
    }
  return NULL;
}

typedef struct {
  const char *status;
  const char *reason;
  const char *detail;
} ScProcessWords;

static ScProcessWords
describe (const ScPatch *patch, const LpScanProcess *process, const LpScanImage *image)
{
  const ScOutcomeRecord *outcome = g_hash_table_lookup (patch->outcomes, GINT_TO_POINTER (process->pid));
  gboolean in_effect = sc_state_is_in_effect (patch->state);

  if (image != NULL && image->state == LP_IMAGE_ACTIVE)
    return (ScProcessWords){ "patched", "", "" };
  if (outcome != NULL && outcome->start_time == process->start_time)
    return (ScProcessWords){ outcome->status, outcome->reason, outcome->detail };
  if (image != NULL && image->state == LP_IMAGE_PARTIAL)
    return (ScProcessWords){ "pending", "an interrupted step: only some functions are replaced", "" };
  if (in_effect)
    return (ScProcessWords){ "pending", "not patched yet", "" };
  return (ScProcessWords){ "unpatched", image != NULL ? "loaded, not active" : "the patch is not active",
                           "" };
}

static GVariant *
process_variant (const ScPatch *patch, const LpScanProcess *process, gboolean may_see_all)
{
  const LpScanImage *image = find_image (process, patch->info);
  ScProcessWords words = describe (patch, process, image);
  gboolean patched = image != NULL && image->state == LP_IMAGE_ACTIVE;
  g_autofree char *command = g_utf8_make_valid (process->command, -1);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Pid", "u", (guint32)process->pid);
  g_variant_dict_insert (&dict, "Command", "s", command);
  g_variant_dict_insert (&dict, "Uid", "u", (guint32)process->uid);
  g_variant_dict_insert (&dict, "Unit", "s", may_see_all ? process->unit : "");
  g_variant_dict_insert (&dict, "Container", "s", may_see_all ? process->container : "");
  g_variant_dict_insert (&dict, "Status", "s", words.status);
  g_variant_dict_insert (&dict, "Reason", "s", may_see_all ? words.reason : "");
  g_variant_dict_insert (&dict, "Detail", "s", may_see_all ? words.detail : "");
  g_variant_dict_insert (&dict, "Since", "t", patched ? image->identity.load_time : 0);
  return g_variant_dict_end (&dict);
}

/* Tasks that hold the transition of a kernel patch up. What the kernel does for another user's process is
 * shown as far as that process' own stack would be: to root only. */
static GVariant *
stalled_tasks (ScService *service, const ScPatch *patch, gboolean may_see_all)
{
  const ScKernelReading *reading = sc_truth_kernel (service->truth);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0;
       reading != NULL && sc_patch_has_problem (patch, "transition-pending") && i < reading->stalled->len;
       i++)
    {
      const LpStalledTask *task = g_ptr_array_index (reading->stalled, i);
      g_autofree char *command = g_utf8_make_valid (task->command, -1);
      g_autofree char *detail = lp_stalled_task_describe (task);
      GVariantDict dict;

      g_variant_dict_init (&dict, NULL);
      g_variant_dict_insert (&dict, "Pid", "u", (guint32)task->pid);
      g_variant_dict_insert (&dict, "Command", "s", command);
      g_variant_dict_insert (&dict, "Uid", "u", (guint32)task->uid);
      g_variant_dict_insert (&dict, "Unit", "s", "");
      g_variant_dict_insert (&dict, "Container", "s", "");
      g_variant_dict_insert (&dict, "Status", "s", "pending");
      g_variant_dict_insert (&dict, "Reason", "s", may_see_all ? "it did not leave the old code yet" : "");
      g_variant_dict_insert (&dict, "Detail", "s", may_see_all ? detail : "");
      g_variant_dict_insert (&dict, "Since", "t", (guint64)0);
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  return g_variant_builder_end (&builder);
}

GVariant *
sc_bus_processes (ScService *service, const ScPatch *patch, const ScCaller *caller)
{
  const LpScan *scan = sc_truth_scan (service->truth);
  gboolean hides = caller->uid != 0 && proc_hides_others ();
  GVariantBuilder builder;

  if (sc_patch_is_kernel (patch))
    return stalled_tasks (service, patch, caller->uid == 0);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; scan != NULL && i < scan->processes->len; i++)
    {
      const LpScanProcess *process = g_ptr_array_index (scan->processes, i);
      gboolean own = caller->uid == 0 || caller->uid == process->uid;
      gboolean runs
          = g_ptr_array_find_with_equal_func (process->build_ids, patch->info->build_id, g_str_equal, NULL);

      if ((runs || find_image (process, patch->info) != NULL) && (own || !hides))
        g_variant_builder_add_value (&builder, process_variant (patch, process, own));
    }
  return g_variant_builder_end (&builder);
}
