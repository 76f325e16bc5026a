/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who reads the gate: on a machine with few processors a thread on each of them, so that the one on the
 * processor of the opener has its event at once; else one anywhere; and when there are no threads to be had,
 * the loop. A thread can answer when it is the loop that opens a file. Must not know what is done about an
 * opener.
 *
 * What belongs to the loop belongs to whoever has the trigger's lock: the loop has it except while it waits
 * for something to do. */
#include "base/urgent.h"
#include "user/trigger-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct LpGateReader {
  LpTrigger *trigger;
  int processor;
  int epoll; /* on the gate and on what ends it */
  GThread *thread;
};

/* Of the thread that is a loop. */
static __thread LpTrigger *looping;

static gint
poll_unlocked (GPollFD *fds, guint n, gint timeout_ms)
{
  LpTrigger *trigger = looping;

  g_mutex_unlock (&trigger->lock);
  gint result = g_poll (fds, n, timeout_ms);
  int number = errno;
  g_mutex_lock (&trigger->lock);
  errno = number;
  return result;
}

void
lp_trigger_begin_loop (LpTrigger *trigger)
{
  g_mutex_init (&trigger->lock);
  g_mutex_lock (&trigger->lock);
  looping = trigger;
  g_main_context_set_poll_func (trigger->context, poll_unlocked);
}

void
lp_trigger_end_loop (LpTrigger *trigger)
{
  g_main_context_set_poll_func (trigger->context, NULL);
  looping = NULL;
  g_mutex_unlock (&trigger->lock);
  g_mutex_clear (&trigger->lock);
}

void
lp_trigger_poll (GPollFD *fds, guint n, gint timeout_ms)
{
  poll_unlocked (fds, n, timeout_ms);
}

static void
reader_free (gpointer data)
{
  LpGateReader *reader = data;

  if (reader->epoll >= 0)
    close (reader->epoll);
  g_free (reader);
}

static gboolean
set_interest (const LpGateReader *reader, int operation, int fd, guint32 events)
{
  struct epoll_event event = { .events = events, .data.fd = fd };

  return epoll_ctl (reader->epoll, operation, fd, &event) == 0;
}

static gpointer
reader_thread (gpointer data)
{
  LpGateReader *reader = data;
  LpTrigger *trigger = reader->trigger;
  struct epoll_event event;

  lp_urgent_bind (reader->processor);
  for (;;)
    {
      int n = epoll_wait (reader->epoll, &event, 1, -1);
      if (n < 0 && errno != EINTR)
        return NULL;
      if (n > 0 && (event.data.fd == trigger->readers_end || !lp_trigger_read_gate (trigger)))
        return NULL;
    }
}

void
lp_trigger_end_readers (LpTrigger *trigger)
{
  const guint64 one = 1;

  if (trigger->readers == NULL)
    return;
  while (trigger->readers->len > 0 && write (trigger->readers_end, &one, sizeof one) < 0 && errno == EINTR)
    ;
  g_mutex_unlock (&trigger->lock);
  for (guint i = 0; i < trigger->readers->len; i++)
    g_thread_join (((LpGateReader *)trigger->readers->pdata[i])->thread);
  g_mutex_lock (&trigger->lock);
  g_clear_pointer (&trigger->readers, g_ptr_array_unref);
  if (trigger->readers_end >= 0)
    close (trigger->readers_end);
}

/* All or none: somebody must be on each processor, for one on another is woken in any case. */
static gboolean
start_readers (LpTrigger *trigger, const GArray *processors)
{
  guint n = MAX (processors->len, 1);

  trigger->readers = g_ptr_array_new_with_free_func (reader_free);
  trigger->readers_end = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (guint i = 0; trigger->readers_end >= 0 && i < n; i++)
    {
      LpGateReader *reader = g_new0 (LpGateReader, 1);
      reader->trigger = trigger;
      reader->processor = processors->len > 0 ? g_array_index (processors, int, i) : -1;
      reader->epoll = epoll_create1 (EPOLL_CLOEXEC);
      if (reader->epoll >= 0 && set_interest (reader, EPOLL_CTL_ADD, trigger->readers_end, EPOLLIN)
          && set_interest (reader, EPOLL_CTL_ADD, lp_gate_fd (trigger->gate), EPOLLIN))
        reader->thread = g_thread_try_new ("gate", reader_thread, reader, NULL);
      if (reader->thread == NULL)
        {
          reader_free (reader);
          break;
        }
      g_ptr_array_add (trigger->readers, reader);
    }
  if (trigger->readers->len == n)
    return TRUE;
  lp_trigger_end_readers (trigger);
  return FALSE;
}

static gboolean
gate_is_readable (int fd, GIOCondition condition, gpointer user_data)
{
  lp_trigger_dispatch_gate (user_data);
  return G_SOURCE_CONTINUE;
}

static void
read_by_loop (LpTrigger *trigger)
{
  trigger->gate_source = g_unix_fd_source_new (lp_gate_fd (trigger->gate), G_IO_IN);
  /* Before anything else that the loop has to do. */
  g_source_set_priority (trigger->gate_source, G_PRIORITY_HIGH);
  g_source_set_callback (trigger->gate_source, G_SOURCE_FUNC (gate_is_readable), trigger, NULL);
  /* It doesn't; but that it couldn't makes GLib wake up its own loop, before and after each call. */
  g_source_set_can_recurse (trigger->gate_source, TRUE);
  g_source_attach (trigger->gate_source, trigger->context);
}

void
lp_trigger_start_reading (LpTrigger *trigger, const GArray *processors)
{
  if (!start_readers (trigger, processors))
    read_by_loop (trigger);
}
