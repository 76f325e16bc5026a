/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One change over all its processes: a transaction of the steps in target.h. Must not know how a step is made
 * in a process. */
#include "base/step.h"
#include "process/sharing.h"
#include "user/engine.h"
#include "user/result.h"
#include "user/scan.h"
#include "user/target.h"

#include <string.h>
#include <unistd.h>

#define MAX_ROUNDS 8       /* how often processes that appeared meanwhile are looked for */
#define FIRST_PAUSE_US 500 /* between attempts on busy processes, doubled each time */
#define LONGEST_PAUSE_US 100000
#define UNDO_TIMEOUT_MS 3000 /* at least: giving up on an undo is worse than waiting */

/* One process on its way through the change. */
typedef struct {
  LpTarget *target; /* NULL: couldn't be looked at, or is changed with @twin */
  LpProcessResult *result;
  int twin;         /* pid of the entry that has the same memory, 0 = none: what happens there happens here */
  gboolean wanted;  /* the step is to be made here, and nothing has failed so far */
  gboolean done;    /* it was made */
  gboolean pending; /* the present phase of it is still to be made */
  gboolean placed;
  gboolean switched;
} Entry;

typedef struct {
  const LpChange *change;
  GCancellable *cancellable;
  LpChangeProgress progress;
  gpointer user_data;
  GPtrArray *entries;  /* Entry */
  GError *error;       /* the first one; it decides the outcome */
  gboolean begun;      /* a step was attempted: from here on processes inherit what is half done */
  gboolean was_active; /* before that, in some process */
  gboolean was_loaded;
} Run;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  lp_target_free (entry->target);
  lp_process_result_free (entry->result);
  g_free (entry);
}

static gboolean
switches_on (LpStep step)
{
  return step == LP_STEP_ACTIVATE;
}

static gboolean
brings_code (LpStep step)
{
  return step == LP_STEP_LOAD || step == LP_STEP_ACTIVATE;
}

static void
report (const Run *run, const char *phase, guint done, gboolean can_cancel)
{
  if (run->progress != NULL)
    run->progress (phase, done, run->entries->len, can_cancel, run->user_data);
}

/* Whether an error in one process must end the whole change. */
static gboolean
is_decisive (LpProcessStatus status)
{
  return status == LP_PROCESS_BUSY || status == LP_PROCESS_FAILED;
}

/* Notes @error (taken) as the outcome of @entry. FALSE when the change as a whole has failed by it. */
static gboolean
entry_fail (Run *run, Entry *entry, GError *error)
{
  lp_process_result_set_error (entry->result, error);
  entry->wanted = entry->pending = FALSE;
  if (!is_decisive (entry->result->status) || run->error != NULL)
    {
      gboolean goes_on = !is_decisive (entry->result->status) || run->change->keep_on_failure;
      g_error_free (error);
      return goes_on;
    }
  run->error = error;
  return run->change->keep_on_failure;
}

static gboolean
is_known (const Run *run, int pid, guint64 start_time)
{
  for (guint i = 0; i < run->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (run->entries, i);
      if (entry->result->pid == pid
          && (entry->target == NULL || start_time == 0 || entry->result->start_time == start_time))
        return TRUE;
    }
  return FALSE;
}

static Entry *
find_entry (const Run *run, int pid)
{
  for (guint i = 0; i < run->entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (run->entries, i);
      if (entry->result->pid == pid)
        return entry;
    }
  return NULL;
}

/* Notes that @pid shares its memory with one of @sharers that is looked at already. */
static gboolean
add_twin (Run *run, int pid, const GArray *sharers)
{
  for (guint i = 0; i < sharers->len; i++)
    {
      const Entry *known = find_entry (run, g_array_index (sharers, int, i));
      if (known == NULL || known->target == NULL || known->result->pid == pid)
        continue;
      Entry *entry = g_new0 (Entry, 1);
      g_autoptr (LpProcess) process = lp_process_open (pid, NULL);
      entry->result = lp_process_result_new (pid);
      entry->result->start_time = process != NULL ? lp_process_start_time (process) : 0;
      entry->twin = known->result->pid;
      g_ptr_array_add (run->entries, entry);
      return TRUE;
    }
  return FALSE;
}

/* A process whose twin has ended meanwhile is one of its own again. */
static void
part_twins (Run *run)
{
  for (guint i = run->entries->len; i-- > 0;)
    {
      const Entry *entry = g_ptr_array_index (run->entries, i);
      const Entry *twin = entry->twin != 0 ? find_entry (run, entry->twin) : NULL;
      if (twin != NULL && twin->result->status == LP_PROCESS_GONE)
        g_ptr_array_remove_index (run->entries, i);
    }
}

