/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate's keeper: watches the files of the bound patches, gives each held opener a tracer thread and a
 * deadline, and looks again at those that couldn't be patched at the gate. Must not know fanotify or ptrace.
 */
#include "base/step.h"
#include "base/urgent.h"
#include "user/own-table.h"
#include "user/trigger-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* A held opener is let go after this, whatever its tracer is doing. Attaching takes some 100 us. */
#define DEADLINE_MS 50
/* How long a tracer may stay attached after the opener was let through (mapping a library takes the linker
 * some milliseconds). */
#define MEETING_MS 1000
/* Tracers that wait. More processes that start at the same time need some 0.2 ms more each. */
#define READY_TRACERS 8

/* One held opener. Shared by the loop, the gate's readers and its tracer. */
typedef struct Held {
  LpTrigger *trigger;
  LpGate *gate;
  struct Held *next; /* in trigger->finished, or trigger->retired */
  int owner;         /* our process */
  LpGateEvent event;
  gint allowed; /* atomic */
  gint left;    /* atomic: its tracer is done with it, what it opens now is a new event */
  gint64 since; /* monotonic microseconds */
  GPtrArray *entities;
  GPtrArray *entries;
  guint64 inode;
  gboolean is_slow; /* as LpMeetKeeper has it */
  LpMeetResult *result;
} Held;

LpBinding *
lp_binding_new (LpEntity *entity, const char *const *files)
{
  LpBinding *binding = g_new0 (LpBinding, 1);

  binding->entity = lp_entity_ref (entity);
  binding->files = g_strdupv ((char **)files);
  return binding;
}

void
lp_binding_free (LpBinding *binding)
{
  if (binding == NULL)
    return;
  lp_entity_unref (binding->entity);
  g_strfreev (binding->files);
  g_free (binding);
}

/* In the loop, as all that drop a reference are. */
static void
held_clear (gpointer data)
{
  Held *held = data;

  lp_trigger_unuse (held->trigger, held->entities);
  g_ptr_array_unref (held->entries);
  lp_meet_result_free (held->result);
}

static void
held_unref (gpointer data)
{
  g_atomic_rc_box_release_full (data, held_clear);
}

/* Exactly once per event, by whoever comes first: the tracer or the deadline. */
static gboolean
allow_once (Held *held)
{
  if (!g_atomic_int_compare_and_exchange (&held->allowed, FALSE, TRUE))
    return FALSE;
  lp_gate_allow (held->gate, &held->event);
  return TRUE;
}

static void
keeper_allow (gpointer user_data)
{
  Held *held = user_data;

  allow_once (held);
}

static void
keeper_orphaned (gpointer user_data)
{
  lp_gate_close_for_all (((Held *)user_data)->gate);
}

/* No lock here: when we are killed, the tracer goes on alone, and whoever held the lock will never give it
 * back. */
static void
keeper_leaving (gpointer user_data)
{
  g_atomic_int_set (&((Held *)user_data)->left, TRUE);
}

void
lp_trigger_run_in_loop (LpTrigger *trigger, GSourceFunc func, gpointer data)
{
  /* Not g_main_context_invoke(), which calls @func in this thread when nobody happens to have the context, as
   * between two turns of the loop while it closes. */
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, data, NULL);
  g_source_attach (source, trigger->context);
}

void
lp_trigger_leave_gate (LpTrigger *trigger)
{
  const LpGate *gate = g_atomic_pointer_get (&trigger->gate);

  if (gate != NULL)
    lp_own_table_take (lp_gate_fd (gate));
}

gboolean
lp_trigger_start_thread (LpTrigger *trigger, const char *name, GThreadFunc func, gpointer data)
{
  GThread *thread
      = trigger->threads < LP_TRIGGER_THREADS_MAX ? g_thread_try_new (name, func, data, NULL) : NULL;

  if (thread == NULL)
    return FALSE;
  g_thread_unref (thread);
  trigger->threads++;
  return TRUE;
}

/* Its tracer is free again. With the lock. */
static void
retire (Held *held)
{
  LpTrigger *trigger = held->trigger;
  gpointer key = GINT_TO_POINTER (held->event.tid);

  if (g_hash_table_lookup (trigger->held, key) == held)
    g_hash_table_remove (trigger->held, key);
  trigger->threads--;
  lp_tracers_mend (trigger->tracers);
  if (held->result->was_slow)
    g_hash_table_add (trigger->slow, g_memdup2 (&held->inode, sizeof held->inode));
}

