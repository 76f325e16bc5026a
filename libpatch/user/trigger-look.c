/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks again at processes that couldn't be patched when they were met, by the engine's ordinary way. Must
 * not know why they couldn't. */
#include "base/step.h"
#include "base/urgent.h"
#include "process/maps.h"
#include "user/trigger-private.h"

/* A process that has to be looked at again is, this long after it was met, and then no more: the next try
 * comes when something changes. */
static const guint second_look_ms[] = { 1, 50, 500, 3000 };
/* How long an attempt on a busy process may take. */
#define LOOK_MS 100
/* Looks at the same time, so that they leave threads to those that are held meanwhile, and how long the
 * others wait for their turn. */
#define LOOKS_MAX 16
#define TURN_MS 20
/* When a scan gets no thread (somebody has taken all of them), it is tried again after this. */
#define SCAN_PAUSE_MS 500
/* A process that was busy each time is caught again when it still runs old code after this. */
#define BUSY_PAUSE_NS G_GUINT64_CONSTANT (10000000000)

/* A process that is to be looked at again. */
typedef struct {
  LpTrigger *trigger;
  int pid;
  guint look;
  struct lp_net_hit hit; /* pid 0: it didn't come by the net */
  gboolean is_hopeless;  /* as of the last look: nothing that passes */
  gboolean is_late;      /* it may have made calls that nobody saw */
  gboolean has_lacked;   /* a look found it without a patch, or didn't find it any more */
  GSource *wait;         /* while the next look is planned */
  GPtrArray *entities;   /* of the look that is under way */
  LpMeetResult *result;
} Look;

static gboolean start_look (gpointer data);

void
lp_trigger_look_free (gpointer data)
{
  Look *look = data;

  lp_trigger_drop_source (&look->wait);
  lp_meet_result_free (look->result);
  g_free (look);
}

static void
look_end (Look *look)
{
  LpTrigger *trigger = look->trigger;

  /* What has it from the gate made no call unseen, what has it from the net may have, before that stood. */
  if (look->is_late && trigger->net != NULL && (look->has_lacked || lp_trigger_was_hit (trigger, look->pid)))
    lp_net_count_old_call (trigger->net);
  trigger->report (look->result, trigger->user_data);
  g_hash_table_remove (trigger->looks, GINT_TO_POINTER (look->pid));
}

static void
wait_ms (Look *look, guint ms)
{
  look->wait = g_timeout_source_new (ms);
  g_source_set_callback (look->wait, start_look, look, NULL);
  g_source_attach (look->wait, look->trigger->context);
}

/* Plans the next look at a process, or reports it when there were enough. */
static void
look_again (Look *look)
{
  LpTrigger *trigger = look->trigger;

  if (look->look < G_N_ELEMENTS (second_look_ms) && !trigger->closing)
    {
      wait_ms (look, second_look_ms[look->look++]);
      return;
    }
  look->result->outcome = LP_MEET_FAILED;
  look->result->may_pass = !look->is_hopeless;
  trigger->counts.failed++;
  if (trigger->net != NULL && look->hit.pid != 0)
    lp_net_ignore (trigger->net, &look->hit,
                   look->is_hopeless ? LP_NET_FOREVER : lp_trigger_now_ns () + BUSY_PAUSE_NS,
                   /* is_old= */ TRUE);
  look_end (look);
}

static gboolean
look_finished (gpointer data)
{
  Look *look = data;

  lp_step ("look over");
  look->trigger->threads--;
  look->trigger->n_looking--;
  lp_trigger_unuse (look->trigger, g_steal_pointer (&look->entities));
  if (look->result->outcome == LP_MEET_LATER)
    look_again (look);
  else
    look_end (look);
  return G_SOURCE_REMOVE;
}

