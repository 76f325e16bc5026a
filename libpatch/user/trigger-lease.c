/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who wants to write to a watched file waits until nothing of ours is on it any more. Otherwise the kernel
 * would put the uprobes' breakpoints into whatever stands at their places in the new content, and each of its
 * processes would die. Must not know what is bound. Source: F_SETLEASE in fcntl(2): the kernel holds whoever
 * opens a file with a lease for writing, and truncate(2), for up to 45 s (/proc/sys/fs/lease-break-time). */
#include "user/trigger-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static gboolean
lease_is_wanted (int fd, GIOCondition condition, gpointer user_data)
{
  struct signalfd_siginfo info;

  while (read (fd, &info, sizeof info) == sizeof info)
    ;
  lp_trigger_let_go_of_written (user_data);
  return G_SOURCE_CONTINUE;
}

void
lp_trigger_open_leases (LpTrigger *trigger)
{
  sigset_t set;

  trigger->leased = g_hash_table_new (NULL, NULL);
  /* Comes to this thread alone, and only in this way. */
  sigemptyset (&set);
  sigaddset (&set, SIGIO);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  trigger->lease_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (trigger->lease_fd < 0)
    return;
  trigger->lease_thread = (int)syscall (SYS_gettid);
  trigger->lease_source = g_unix_fd_source_new (trigger->lease_fd, G_IO_IN);
  g_source_set_callback (trigger->lease_source, G_SOURCE_FUNC (lease_is_wanted), trigger, NULL);
  g_source_attach (trigger->lease_source, trigger->context);
}

void
lp_trigger_close_leases (LpTrigger *trigger)
{
  g_clear_pointer (&trigger->leased, g_hash_table_unref);
  if (trigger->lease_source == NULL)
    return;
  lp_trigger_drop_source (&trigger->lease_source);
  close (trigger->lease_fd);
}

gboolean
lp_trigger_lease (LpTrigger *trigger, int fd)
{
  const struct f_owner_ex owner = { .type = F_OWNER_TID, .pid = trigger->lease_thread };

  if (trigger->lease_source == NULL || fcntl (fd, F_SETOWN_EX, &owner) != 0)
    return TRUE;
  if (fcntl (fd, F_SETLEASE, F_RDLCK) == 0)
    g_hash_table_add (trigger->leased, GINT_TO_POINTER (fd));
  /* Without leases (some file systems, /proc/sys/fs/leases-enable) it is as if nobody ever wrote. */
  else if (errno == EAGAIN)
    return FALSE;
  return TRUE;
}

void
lp_trigger_end_lease (LpTrigger *trigger, int fd)
{
  if (g_hash_table_remove (trigger->leased, GINT_TO_POINTER (fd)))
    fcntl (fd, F_SETLEASE, F_UNLCK);
}

gboolean
lp_trigger_lease_is_wanted (const LpTrigger *trigger, int fd)
{
  /* The kernel says what it has to become. */
  return g_hash_table_contains (trigger->leased, GINT_TO_POINTER (fd)) && fcntl (fd, F_GETLEASE) == F_UNLCK;
}