static void
report_meeting (Held *held)
{
  LpTrigger *trigger = held->trigger;

  lp_step ("meeting over");
  trigger->n_meetings--;
  if (held->result->outcome == LP_MEET_LATER)
    lp_trigger_plan_look (trigger, held->result->pid, NULL, held->result->reason);
  else if (held->result->outcome != LP_MEET_NOT_CONCERNED)
    {
      guint i = trigger->n_met++ % LP_TRIGGER_MET_MAX;
      trigger->met[i].pid = held->result->pid;
      trigger->met[i].code = held->result->code;
      trigger->counts.patched += held->result->outcome == LP_MEET_PATCHED;
      trigger->counts.failed += held->result->outcome == LP_MEET_FAILED;
      trigger->report (held->result, trigger->user_data);
    }
  held_unref (held);
}

static Held *
reverse (Held *list)
{
  Held *reversed = NULL, *next;

  for (; list != NULL; list = next)
    {
      next = list->next;
      list->next = reversed;
      reversed = list;
    }
  return reversed;
}

/* With the lock. */
static void
retire_finished (LpTrigger *trigger)
{
  Held *held, *next;

  do
    held = g_atomic_pointer_get (&trigger->finished);
  while (!g_atomic_pointer_compare_and_exchange (&trigger->finished, held, NULL));
  for (held = reverse (held); held != NULL; held = next)
    {
      next = held->next;
      retire (held);
      held->next = trigger->retired;
      trigger->retired = held;
    }
}

void
lp_trigger_collect (LpTrigger *trigger)
{
  Held *held, *next;

  retire_finished (trigger);
  held = reverse (g_steal_pointer (&trigger->retired));
  for (; held != NULL; held = next)
    {
      next = held->next;
      report_meeting (held);
    }
}

static gboolean
on_finished (gpointer data)
{
  retire (data);
  report_meeting (data);
  return G_SOURCE_REMOVE;
}

/* In any thread or tracer, as its last act: the trigger may be gone after it. The loop looks for itself at
 * each mapping that it is told of, and until it has collected all every DEADLINE_MS / 2: to wake it up for
 * each one would disturb those who have just been let go. */
static void
hand_in (Held *held, gboolean is_urgent)
{
  LpTrigger *trigger = held->trigger;

  if (is_urgent)
    {
      lp_trigger_run_in_loop (trigger, on_finished, held);
      return;
    }
  do
    held->next = g_atomic_pointer_get (&trigger->finished);
  while (!g_atomic_pointer_compare_and_exchange (&trigger->finished, held->next, held));
}

/* In the tracer. */
static gboolean
meet (gpointer data, GError **error)
{
  Held *held = data;
  LpMeetKeeper keeper = { .owner = held->owner,
                          .is_slow = held->is_slow,
                          .allow = keeper_allow,
                          .leaving = keeper_leaving,
                          .orphaned = keeper_orphaned,
                          .user_data = held,
                          .entries = held->entries };

  held->result = lp_meet (held->event.tid, held->entities, MEETING_MS, &keeper);
  LpMeetOutcome outcome = held->result->outcome;
  if (getppid () == held->owner)
    hand_in (held, outcome == LP_MEET_LATER || outcome == LP_MEET_FAILED);
  return TRUE;
}

/* The tracer was killed, or there was none. */
static void
meeting_lost (gpointer data)
{
  Held *held = data;

  allow_once (held);
  keeper_leaving (held);
  lp_meet_result_free (held->result);
  held->result = g_new0 (LpMeetResult, 1);
  held->result->pid = held->event.tid;
  held->result->outcome = LP_MEET_LATER;
  held->result->reason = g_strdup ("its tracer ended before its work was done");
  hand_in (held, /* is_urgent= */ TRUE);
}

static gpointer
meeting_thread (gpointer data)
{
  lp_urgent_unbind (0); /* a reader may have started it */
  if (!lp_ptracer_run (meet, data, NULL))
    meeting_lost (data);
  return NULL;
}

/* FALSE: too many are under way. */
static gboolean
begin_meeting (LpTrigger *trigger, Held *held)
{
  if (trigger->threads < LP_TRIGGER_THREADS_MAX
      && lp_tracers_give (trigger->tracers, meet, meeting_lost, held))
    {
      trigger->threads++;
      return TRUE;
    }
  return lp_trigger_start_thread (trigger, "meeting", meeting_thread, held);
}

/* Lets go who has been held too long. The tracer finds that out by itself; should it be kept from its
 * processor, it gets others. */
