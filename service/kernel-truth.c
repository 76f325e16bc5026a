/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the kernel's livepatches and matches them with patches. Must not know wishes, jobs or the bus. */
#include "kernel-truth.h"

#include "base/text.h"
#include "elf/elf-file.h"
#include "kernel/identity.h"

#include <string.h>

static gboolean
is_kernel (const ScPatchInfo *info)
{
  return g_str_equal (info->kind, "kernel");
}

static const LpLivepatch *
find_patch (const ScKernelReading *reading, const char *module)
{
  for (guint i = 0; i < reading->patches->len; i++)
    {
      const LpLivepatch *patch = g_ptr_array_index (reading->patches, i);

      if (g_str_equal (patch->name, module))
        return patch;
    }
  return NULL;
}

/* A module's file says which build it is; only that of a module that is in the kernel is of interest. */
static void
read_source_versions (ScKernelReading *reading, GPtrArray *infos)
{
  for (guint i = 0; i < infos->len; i++)
    {
      const ScPatchInfo *info = g_ptr_array_index (infos, i);

      if (!is_kernel (info) || find_patch (reading, info->module) == NULL)
        continue;
      g_autofree char *path = g_build_filename (info->bundle_path, info->entity, NULL);
      g_autoptr (LpElf) elf = lp_elf_open (path, NULL);
      const char *version = elf != NULL ? lp_module_info (elf, "srcversion") : NULL;
      if (version != NULL)
        g_hash_table_insert (reading->source_versions, g_strdup (info->digest), g_strdup (version));
    }
}

static guint
count_threads (void)
{
  g_autoptr (GDir) processes = g_dir_open ("/proc", 0, NULL);
  guint n = 0;

  for (const char *pid = processes != NULL ? g_dir_read_name (processes) : NULL; pid != NULL;
       pid = g_dir_read_name (processes))
    {
      g_autofree char *folder = g_build_filename ("/proc", pid, "task", NULL);
      g_autoptr (GDir) threads = g_ascii_isdigit (*pid) ? g_dir_open (folder, 0, NULL) : NULL;

      while (threads != NULL && g_dir_read_name (threads) != NULL)
        n++;
    }
  return n;
}

/* There is at most one transition at a time. */
static void
read_transition (ScKernelReading *reading)
{
  for (guint i = 0; i < reading->patches->len; i++)
    {
      const LpLivepatch *patch = g_ptr_array_index (reading->patches, i);

      if (!patch->transition)
        continue;
      g_ptr_array_unref (reading->stalled);
      reading->stalled
          = lp_livepatch_stalled (&lp_kernel_paths_default,
                                  patch->enabled ? LP_TRANSITION_PATCHED : LP_TRANSITION_UNPATCHED);
      reading->tasks = count_threads ();
      return;
    }
}

ScKernelReading *
sc_kernel_reading_new (GPtrArray *infos)
{
  ScKernelReading *reading = g_new0 (ScKernelReading, 1);

  reading->supported = lp_livepatch_supported (&lp_kernel_paths_default, NULL);
  reading->release = lp_kernel_release ();
  reading->build_id = lp_kernel_build_id (&lp_kernel_paths_default, "vmlinux");
  if (reading->build_id == NULL)
    reading->build_id = g_strdup ("");
  reading->patches = lp_livepatch_list (&lp_kernel_paths_default, NULL);
  if (reading->patches == NULL)
    reading->patches = g_ptr_array_new ();
  reading->stalled = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_stalled_task_free);
  reading->source_versions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  read_source_versions (reading, infos);
  read_transition (reading);
  return reading;
}

void
sc_kernel_reading_free (ScKernelReading *reading)
{
  if (reading == NULL)
    return;
  g_free (reading->release);
  g_free (reading->build_id);
  g_ptr_array_unref (reading->patches);
  g_ptr_array_unref (reading->stalled);
  g_hash_table_unref (reading->source_versions);
  g_free (reading);
}

void
sc_kernel_reading_carriers (const ScKernelReading *reading, const ScPatchInfo *info, ScCarriers *carriers)
{
  const LpLivepatch *patch = find_patch (reading, info->module);
  const char *version = g_hash_table_lookup (reading->source_versions, info->digest);

  if (patch == NULL || !(patch->enabled || patch->transition))
    return;
  carriers->active = !patch->transition;
  carriers->partial = patch->transition;
  carriers->other_digest
      = version != NULL && patch->source_version[0] != '\0' && !g_str_equal (version, patch->source_version);
  if (patch->transition)
    {
      carriers->total = reading->tasks;
      carriers->moved = reading->tasks - MIN (reading->tasks, reading->stalled->len);
    }
}

const char *
sc_kernel_reading_target_problem (const ScKernelReading *reading, const ScPatchInfo *info)
{
  gboolean other_release = !g_str_equal (info->kernel_release, reading->release);
  gboolean other_build = info->build_id[0] != '\0' && reading->build_id[0] != '\0'
                         && !g_str_equal (info->build_id, reading->build_id);

  return !info->foreign && (other_release || other_build) ? "target-changed" : NULL;
}

static gboolean
is_installed (GPtrArray *infos, const char *module)
{
  for (guint i = 0; i < infos->len; i++)
    {
      const ScPatchInfo *info = g_ptr_array_index (infos, i);

      if (is_kernel (info) && !info->foreign && g_str_equal (info->module, module))
        return TRUE;
    }
  return FALSE;
}

static GStrv
function_names (const LpLivepatch *patch)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (guint i = 0; i < patch->objects->len; i++)
    {
      const LpLivepatchObject *object = g_ptr_array_index (patch->objects, i);

      for (guint k = 0; k < object->functions->len; k++)
        {
          const char *function = g_ptr_array_index (object->functions, k);
          g_autofree char *name = g_strndup (function, strcspn (function, ","));

          g_strv_builder_add (names, name);
        }
    }
  return g_strv_builder_end (names);
}

static char *
object_names (const LpLivepatch *patch)
{
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; i < patch->objects->len; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? "+" : "",
                            ((const LpLivepatchObject *)g_ptr_array_index (patch->objects, i))->name);
  return g_string_free (g_steal_pointer (&names), FALSE);
}

void
sc_kernel_reading_add_foreign (const ScKernelReading *reading, GPtrArray *infos, GPtrArray *carried)
{
  for (guint i = 0; i < reading->patches->len; i++)
    {
      const LpLivepatch *patch = g_ptr_array_index (reading->patches, i);

      if (!(patch->enabled || patch->transition) || is_installed (infos, patch->name))
        continue;
      g_auto (GStrv) functions = function_names (patch);
      g_autofree char *object = object_names (patch);
      g_ptr_array_add (carried, sc_patch_info_new_foreign (patch->name, reading->release, reading->build_id,
                                                           object, functions));
    }
}
