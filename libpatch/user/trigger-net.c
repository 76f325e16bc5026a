/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The net's keeper: gives each thread that the net holds a tracer, and tells the net whose hits are no news.
 * Must not know BPF or ptrace. */
#include "base/step.h"
#include "user/catch.h"
#include "user/trigger-private.h"

#include <glib-unix.h>
#include <time.h>

/* The net holds nobody unless it heard from us within the last BEAT_MS. */
#define BEAT_MS 1500
#define BEAT_INTERVAL_MS 500
/* A process that couldn't be patched just now isn't stopped again before this. */
#define FIRST_PAUSE_MS 5
#define NEXT_PAUSE_MS 500

/* One caught thread, on its way through its tracer. */
typedef struct {
  LpTrigger *trigger;
  struct lp_net_hit hit;
  GPtrArray *entities;
  GPtrArray *entries;
  LpCatchResult *result;
} Caught;

guint64
lp_trigger_now_ns (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (guint64)t.tv_sec * G_GUINT64_CONSTANT (1000000000) + (guint64)t.tv_nsec;
}

static void
try_later (LpTrigger *trigger, const struct lp_net_hit *hit, const char *reason)
{
  guint pause = lp_trigger_is_looking (trigger, (int)hit->pid) ? NEXT_PAUSE_MS : FIRST_PAUSE_MS;

  lp_net_ignore (trigger->net, hit, lp_trigger_now_ns () + (guint64)pause * 1000000, /* is_old= */ TRUE);
  lp_trigger_plan_look (trigger, (int)hit->pid, hit, reason);
}

static void
caught_free (Caught *caught)
{
  lp_trigger_unuse (caught->trigger, caught->entities);
  g_ptr_array_unref (caught->entries);
  lp_catch_result_free (caught->result);
  g_free (caught);
}

static gboolean
catch_finished (gpointer data)
{
  Caught *caught = data;
  LpTrigger *trigger = caught->trigger;
  const LpCatchResult *result = caught->result;
  const LpMeetResult *meeting = result->meeting;
  gboolean is_current = caught->entities == trigger->entities;

  lp_step ("catch over");
  trigger->threads--;
  /* One that wasn't held was counted when it hit. */
  if (result->old_call && result->was_held
      && !(meeting->outcome == LP_MEET_NOT_CONCERNED && !result->was_patched))
    lp_net_count_old_call (trigger->net);
  if (meeting->outcome == LP_MEET_LATER)
    try_later (trigger, &caught->hit, meeting->reason);
  else if (meeting->outcome == LP_MEET_FAILED || meeting->outcome == LP_MEET_PATCHED)
    {
      gboolean failed = meeting->outcome == LP_MEET_FAILED;
      trigger->counts.caught += !failed;
      trigger->counts.failed += failed;
      trigger->report (meeting, trigger->user_data);
      if (is_current)
        lp_net_ignore (trigger->net, &caught->hit, LP_NET_FOREVER, failed);
    }
  else if (result->was_patched && is_current)
    lp_net_ignore (trigger->net, &caught->hit, LP_NET_FOREVER, /* is_old= */ FALSE);
  caught_free (caught);
  return G_SOURCE_REMOVE;
}

static gpointer
catch_thread (gpointer data)
{
  Caught *caught = data;

  lp_trigger_leave_gate (caught->trigger);
  caught->result = lp_catch (caught->trigger->net, &caught->hit, caught->entities, caught->entries);
  lp_trigger_run_in_loop (caught->trigger, catch_finished, caught);
  return NULL;
}

gboolean
lp_trigger_was_hit (const LpTrigger *trigger, int pid)
{
  for (guint i = 0; i < LP_TRIGGER_MET_MAX; i++)
    if (trigger->hit[i] == pid)
      return TRUE;
  return FALSE;
}

static void
handle_hit (const struct lp_net_hit *hit, gpointer user_data)
{
  LpTrigger *trigger = user_data;
  Caught *caught = g_new0 (Caught, 1);

  caught->trigger = trigger;
  caught->hit = *hit;
  lp_step ("hit read");
  trigger->hit[trigger->n_hit++ % LP_TRIGGER_MET_MAX] = (int)hit->pid;
  caught->entities = lp_trigger_use (trigger);
  caught->entries = g_ptr_array_ref (trigger->entries);
  if (!trigger->closing && lp_trigger_start_thread (trigger, "catch", catch_thread, caught))
    return;
  caught_free (caught);
  lp_net_end (trigger->net, hit);
  lp_net_count_old_call (trigger->net);
  if (!trigger->closing)
    try_later (trigger, hit, "too many processes were caught at once");
}

void
lp_trigger_dispatch_net (LpTrigger *trigger)
{
  if (trigger->net == NULL)
    return;
  lp_net_dispatch (trigger->net, handle_hit, trigger);
  guint64 lost = lp_net_counts (trigger->net).lost;
  if (lost == trigger->lost)
    return;
  trigger->lost = lost;
  lp_trigger_scan (trigger);
}

static gboolean
net_is_readable (int fd, GIOCondition condition, gpointer user_data)
{
  lp_trigger_dispatch_net (user_data);
  return G_SOURCE_CONTINUE;
}

void
lp_trigger_open_net (LpTrigger *trigger, const char *pin)
{
  g_autoptr (GError) error = NULL;

  trigger->net = lp_net_new (pin, &error);
  if (trigger->net == NULL)
    {
      g_ptr_array_add (trigger->lacks, g_strconcat ("net: ", error->message, NULL));
      return;
    }
  trigger->net_source = g_unix_fd_source_new (lp_net_fd (trigger->net), G_IO_IN);
  g_source_set_priority (trigger->net_source, G_PRIORITY_HIGH);
  g_source_set_callback (trigger->net_source, G_SOURCE_FUNC (net_is_readable), trigger, NULL);
  g_source_attach (trigger->net_source, trigger->context);
}

static gboolean
on_beat_time (gpointer data)
{
  lp_net_beat (((LpTrigger *)data)->net, BEAT_MS);
  return G_SOURCE_CONTINUE;
}

void
lp_trigger_beat_net (LpTrigger *trigger, gboolean on)
{
  if (trigger->net == NULL)
    return;
  lp_net_beat (trigger->net, on ? BEAT_MS : 0);
  if (!on)
    lp_trigger_drop_source (&trigger->beat_source);
  else if (trigger->beat_source == NULL)
    {
      trigger->beat_source = g_timeout_source_new (BEAT_INTERVAL_MS);
      g_source_set_callback (trigger->beat_source, on_beat_time, trigger, NULL);
      g_source_attach (trigger->beat_source, trigger->context);
    }
}

void
lp_trigger_close_net (LpTrigger *trigger)
{
  lp_trigger_drop_source (&trigger->net_source);
  lp_trigger_drop_source (&trigger->beat_source);
  g_clear_pointer (&trigger->net, lp_net_free);
}