void
lp_trigger_enforce_deadline (LpTrigger *trigger)
{
  gint64 oldest = g_get_monotonic_time () - DEADLINE_MS * 1000;
  gboolean is_late = FALSE;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, trigger->held);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((Held *)value)->since < oldest)
      {
        is_late = TRUE;
        trigger->counts.missed += allow_once (value);
      }
  if (is_late)
    lp_tracers_unbind (trigger->tracers);
}

static void
set_timer (LpTrigger *trigger, gboolean on)
{
  const struct timespec interval = { 0, on ? DEADLINE_MS / 2 * 1000000 : 0 };
  const struct itimerspec setting = { interval, interval };

  if (on == trigger->is_timing)
    return;
  trigger->is_timing = on;
  timerfd_settime (trigger->deadline_fd, 0, &setting, NULL);
}

static gboolean
on_deadline_time (int fd, GIOCondition condition, gpointer data)
{
  LpTrigger *trigger = data;
  guint64 times;

  if (read (fd, &times, sizeof times) < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  lp_trigger_collect (trigger);
  lp_trigger_enforce_deadline (trigger);
  set_timer (trigger, trigger->n_meetings > 0);
  return G_SOURCE_CONTINUE;
}

/* A timer of the kernel, because a source of the loop's would have to wake it up. FALSE: errno says why. */
static gboolean
open_timer (LpTrigger *trigger)
{
  trigger->deadline_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (trigger->deadline_fd < 0)
    return FALSE;
  trigger->deadline_source = g_unix_fd_source_new (trigger->deadline_fd, G_IO_IN);
  g_source_set_callback (trigger->deadline_source, G_SOURCE_FUNC (on_deadline_time), trigger, NULL);
  g_source_attach (trigger->deadline_source, trigger->context);
  return TRUE;
}

/* An opener that its tracer holds still. */
static gboolean
is_known (LpTrigger *trigger, int tid)
{
  Held *held = g_hash_table_lookup (trigger->held, GINT_TO_POINTER (tid));

  return held != NULL && !g_atomic_int_get (&held->left);
}

static gboolean
is_thread_of (int tid, int pid)
{
  return syscall (SYS_tgkill, pid, tid, 0) == 0;
}

/* Ourselves, our tracers and the asker, which open the files that are mapped in a process, and whom we were
 * told. Without the lock: the loop may be the one who waits. */
static gboolean
is_ours (const LpTrigger *trigger, int tid)
{
  int spared = g_atomic_int_get (&trigger->spared);

  return is_thread_of (tid, trigger->owner) || lp_ptracer_is_one (tid)
         || tid == g_atomic_int_get (&trigger->asker_pid) || (spared > 0 && is_thread_of (tid, spared));
}

/* With the lock. */
static void
admit (LpTrigger *trigger, const LpGateEvent *event)
{
  /* A known one's next event, and processes that this pid namespace can't name. */
  if (event->tid == 0 || is_known (trigger, event->tid))
    {
      trigger->counts.missed += event->tid == 0;
      lp_gate_allow (trigger->gate, event);
      return;
    }

  Held *held = g_atomic_rc_box_new0 (Held);
  struct stat status = { 0 };
  held->trigger = trigger;
  held->gate = trigger->gate;
  held->owner = trigger->owner;
  held->event = *event;
  held->since = g_get_monotonic_time ();
  held->entities = lp_trigger_use (trigger);
  held->entries = g_ptr_array_ref (trigger->entries);
  fstat (event->fd, &status);
  held->inode = status.st_ino;
  held->is_slow = g_hash_table_contains (trigger->slow, &held->inode);
  trigger->counts.met++;
  lp_step ("opener known");
  if (trigger->threads >= LP_TRIGGER_THREADS_MAX / 2)
    retire_finished (trigger);
  g_hash_table_replace (trigger->held, GINT_TO_POINTER (event->tid), g_atomic_rc_box_acquire (held));
  trigger->n_meetings++;
  if (begin_meeting (trigger, held))
    {
      set_timer (trigger, TRUE);
      return;
    }

  trigger->n_meetings--;
  g_hash_table_remove (trigger->held, GINT_TO_POINTER (event->tid));
  trigger->counts.missed++;
  allow_once (held);
  lp_trigger_plan_look (trigger, event->tid, NULL, "too many processes were starting at once");
  held_unref (held);
}

static void
handle_in_loop (const LpGateEvent *event, gpointer user_data)
{
  LpTrigger *trigger = user_data;

  if (is_ours (trigger, event->tid))
    lp_gate_allow (trigger->gate, event);
  else
    admit (trigger, event);
}

static void
handle_in_reader (const LpGateEvent *event, gpointer user_data)
{
  LpTrigger *trigger = user_data;

  if (is_ours (trigger, event->tid))
    {
      lp_gate_allow (trigger->gate, event);
      return;
    }
  g_mutex_lock (&trigger->lock);
  admit (trigger, event);
  g_mutex_unlock (&trigger->lock);
}

/* The gate can't be read, and has been closed for that. Not read on: the kernel refuses each opener whose
 * event it can't give us the file that it wants, and which files those are it doesn't say. The net is there
 * still. */
static void
give_up_gate (LpTrigger *trigger, const char *why)
{
  g_autofree char *reason = g_strdup_printf ("%s; it stays closed until the trigger is started again", why);
  const LpMeetResult broken = { .outcome = LP_MEET_FAILED, .reason = reason };

  if (trigger->gate == NULL)
    return; /* another reader has come first */
  lp_trigger_end_readers (trigger);
  lp_trigger_drop_source (&trigger->gate_source);
  trigger->closed_gate = trigger->gate;
  g_atomic_pointer_set (&trigger->gate, NULL);
  g_ptr_array_add (trigger->lacks, g_strconcat ("gate: ", reason, NULL));
  trigger->report (&broken, trigger->user_data);
  lp_trigger_scan (trigger); /* whoever has come since */
}

void
lp_trigger_dispatch_gate (LpTrigger *trigger)
{
  g_autoptr (GError) error = NULL;
  gboolean works
      = trigger->gate_source == NULL || lp_gate_dispatch (trigger->gate, handle_in_loop, trigger, &error);

  if (!works)
    lp_gate_close_for_all (trigger->gate);
  lp_trigger_collect (trigger); /* after those who wait */
  if (!works)
    give_up_gate (trigger, error->message);
}

typedef struct {
  LpTrigger *trigger;
  GError *error;
} Broken;

static gboolean
on_broken (gpointer data)
{
  g_autofree Broken *broken = data;
  g_autoptr (GError) error = broken->error;

  give_up_gate (broken->trigger, error->message);
  return G_SOURCE_REMOVE;
}

gboolean
lp_trigger_read_gate (LpTrigger *trigger)
{
  GError *error = NULL;

  if (lp_gate_dispatch (trigger->gate, handle_in_reader, trigger, &error))
    return TRUE;
  /* At once: nobody reads any more, and the loop may be a while. */
  lp_gate_close_for_all (trigger->gate);
  Broken *broken = g_new (Broken, 1);
  *broken = (Broken){ trigger, error };
  lp_trigger_run_in_loop (trigger, on_broken, broken);
  return FALSE;
}

static void
open_gate (LpTrigger *trigger, GError **error)
{
  trigger->gate = lp_gate_new (error);
  if (trigger->gate == NULL || open_timer (trigger))
    return;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "there is no timer for the gate");
  g_clear_pointer (&trigger->gate, lp_gate_free);
}