/* A process that is ending has none, and so needs no patch any more. */
static gboolean
has_memory (int pid)
{
  g_autoptr (LpProcess) process = lp_process_open (pid, NULL);
  g_autoptr (LpMaps) maps = process != NULL ? lp_maps_read (process, NULL) : NULL;

  return maps != NULL && maps->mappings->len > 0;
}

/* The engine's ordinary way, on this one process. */
static gpointer
look_thread (gpointer data)
{
  Look *look = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) results = NULL;
  g_autoptr (GArray) pids = g_array_new (FALSE, FALSE, sizeof (int));
  LpChange change = { .step = LP_STEP_ACTIVATE,
                      .entities = look->entities,
                      .pids = pids,
                      .timeout_ms = LOOK_MS,
                      .keeps_order = TRUE };

  lp_urgent_end ();
  lp_trigger_leave_gate (look->trigger);
  g_array_append_val (pids, look->pid);
  gboolean done = lp_change_run (&change, NULL, NULL, NULL, &results, &error);
  const LpProcessResult *first = results != NULL && results->len > 0 ? results->pdata[0] : NULL;
  g_free (look->result->reason);
  look->result->reason = g_strdup (!done                                    ? error->message
                                   : first != NULL && first->reason != NULL ? first->reason
                                                                            : "");
  if (!done)
    look->result->outcome = LP_MEET_LATER;
  else if (first == NULL || first->status == LP_PROCESS_GONE)
    look->result->outcome = LP_MEET_NOT_CONCERNED;
  else
    look->result->outcome = first->status == LP_PROCESS_UNPATCHABLE ? LP_MEET_LATER : LP_MEET_PATCHED;
  look->is_hopeless = done && look->result->outcome == LP_MEET_LATER;
  look->has_lacked |= first == NULL || first->status != LP_PROCESS_UNCHANGED || !has_memory (look->pid);
  lp_trigger_run_in_loop (look->trigger, look_finished, look);
  return NULL;
}

static gboolean
start_look (gpointer data)
{
  Look *look = data;

  g_clear_pointer (&look->wait, g_source_unref);
  if (look->trigger->n_looking >= LOOKS_MAX)
    {
      wait_ms (look, TURN_MS);
      return G_SOURCE_REMOVE;
    }
  lp_step ("look begun");
  /* Those that are bound now, not when it was met. */
  look->entities = lp_trigger_use (look->trigger);
  if (lp_trigger_start_thread (look->trigger, "look", look_thread, look))
    look->trigger->n_looking++;
  else
    {
      lp_trigger_unuse (look->trigger, g_steal_pointer (&look->entities));
      look_again (look);
    }
  return G_SOURCE_REMOVE;
}

gboolean
lp_trigger_is_looking (LpTrigger *trigger, int pid)
{
  return g_hash_table_contains (trigger->looks, GINT_TO_POINTER (pid));
}

static void
plan_look (LpTrigger *trigger, int pid, const struct lp_net_hit *hit, gboolean is_late, const char *reason)
{
  Look *known = g_hash_table_lookup (trigger->looks, GINT_TO_POINTER (pid));

  if (known != NULL && hit != NULL)
    known->hit = *hit;
  if (known != NULL)
    {
      known->is_late |= is_late;
      return;
    }
  Look *look = g_new0 (Look, 1);
  trigger->counts.later++;
  look->trigger = trigger;
  look->pid = pid;
  look->is_late = is_late;
  if (hit != NULL)
    look->hit = *hit;
  look->result = g_new0 (LpMeetResult, 1);
  look->result->pid = pid;
  look->result->reason = g_strdup (reason);
  look->result->outcome = LP_MEET_LATER;
  g_hash_table_insert (trigger->looks, GINT_TO_POINTER (pid), look);
  look_again (look);
}

void
lp_trigger_plan_look (LpTrigger *trigger, int pid, const struct lp_net_hit *hit, const char *reason)
{
  plan_look (trigger, pid, hit, /* is_late= */ FALSE, reason);
}