static void
copy_to_twins (const Run *run)
{
  for (guint i = 0; i < run->entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (run->entries, i);
      const Entry *twin = entry->twin != 0 ? find_entry (run, entry->twin) : NULL;
      if (twin != NULL)
        lp_process_result_copy (entry->result, twin->result);
    }
}

#define CHECKS 3 /* the trigger may patch the process between one look at it and the next */

/* Looks at process @pid, and whether the step can be made; *@error says why it can't. NULL: it can't be
 * looked at. */
static LpTarget *
check_process (const Run *run, int pid, GError **error)
{
  LpTarget *target = NULL;

  for (guint i = 0; i < CHECKS; i++)
    {
      g_clear_pointer (&target, lp_target_free);
      g_clear_error (error);
      target = lp_target_new (pid, run->change->entities, error);
      if (target != NULL && (run->change->keeps_order || run->change->stack != NULL))
        lp_target_keep_order (target, (const char *const *)run->change->stack);
      if (target == NULL || !lp_target_needs (target, run->change->step)
          || lp_target_check (target, run->change->step, run->change->consistency, error))
        return target;
    }
  return target;
}

/* Looks at process @pid, which shares its memory with @sharers (nullable). FALSE when the change as a whole
 * has failed by it. */
static gboolean
add_process (Run *run, int pid, const GArray *sharers, int known_number)
{
  if (sharers != NULL && add_twin (run, pid, sharers))
    return TRUE;

  Entry *entry = g_new0 (Entry, 1);
  GError *error = NULL;

  entry->result = lp_process_result_new (pid);
  g_ptr_array_add (run->entries, entry);
  entry->target = check_process (run, pid, &error);
  if (entry->target == NULL)
    return entry_fail (run, entry, error);
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (int));
  lp_target_set_sharers (entry->target, sharers != NULL ? sharers : none, known_number);

  LpProcess *process = lp_target_process (entry->target);
  g_free (entry->result->command);
  entry->result->command = g_strdup (lp_process_command (process));
  entry->result->start_time = lp_process_start_time (process);
  entry->result->status = LP_PROCESS_UNCHANGED;
  run->was_active |= !run->begun && lp_target_needs (entry->target, LP_STEP_DEACTIVATE);
  run->was_loaded |= !run->begun && lp_target_needs (entry->target, LP_STEP_UNLOAD);
  if (run->change->pids == NULL && !lp_target_concerns (entry->target))
    {
      g_clear_error (&error);
      g_ptr_array_remove_index (run->entries,
                                run->entries->len - 1); /* found by the scan for another patch's image */
      return TRUE;
    }
  if (error != NULL)
    return entry_fail (run, entry, error);
  if (!lp_target_needs (entry->target, run->change->step))
    return TRUE;
  entry->wanted = TRUE;
  return TRUE;
}

/* Build-IDs of all entities, for the scan. */
static GPtrArray *
wanted_build_ids (const LpChange *change)
{
  GPtrArray *build_ids = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < change->entities->len; i++)
    g_ptr_array_add (build_ids, lp_entity_build_id (g_ptr_array_index (change->entities, i)));
  return build_ids;
}

/* A process that can't be read may or may not have the target: it is told, and it hinders nobody. */
static void
add_hanging (Run *run, int pid)
{
  Entry *entry = g_new0 (Entry, 1);
  g_autoptr (GError) error = NULL;

  entry->result = lp_process_result_new (pid);
  lp_error_set (&error, LP_ERROR_NOT_SUPPORTED, NULL,
                "process %d: its memory can't be read: it waits for a file system that doesn't answer", pid);
  lp_process_result_set_error (entry->result, error);
  g_ptr_array_add (run->entries, entry);
}

static GHashTable *
sharing_groups (const LpScan *scan)
{
  g_autoptr (GArray) pids = g_array_new (FALSE, FALSE, sizeof (int));

  for (guint i = 0; i < scan->processes->len; i++)
    g_array_append_val (pids, ((LpScanProcess *)g_ptr_array_index (scan->processes, i))->pid);
  return lp_process_sharing_groups (pids);
}

