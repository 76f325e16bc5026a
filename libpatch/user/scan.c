/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the truth about user patches out of /proc. Must not know what the administrator wishes, and stops
 * nothing. */
#include "user/scan.h"
#include "user/image.h"
#include "user/owner.h"

#include <elf.h>

static void
scan_process_free (gpointer data)
{
  LpScanProcess *p = data;

  g_free (p->command);
  g_free (p->unit);
  g_free (p->container);
  g_clear_pointer (&p->build_ids, g_ptr_array_unref);
  g_clear_pointer (&p->images, g_array_unref);
  g_free (p);
}

void
lp_scan_free (LpScan *scan)
{
  if (scan == NULL)
    return;
  g_ptr_array_unref (scan->processes);
  g_free (scan);
}

/* Those of @build_ids that one of @modules has. */
static GPtrArray *
wanted_build_ids (const GPtrArray *modules, const GPtrArray *build_ids)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < build_ids->len; i++)
    for (guint j = 0; j < modules->len; j++)
      {
        const LpModule *module = g_ptr_array_index (modules, j);
        const char *build_id = g_ptr_array_index (build_ids, i);
        if (g_strcmp0 (module->build_id, build_id) == 0)
          {
            g_ptr_array_add (found, g_strdup (build_id));
            break;
          }
      }
  return found;
}

static GArray *
scan_images (LpProcess *process, const LpMaps *maps)
{
  GArray *result = g_array_new (FALSE, TRUE, sizeof (LpScanImage));
  g_autoptr (GPtrArray) images = lp_images_read (process, maps);

  for (guint i = 0; i < images->len; i++)
    {
      const LpImage *image = g_ptr_array_index (images, i);
      LpScanImage entry = { .identity = image->identity, .base = image->base };

      if (!image->complete)
        continue; /* a killed worker's remainder: never active, swept away by the next step */
      entry.state = lp_image_state (process, lp_arch_for_machine (LP_HOST_MACHINE), images, image);
      g_array_append_val (result, entry);
    }
  return result;
}

/* One process: TRUE when it was read (and, if of interest, added). */
static gboolean
scan_process (LpScan *scan, LpProcess *process, const GPtrArray *build_ids, LpModuleCache *cache,
              GError **error)
{
  g_autoptr (LpMaps) maps = lp_maps_read (process, error);

  if (maps == NULL)
    return FALSE;
  g_autoptr (GPtrArray) modules = build_ids->len > 0 ? lp_modules_read (process, maps, cache) : NULL;
  g_autoptr (GPtrArray) found = modules != NULL ? wanted_build_ids (modules, build_ids) : g_ptr_array_new ();
  g_autoptr (GArray) images = scan_images (process, maps);
  if (found->len == 0 && images->len == 0)
    return TRUE;

  LpScanProcess *entry = g_new0 (LpScanProcess, 1);
  entry->pid = lp_process_pid (process);
  entry->start_time = lp_process_start_time (process);
  entry->command = g_strdup (lp_process_command (process));
  entry->build_ids = g_steal_pointer (&found);
  entry->images = g_steal_pointer (&images);
  lp_owner_read (process, &entry->uid, &entry->unit, &entry->container);
  g_ptr_array_add (scan->processes, entry);
  return TRUE;
}

LpScan *
lp_scan_run (GPtrArray *build_ids, GCancellable *cancellable, GError **error)
{
  g_autoptr (LpScan) scan = g_new0 (LpScan, 1);
  g_autoptr (LpModuleCache) cache = lp_module_cache_new ();
  g_autoptr (GArray) pids = lp_process_list (error);

  scan->processes = g_ptr_array_new_with_free_func (scan_process_free);
  if (pids == NULL)
    return NULL;
  for (guint i = 0; i < pids->len; i++)
    {
      g_autoptr (GError) local_error = NULL;
      g_autoptr (LpProcess) process = NULL;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
      process = lp_process_open (g_array_index (pids, int, i), &local_error);
      if (process != NULL
          && (lp_process_is_kernel_thread (process)
              || scan_process (scan, process, build_ids, cache, &local_error)))
        continue;
      if (g_error_matches (local_error, LP_ERROR, LP_ERROR_PROCESS_GONE))
        scan->skipped++;
      else
        scan->denied++;
    }
  return g_steal_pointer (&scan);
}
