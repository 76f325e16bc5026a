/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file's lock. Source: flock(2): it belongs to the open file, and ends when nobody has that open any
 * more. */
#include "trigger-lock.h"

#include "fd.h"

#include <fcntl.h>
#include <sys/file.h>

/* Who holds it tells nobody when it ends. */
#define PAUSE_MS 10

struct ScTriggerLock {
  int fd; /* -1: none */
  gboolean is_trigger;
  gboolean is_held;
  GQueue waiters;
  guint timer;
};

typedef struct {
  ScTriggerLockFunc func;
  gpointer user_data;
} ScTriggerLockWaiter;

ScTriggerLock *
sc_trigger_lock_new (const char *path, gboolean is_trigger)
{
  ScTriggerLock *lock = g_new0 (ScTriggerLock, 1);

  lock->is_trigger = is_trigger;
  g_queue_init (&lock->waiters);
  /* For reading: a trigger may write no file where a service manager keeps it in. */
  lock->fd = path[0] != '\0' ? open (path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
  if (lock->fd < 0 && path[0] != '\0')
    lock->fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  return lock;
}

void
sc_trigger_lock_free (ScTriggerLock *lock)
{
  if (lock == NULL)
    return;
  sc_trigger_lock_forget (lock);
  sc_fd_clear (&lock->fd);
  g_free (lock);
}

static gboolean
is_alone (ScTriggerLock *lock)
{
  if (lock->fd < 0 || lock->is_held)
    return TRUE;
  if (flock (lock->fd, LOCK_EX | LOCK_NB) != 0)
    return FALSE;
  lock->is_held = lock->is_trigger;
  if (!lock->is_held)
    flock (lock->fd, LOCK_UN);
  return TRUE;
}

static gboolean
call_waiters (gpointer user_data)
{
  ScTriggerLock *lock = user_data;

  if (!is_alone (lock))
    return G_SOURCE_CONTINUE;
  lock->timer = 0;
  while (!g_queue_is_empty (&lock->waiters))
    {
      g_autofree ScTriggerLockWaiter *waiter = g_queue_pop_head (&lock->waiters);
      waiter->func (waiter->user_data);
    }
  return G_SOURCE_REMOVE;
}

void
sc_trigger_lock_await (ScTriggerLock *lock, ScTriggerLockFunc func, gpointer user_data)
{
  ScTriggerLockWaiter *waiter = g_new (ScTriggerLockWaiter, 1);

  *waiter = (ScTriggerLockWaiter){ func, user_data };
  g_queue_push_tail (&lock->waiters, waiter);
  if (lock->timer == 0 && call_waiters (lock) == G_SOURCE_CONTINUE)
    lock->timer = g_timeout_add (PAUSE_MS, call_waiters, lock);
}

void
sc_trigger_lock_forget (ScTriggerLock *lock)
{
  g_clear_handle_id (&lock->timer, g_source_remove);
  g_queue_clear_full (&lock->waiters, g_free);
}