/* Adds processes that aren't known yet. @added: how many. */
static gboolean
collect (Run *run, guint *added)
{
  int known_number = lp_process_last_number ();

  report (run, "scan", 0, TRUE);
  part_twins (run);
  guint before = run->entries->len;
  if (run->change->pids != NULL)
    {
      for (guint i = 0; i < run->change->pids->len; i++)
        {
          int pid = g_array_index (run->change->pids, int, i);
          if (is_known (run, pid, 0))
            continue;
          g_autoptr (GArray) sharers = lp_process_sharers (pid, /* since= */ 0);
          if (!add_process (run, pid, sharers, known_number))
            return FALSE;
        }
      *added = run->entries->len - before;
      return TRUE;
    }

  g_autoptr (GPtrArray) build_ids = wanted_build_ids (run->change);
  g_autoptr (LpScan) scan = lp_scan_run (build_ids, run->cancellable, &run->error);
  if (scan == NULL)
    return FALSE;
  g_autoptr (GHashTable) groups = sharing_groups (scan);
  for (guint i = 0; i < scan->processes->len; i++)
    {
      const LpScanProcess *found = g_ptr_array_index (scan->processes, i);
      const GArray *sharers = g_hash_table_lookup (groups, GINT_TO_POINTER (found->pid));
      if (found->pid == getpid () || is_known (run, found->pid, found->start_time))
        continue; /* we can't stop ourselves, and a worker ends soon anyway */
      if (!add_process (run, found->pid, sharers, known_number))
        return FALSE;
    }
  for (guint i = 0; i < scan->hanging->len; i++)
    if (!is_known (run, g_array_index (scan->hanging, int, i), 0))
      add_hanging (run, g_array_index (scan->hanging, int, i));
  *added = run->entries->len - before;
  return TRUE;
}

static gboolean
check_cancelled (Run *run)
{
  g_autoptr (GError) error = NULL;

  if (!g_cancellable_set_error_if_cancelled (run->cancellable, &error))
    return FALSE;
  if (run->error == NULL)
    lp_error_set (&run->error, LP_ERROR_CANCELLED, NULL, "cancelled");
  return TRUE;
}

static void
take_figures (Entry *entry)
{
  entry->result->stop_ns = lp_target_stop_ns (entry->target);
  entry->result->private_pages = lp_target_private_pages (entry->target);
  if (lp_target_kept (entry->target) != NULL)
    {
      g_free (entry->result->detail);
      entry->result->detail
          = g_strdup_printf ("the patch's memory stays in the process: %s", lp_target_kept (entry->target));
    }
}

static guint
count_pending (const Run *run)
{
  guint n = 0;

  for (guint i = 0; i < run->entries->len; i++)
    n += ((Entry *)g_ptr_array_index (run->entries, i))->pending;
  return n;
}

/* What is tried again and again on every process until nobody is busy or the time is up. */
typedef gboolean (*Attempt) (const Run *run, Entry *entry, char **detail, GError **error);

static gboolean
attempt_place (const Run *run, Entry *entry, char **detail, GError **error)
{
  gboolean done = lp_target_place (entry->target, error);

  entry->placed |= done;
  return done;
}

static gboolean
attempt_switch (const Run *run, Entry *entry, char **detail, GError **error)
{
  gboolean on = switches_on (run->change->step);
  /* What was placed may have been taken away again by the trigger, from whom it was. */
  gboolean done = (!on || attempt_place (run, entry, detail, error))
                  && lp_target_switch (entry->target, on, run->change->consistency, detail, error);

  entry->switched |= done;
  return done;
}

static gboolean
attempt_unmap (const Run *run, Entry *entry, char **detail, GError **error)
{
  return lp_target_unmap (entry->target, FALSE, detail, error);
}

/* One attempt on one process; a busy one stays pending unless @last. FALSE when the change as a whole has
 * failed by it. */
static gboolean
attempt_entry (Run *run, Entry *entry, Attempt attempt, gboolean last)
{
  g_autofree char *detail = NULL;
  GError *error = NULL;

  if (attempt (run, entry, last ? &detail : NULL, &error))
    {
      lp_step ("process changed");
      entry->pending = FALSE;
      take_figures (entry);
      return TRUE;
    }
  if (detail != NULL)
    {
      g_free (entry->result->detail);
      entry->result->detail = g_steal_pointer (&detail);
    }
  if ((g_error_matches (error, LP_ERROR, LP_ERROR_PROCESS_BUSY)
       || g_error_matches (error, LP_ERROR, LP_ERROR_CHANGED))
      && !last)
    {
      g_error_free (error);
      return TRUE;
    }
  return entry_fail (run, entry, error);
}

