/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fanotify permission events on the inodes of patched files. Must not know what is done about an opener. */
#include "user/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

/* The open of a program for its execution is an open, too; FAN_OPEN_EXEC_PERM would only hold it twice. */
#define MASK FAN_OPEN_PERM

struct LpGate {
  int fd;
  int nothing;    /* a descriptor that means nothing */
  gint is_closed; /* atomic */
};

LpGate *
lp_gate_new (GError **error)
{
  /* NOLINTNEXTLINE(misc-redundant-expression): FAN_* and O_* have equal numbers on some machines */
  int fd = fanotify_init (FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_TID
                              | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
                          O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    {
      lp_error_set_errno (error, errno == EPERM ? LP_ERROR_ACCESS_DENIED : LP_ERROR_KERNEL_UNSUPPORTED, errno,
                          "the kernel gives no fanotify permission events");
      return NULL;
    }
  int nothing = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "/dev/null can't be opened");
      close (fd);
      return NULL;
    }
  LpGate *gate = g_new0 (LpGate, 1);
  gate->fd = fd;
  gate->nothing = nothing;
  return gate;
}

void
lp_gate_free (LpGate *gate)
{
  if (gate == NULL)
    return;
  close (gate->fd);
  close (gate->nothing);
  g_free (gate);
}

int
lp_gate_fd (const LpGate *gate)
{
  return gate->fd;
}

static gboolean
mark (LpGate *gate, guint flags, int fd, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);

  if (fanotify_mark (gate->fd, flags, MASK, AT_FDCWD, path) == 0
      || (flags == FAN_MARK_REMOVE && errno == ENOENT) || g_atomic_int_get (&gate->is_closed))
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "the target's file can't be watched");
  return FALSE;
}

gboolean
lp_gate_watch (LpGate *gate, int fd, GError **error)
{
  return gate == NULL || mark (gate, FAN_MARK_ADD, fd, error);
}

gboolean
lp_gate_unwatch (LpGate *gate, int fd, GError **error)
{
  return mark (gate, FAN_MARK_REMOVE, fd, error);
}

void
lp_gate_allow (LpGate *gate, const LpGateEvent *event)
{
  struct fanotify_response response = { .fd = event->fd, .response = FAN_ALLOW };

  /* A short or failed write can only mean that the opener is gone. */
  while (write (gate->fd, &response, sizeof response) < 0 && errno == EINTR)
    ;
  close (event->fd);
}

void
lp_gate_close_for_all (LpGate *gate)
{
  g_atomic_int_set (&gate->is_closed, TRUE);
  /* Not close(): somebody's next descriptor would get the number, and the answers of others, which are under
   * way, with it. */
  dup2 (gate->nothing, gate->fd);
}

gboolean
lp_gate_dispatch (LpGate *gate, LpGateFunc func, gpointer user_data, GError **error)
{
  /* Room for one. Where the kernel can't open the event's file for us it refuses the opener, and with an
   * event before that one in the same buffer it wouldn't tell us. */
  struct fanotify_event_metadata metadata;
  gssize size = read (gate->fd, &metadata, sizeof metadata);

  if (size == 0 || (size < 0 && (errno == EAGAIN || errno == EINTR)))
    return TRUE; /* 0: another thread has closed the gate */
  if (size < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "the gate can't be read");
      return FALSE;
    }
  if (metadata.vers != FANOTIFY_METADATA_VERSION)
    {
      lp_error_set (error, LP_ERROR_KERNEL_UNSUPPORTED, NULL,
                    "the kernel speaks version %u of fanotify, not %u", metadata.vers,
                    FANOTIFY_METADATA_VERSION);
      return FALSE;
    }
  LpGateEvent event = { .tid = metadata.pid, .fd = metadata.fd };
  /* No descriptor: the queue overflowed. It can't with FAN_UNLIMITED_QUEUE, and holds nobody. */
  if (metadata.fd >= 0)
    func (&event, user_data);
  return TRUE;
}
