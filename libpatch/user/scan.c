/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the truth about user patches out of /proc. Must not know what the administrator wishes, and stops
 * nothing. */
#include "user/scan.h"
#include "process/process.h"
#include "user/scan-reader.h"

void
lp_scan_process_free (LpScanProcess *p)
{
  if (p == NULL)
    return;
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
  g_array_unref (scan->hanging);
  g_free (scan);
}

LpScan *
lp_scan_run (GPtrArray *build_ids, GCancellable *cancellable, GError **error)
{
  g_autoptr (LpScan) scan = g_new0 (LpScan, 1);
  g_autoptr (GArray) pids = lp_process_list (error);
  g_autoptr (GError) local_error = NULL;
  LpScanProcess *found = NULL;
  LpReadOutcome outcome;
  int pid;

  scan->processes = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_scan_process_free);
  scan->hanging = g_array_new (FALSE, FALSE, sizeof (int));
  if (pids == NULL)
    return NULL;
  g_autoptr (LpScanReader) reader = lp_scan_reader_new (pids, build_ids);
  while (lp_scan_reader_next (reader, cancellable, &pid, &outcome, &found, &local_error))
    {
      if (outcome == LP_READ_FOUND)
        g_ptr_array_add (scan->processes, g_steal_pointer (&found));
      else if (outcome == LP_READ_HANGING)
        g_array_append_val (scan->hanging, pid);
      scan->skipped += outcome == LP_READ_GONE;
      scan->denied += outcome == LP_READ_DENIED;
    }
  if (local_error == NULL)
    return g_steal_pointer (&scan);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return NULL;
}