/* One phase in all processes in which the step is to be made. */
static gboolean
attempt_all (Run *run, Attempt attempt, const char *phase)
{
  gint64 deadline = g_get_monotonic_time () + (gint64)run->change->timeout_ms * 1000;

  for (guint i = 0; i < run->entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (run->entries, i);
      entry->pending = entry->wanted && !entry->done;
    }

  for (guint64 pause = FIRST_PAUSE_US;; pause = MIN (pause * 2, LONGEST_PAUSE_US))
    {
      gboolean last = g_get_monotonic_time () >= deadline;
      for (guint i = 0; i < run->entries->len; i++)
        {
          Entry *entry = g_ptr_array_index (run->entries, i);
          guint pending = count_pending (run);

          if (!entry->pending)
            continue;
          if (check_cancelled (run))
            return FALSE;
          report (run, phase, run->entries->len - pending, pending > 1);
          if (!attempt_entry (run, entry, attempt, last))
            return FALSE;
        }
      if (count_pending (run) == 0)
        return TRUE;
      report (run, phase, run->entries->len - count_pending (run),
              TRUE); /* nobody is at the point of no return */
      g_usleep (MIN (pause, (guint64)MAX (deadline - g_get_monotonic_time (), 1)));
    }
}

/* Undoes what was done to @entry. FALSE with @error when that isn't possible. */
static gboolean
undo_entry (Entry *entry, guint timeout_ms, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + (gint64)MAX (timeout_ms, UNDO_TIMEOUT_MS) * 1000;

  for (guint64 pause = FIRST_PAUSE_US;; pause = MIN (pause * 2, LONGEST_PAUSE_US))
    {
      g_autoptr (GError) local_error = NULL;
      if (lp_target_undo_switch (entry->target, NULL, &local_error)
          && lp_target_unmap (entry->target, TRUE, NULL, &local_error))
        return TRUE;
      if (g_error_matches (local_error, LP_ERROR, LP_ERROR_PROCESS_GONE))
        return TRUE;
      if (!g_error_matches (local_error, LP_ERROR, LP_ERROR_PROCESS_BUSY)
          || g_get_monotonic_time () >= deadline)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      g_usleep (pause);
    }
}

/* The first error stays the first one. */
static void
set_rollback_failed (Run *run, const char *reason)
{
  g_autofree char *first = lp_error_split (run->error->message, NULL);

  g_clear_error (&run->error);
  lp_error_set (&run->error, LP_ERROR_ROLLBACK_FAILED, NULL, "%s; and undoing it failed: %s", first, reason);
}

/* Undoes @all processes, or only those in which the step was not made. */
static void
undo (Run *run, gboolean all)
{
  for (guint i = run->entries->len; i-- > 0;)
    {
      Entry *entry = g_ptr_array_index (run->entries, i);
      g_autoptr (GError) error = NULL;
      gboolean was_wanted = entry->wanted;

      if (entry->target == NULL || (!entry->placed && !entry->switched) || (was_wanted && !all))
        continue;
      report (run, "undo", i, FALSE);
      if (!undo_entry (entry, run->change->timeout_ms, &error))
        {
          g_autofree char *second = lp_error_split (error->message, NULL);
          set_rollback_failed (run, second);
        }
      else if (was_wanted)
        entry->result->status = LP_PROCESS_ROLLED_BACK;
      entry->wanted = FALSE;
    }
}

/* The step in all processes known so far. */
static gboolean
run_steps (Run *run)
{
  gboolean places = brings_code (run->change->step);

  run->begun = TRUE;
  lp_step ("processes known");
  if (places && !attempt_all (run, attempt_place, "place"))
    return FALSE;
  if (run->change->step != LP_STEP_LOAD && !attempt_all (run, attempt_switch, "switch"))
    return FALSE;
  for (guint i = 0; i < run->entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (run->entries, i);
      if (entry->wanted)
        entry->result->status = LP_PROCESS_DONE;
      entry->done = entry->wanted;
    }
  return TRUE;
}

/* The second half of UNLOAD, once all processes are back on the original code: from here on nothing can be
 * undone. */
static void
unmap_all (Run *run)
{
  for (guint i = 0; i < run->entries->len; i++)
    ((Entry *)g_ptr_array_index (run->entries, i))->done = FALSE;
  attempt_all (run, attempt_unmap, "unload");
}

static gboolean
run_change (Run *run)
{
  guint added = 1;

  for (guint round = 0; round < MAX_ROUNDS && added > 0; round++)
    {
      /* fork()ed children of processes that were not changed yet, and new starts, are found by the next look.
       */
      if (!collect (run, &added) || (added > 0 && !run_steps (run)))
        return FALSE;
    }
  return TRUE;
}