void
lp_trigger_plan_late_look (LpTrigger *trigger, int pid, const char *reason)
{
  plan_look (trigger, pid, /* hit= */ NULL, /* is_late= */ TRUE, reason);
}

/* ---- everybody ---- */

typedef struct {
  LpTrigger *trigger;
  GPtrArray *entities;
  GPtrArray *results;
} Scan;

static gboolean
scan_finished (gpointer data)
{
  Scan *scan = data;
  LpTrigger *trigger = scan->trigger;

  lp_step ("all looked at");
  trigger->threads--;
  trigger->is_scanning = FALSE;
  for (guint i = 0; scan->results != NULL && i < scan->results->len; i++)
    {
      const LpProcessResult *one = scan->results->pdata[i];
      LpMeetResult result = { .pid = one->pid,
                              .reason = one->reason != NULL ? one->reason : (char *)"",
                              .outcome = one->status == LP_PROCESS_DONE ? LP_MEET_PATCHED : LP_MEET_FAILED };
      if (one->status == LP_PROCESS_BUSY)
        lp_trigger_plan_look (trigger, one->pid, NULL, one->reason);
      else if (one->status == LP_PROCESS_DONE || one->status == LP_PROCESS_FAILED
               || one->status == LP_PROCESS_UNPATCHABLE)
        trigger->report (&result, trigger->user_data);
    }
  g_clear_pointer (&scan->results, g_ptr_array_unref);
  lp_trigger_unuse (trigger, scan->entities);
  g_free (scan);
  if (trigger->must_scan_again)
    lp_trigger_scan (trigger);
  return G_SOURCE_REMOVE;
}

static gpointer
scan_thread (gpointer data)
{
  Scan *scan = data;
  LpChange change = { .step = LP_STEP_ACTIVATE,
                      .entities = scan->entities,
                      .timeout_ms = LOOK_MS,
                      .keep_on_failure = TRUE,
                      .keeps_order = TRUE };

  lp_urgent_end ();
  lp_trigger_leave_gate (scan->trigger);
  lp_change_run (&change, NULL, NULL, NULL, &scan->results, NULL); /* each process's result says it */
  lp_trigger_run_in_loop (scan->trigger, scan_finished, scan);
  return NULL;
}

static gboolean
on_scan_time (gpointer data)
{
  LpTrigger *trigger = data;

  g_clear_pointer (&trigger->scan_source, g_source_unref);
  lp_trigger_scan (trigger);
  return G_SOURCE_REMOVE;
}

void
lp_trigger_scan (LpTrigger *trigger)
{
  /* One that is under way may have seen a process too early. */
  trigger->must_scan_again = trigger->is_scanning;
  if (trigger->is_scanning || trigger->scan_source != NULL || trigger->closing || trigger->entities->len == 0)
    return;
  Scan *scan = g_new0 (Scan, 1);
  scan->trigger = trigger;
  scan->entities = lp_trigger_use (trigger);
  /* Not one of LP_TRIGGER_THREADS_MAX: something is lost just when there are too many. */
  GThread *thread = g_thread_try_new ("scan", scan_thread, scan, NULL);
  if (thread != NULL)
    {
      g_thread_unref (thread);
      trigger->is_scanning = TRUE;
      trigger->threads++;
      return;
    }
  lp_trigger_unuse (trigger, scan->entities);
  g_free (scan);
  trigger->scan_source = g_timeout_source_new (SCAN_PAUSE_MS);
  g_source_set_callback (trigger->scan_source, on_scan_time, trigger, NULL);
  g_source_attach (trigger->scan_source, trigger->context);
}

void
lp_trigger_look_at_all (LpTrigger *trigger)
{
  lp_trigger_scan (trigger);
}

void
lp_trigger_drop_looks (LpTrigger *trigger)
{
  g_hash_table_remove_all (trigger->looks);
  lp_trigger_drop_source (&trigger->scan_source);
}