LpTrigger *
lp_trigger_new (LpTriggerFlags without, const char *pin, LpTriggerReport report, gpointer user_data,
                GError **error)
{
  g_autoptr (LpTrigger) trigger = g_new0 (LpTrigger, 1);
  g_autoptr (GError) no_gate = NULL;

  trigger->context = g_main_context_ref_thread_default ();
  lp_trigger_begin_loop (trigger);
  trigger->owner = getpid ();
  trigger->deadline_fd = -1;
  trigger->report = report;
  trigger->user_data = user_data;
  trigger->lacks = g_ptr_array_new_with_free_func (g_free);
  trigger->entities = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_entity_unref);
  trigger->entries = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  trigger->build_ids = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  trigger->watched = g_array_new (FALSE, FALSE, sizeof (int));
  trigger->found = g_array_new (FALSE, FALSE, sizeof (int));
  trigger->dropped = g_array_new (FALSE, FALSE, sizeof (int));
  trigger->probed = g_array_new (FALSE, FALSE, sizeof (LpProbed));
  trigger->held = g_hash_table_new_full (NULL, NULL, NULL, held_unref);
  trigger->slow = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  trigger->looks = g_hash_table_new_full (NULL, NULL, NULL, lp_trigger_look_free);
  trigger->users = g_hash_table_new (NULL, NULL);
  lp_trigger_open_leases (trigger);
  trigger->surveyed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (without & LP_TRIGGER_GATE)
    g_ptr_array_add (trigger->lacks, g_strdup ("gate: switched off"));
  else
    open_gate (trigger, &no_gate);
  if (no_gate != NULL)
    g_ptr_array_add (trigger->lacks, g_strconcat ("gate: ", no_gate->message, NULL));
  if (without & LP_TRIGGER_NET)
    g_ptr_array_add (trigger->lacks, g_strdup ("net: switched off"));
  else
    lp_trigger_open_net (trigger, pin);
  if ((without & LP_TRIGGER_QUIET) && trigger->net != NULL)
    lp_net_be_impatient (trigger->net);
  if ((without & LP_TRIGGER_HOLD) && trigger->net != NULL)
    lp_net_hold_nobody (trigger->net);
  if (without & LP_TRIGGER_EVENTS)
    g_ptr_array_add (trigger->lacks, g_strdup ("events: switched off"));
  else
    lp_trigger_open_watch (trigger, !(without & LP_TRIGGER_LOOKOUT));
  if (trigger->gate != NULL || trigger->net != NULL || trigger->spotter != NULL || trigger->lookout != NULL)
    {
      /* Others are held until the loop, and the tracers that it starts, get to run. */
      g_autoptr (GArray) processors = lp_urgent_processors ();
      lp_urgent_begin (LP_URGENCY_ASKS);
      trigger->tracers = lp_tracers_new (trigger->gate != NULL ? READY_TRACERS : 0, processors);
      if (trigger->gate != NULL)
        lp_trigger_start_reading (trigger, processors);
      return g_steal_pointer (&trigger);
    }
  lp_error_set (error, LP_ERROR_KERNEL_UNSUPPORTED, NULL, "%s; %s; %s", (char *)trigger->lacks->pdata[0],
                (char *)trigger->lacks->pdata[1], (char *)trigger->lacks->pdata[2]);
  return NULL;
}