/* Whether the process of @result couldn't even be looked at, so that it can't be us who left something there.
 */
static gboolean
is_foreign (const Run *run, const LpProcessResult *result)
{
  for (guint i = 0; i < run->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (run->entries, i);
      if (entry->result->pid == result->pid && entry->target == NULL)
        return TRUE;
    }
  return FALSE;
}

/* After undo(): processes that took over the change while it was half made, by fork() or because they were
 * met at their start, aren't known to it. Where nobody had the patch before, nobody may have it now. */
static void
undo_inherited (Run *run)
{
  LpChange reverse = *run->change;
  g_autoptr (GPtrArray) results = NULL;
  g_autoptr (GError) error = NULL;
  gboolean had_it = run->change->step == LP_STEP_LOAD ? run->was_loaded : run->was_active;

  if (!run->begun || !brings_code (run->change->step) || had_it || run->change->pids != NULL)
    return;
  reverse.step = run->was_loaded ? LP_STEP_DEACTIVATE : LP_STEP_UNLOAD;
  reverse.consistency = LP_CONSISTENCY_STRICT;
  reverse.timeout_ms = MAX (reverse.timeout_ms, UNDO_TIMEOUT_MS);
  reverse.keep_on_failure = TRUE;
  report (run, "undo", 0, FALSE);
  lp_change_run (&reverse, NULL, NULL, NULL, &results, &error);
  for (guint i = 0; i < results->len; i++)
    {
      const LpProcessResult *result = g_ptr_array_index (results, i);
      if (is_decisive (result->status) && !is_foreign (run, result)
          && run->error->code != LP_ERROR_ROLLBACK_FAILED)
        set_rollback_failed (run, result->reason);
    }
}

static void
set_partly (Run *run)
{
  g_autofree char *first = lp_error_split (run->error->message, NULL);

  g_clear_error (&run->error);
  lp_error_set (&run->error, LP_ERROR_PARTLY_APPLIED, "`syscare processes` shows which",
                "not all processes were changed: %s", first);
}

gboolean
lp_change_run (const LpChange *change, GCancellable *cancellable, LpChangeProgress progress,
               gpointer user_data, GPtrArray **results, GError **error)
{
  Run run = { .change = change,
              .cancellable = cancellable,
              .progress = progress,
              .user_data = user_data,
              .entries = g_ptr_array_new_with_free_func (entry_free) };
  gboolean whole = run_change (&run);

  if (!whole)
    {
      undo (&run, /* all= */ TRUE);
      undo_inherited (&run);
    }
  else if (run.error != NULL)
    undo (&run, /* all= */ FALSE);
  if (whole && change->step == LP_STEP_UNLOAD)
    unmap_all (&run);
  if (whole && run.error != NULL && change->keep_on_failure && run.error->code != LP_ERROR_ROLLBACK_FAILED)
    set_partly (&run);

  copy_to_twins (&run);
  *results = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_process_result_free);
  for (guint i = 0; i < run.entries->len; i++)
    g_ptr_array_add (*results, g_steal_pointer (&((Entry *)g_ptr_array_index (run.entries, i))->result));
  g_ptr_array_unref (run.entries);
  if (run.error == NULL)
    return TRUE;
  g_propagate_error (error, run.error);
  return FALSE;
}

GPtrArray *
lp_change_check (const LpChange *change, GError **error)
{
  LpChange dry = *change;
  Run run = { .change = &dry, .entries = g_ptr_array_new_with_free_func (entry_free) };
  GPtrArray *results = NULL;
  guint added;

  dry.keep_on_failure = TRUE; /* look at all of them */
  if (collect (&run, &added))
    {
      results = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_process_result_free);
      for (guint i = 0; i < run.entries->len; i++)
        {
          Entry *entry = g_ptr_array_index (run.entries, i);
          if (entry->wanted)
            entry->result->status = LP_PROCESS_DONE; /* it would be */
        }
      copy_to_twins (&run);
      for (guint i = 0; i < run.entries->len; i++)
        g_ptr_array_add (results, g_steal_pointer (&((Entry *)g_ptr_array_index (run.entries, i))->result));
      g_clear_error (&run.error); /* each process's own result says it */
    }
  else
    g_propagate_error (error, g_steal_pointer (&run.error));
  g_ptr_array_unref (run.entries);
  return results;
}