void
lp_trigger_drop_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
lp_trigger_close (LpTrigger *trigger)
{
  trigger->closing = TRUE;
  lp_trigger_unwatch_all (trigger);
  lp_trigger_beat_net (trigger, FALSE);
  lp_trigger_set_watch (trigger);
  /* Tracers that are under way end within MEETING_MS; the loop still answers for them, and handles their
   * results. */
  while (trigger->threads > 0 || trigger->n_meetings > 0)
    g_main_context_iteration (trigger->context, TRUE);
  lp_trigger_drop_looks (trigger);
}

void
lp_trigger_free (LpTrigger *trigger)
{
  if (trigger == NULL)
    return;
  lp_trigger_close (trigger);
  g_hash_table_unref (trigger->looks);
  lp_trigger_close_net (trigger);
  lp_trigger_close_watch (trigger);
  lp_trigger_end_readers (trigger);
  lp_trigger_drop_source (&trigger->gate_source);
  lp_trigger_drop_source (&trigger->deadline_source);
  if (trigger->deadline_fd >= 0)
    close (trigger->deadline_fd);
  g_clear_pointer (&trigger->tracers, lp_tracers_free);
  g_clear_pointer (&trigger->gate, lp_gate_free);
  g_clear_pointer (&trigger->closed_gate, lp_gate_free);
  g_hash_table_unref (trigger->held);
  g_hash_table_unref (trigger->slow);
  g_hash_table_unref (trigger->users);
  g_hash_table_unref (trigger->surveyed);
  g_array_unref (trigger->watched);
  lp_trigger_close_leases (trigger);
  g_array_unref (trigger->found);
  g_array_unref (trigger->dropped);
  g_array_unref (trigger->probed);
  g_ptr_array_unref (trigger->lacks);
  g_ptr_array_unref (trigger->build_ids);
  g_ptr_array_unref (trigger->entities);
  g_ptr_array_unref (trigger->entries);
  lp_trigger_end_loop (trigger);
  g_main_context_unref (trigger->context);
  g_free (trigger);
}

void
lp_trigger_spare (LpTrigger *trigger, int pid)
{
  g_atomic_int_set (&trigger->spared, pid);
}

const GPtrArray *
lp_trigger_lacks (LpTrigger *trigger)
{
  return trigger->lacks;
}

LpTriggerCounts
lp_trigger_counts (LpTrigger *trigger)
{
  LpTriggerCounts counts = trigger->counts;
  LpNetCounts net = { 0 };

  if (trigger->net != NULL)
    net = lp_net_counts (trigger->net);
  counts.probed = trigger->probed->len;
  counts.hits = net.hits;
  counts.signalled = net.signalled;
  counts.old_calls = net.old_calls;
  counts.lost = net.lost;
  return counts;
}
