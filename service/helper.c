/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts helpers, notices and brings about their end. Must not know what is said to them. */
#include "helper.h"

#include "base/error.h"
#include "fd.h"
#include "wire.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

struct ScHelper {
  GSubprocess *process;      /* as a child */
  GCancellable *cancellable; /* of the wait for it */
  int socket; /* behind a socket: the caller's descriptor, borrowed; -1: the process is known */
  int pidfd;
  guint source;
  ScHelperCallback callback;
  gpointer user_data;
};

static void
finish (ScHelper *helper, gboolean well)
{
  ScHelperCallback callback = g_steal_pointer (&helper->callback);

  if (callback != NULL)
    callback (well, helper->user_data);
}

static gboolean
start_child (ScHelper *helper, const char *program, int *fd, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GError) reason = NULL;
  const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL };
  const char *const argv[] = { program, NULL };
  int pair[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't make a socket pair for %s", program);
      return FALSE;
    }
  SC_AUTO_FD ours = pair[0];
  g_subprocess_launcher_take_fd (launcher, pair[1], SC_WIRE_FD);
  g_subprocess_launcher_set_environ (launcher, (char **)environment);
  g_subprocess_launcher_set_cwd (launcher, "/");
  helper->process = g_subprocess_launcher_spawnv (launcher, argv, &reason);
  if (helper->process == NULL)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "can't start %s: %s", program, reason->message);
      return FALSE;
    }
  *fd = sc_fd_steal (&ours);
  return TRUE;
}

static gboolean
start_unit (ScHelper *helper, const char *path, int *fd, GError **error)
{
  SC_AUTO_FD ours = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  if (strlen (path) >= sizeof address.sun_path)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: too long for the path of a socket", path);
      return FALSE;
    }
  memcpy (address.sun_path, path, strlen (path));
  if (ours < 0 || connect (ours, (struct sockaddr *)&address, sizeof address) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: the service manager doesn't answer", path);
      return FALSE;
    }
  helper->socket = *fd = sc_fd_steal (&ours);
  return TRUE;
}

ScHelper *
sc_helper_start (const char *where, int *fd, GError **error)
{
  g_autoptr (ScHelper) helper = g_new0 (ScHelper, 1);
  struct stat status;

  helper->socket = helper->pidfd = -1;
  if (stat (where, &status) == 0 && S_ISSOCK (status.st_mode) ? !start_unit (helper, where, fd, error)
                                                              : !start_child (helper, where, fd, error))
    return NULL;
  g_unix_set_fd_nonblocking (*fd, TRUE, NULL);
  return g_steal_pointer (&helper);
}

void
sc_helper_free (ScHelper *helper)
{
  if (helper == NULL)
    return;
  g_cancellable_cancel (helper->cancellable);
  g_clear_object (&helper->cancellable);
  g_clear_handle_id (&helper->source, g_source_remove);
  g_clear_object (&helper->process);
  sc_fd_clear (&helper->pidfd);
  g_free (helper);
}

/* The first byte of a helper behind a socket, with a descriptor of its process beside it: a number could
 * belong to somebody else by the time it is used. */
static gboolean
receive_greeting (ScHelper *helper)
{
  char byte = 0;
  struct iovec data = { &byte, 1 };
  union {
    char space[CMSG_SPACE (sizeof (int))];
    struct cmsghdr align;
  } control = { 0 };
  struct msghdr message
      = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  ssize_t n = recvmsg (helper->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR (&message) : NULL;

  if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS
      || header->cmsg_len != CMSG_LEN (sizeof (int)))
    return FALSE;
  memcpy (&helper->pidfd, CMSG_DATA (header), sizeof (int));
  helper->socket = -1;
  return TRUE;
}

static gboolean
on_greeting (int fd, GIOCondition condition, gpointer user_data)
{
  ScHelper *helper = user_data;

  helper->source = 0;
  finish (helper, receive_greeting (helper));
  return G_SOURCE_REMOVE;
}

void
sc_helper_await (ScHelper *helper, ScHelperCallback callback, gpointer user_data)
{
  helper->callback = callback;
  helper->user_data = user_data;
  if (helper->process != NULL)
    finish (helper, TRUE);
  else
    helper->source = g_unix_fd_add (helper->socket, G_IO_IN | G_IO_HUP | G_IO_ERR, on_greeting, helper);
}

static void
on_child_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (!g_subprocess_wait_finish (G_SUBPROCESS (source), result, &error)
      && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* freed */
  finish (user_data, TRUE);
}

static gboolean
on_unit_ended (int fd, GIOCondition condition, gpointer user_data)
{
  ScHelper *helper = user_data;

  helper->source = 0;
  finish (helper, TRUE);
  return G_SOURCE_REMOVE;
}

static gboolean
on_never_there (gpointer user_data)
{
  ScHelper *helper = user_data;

  helper->source = 0;
  finish (helper, TRUE);
  return G_SOURCE_REMOVE;
}

void
sc_helper_wait (ScHelper *helper, ScHelperCallback callback, gpointer user_data)
{
  helper->callback = callback;
  helper->user_data = user_data;
  g_clear_handle_id (&helper->source, g_source_remove);
  if (helper->process != NULL)
    {
      helper->cancellable = g_cancellable_new ();
      g_subprocess_wait_async (helper->process, helper->cancellable, on_child_ended, helper);
    }
  else if (helper->pidfd >= 0)
    helper->source = g_unix_fd_add (helper->pidfd, G_IO_IN, on_unit_ended, helper);
  else
    helper->source = g_idle_add_full (G_PRIORITY_DEFAULT, on_never_there, helper, NULL);
}

void
sc_helper_kill (ScHelper *helper)
{
  if (helper->process != NULL)
    g_subprocess_send_signal (helper->process, SIGKILL);
  else if (helper->pidfd >= 0)
    syscall (SYS_pidfd_send_signal, helper->pidfd, SIGKILL, NULL, 0);
  else
    shutdown (helper->socket, SHUT_RDWR);
}

char *
sc_helper_describe_end (ScHelper *helper)
{
  if (helper->process == NULL)
    return g_strdup (helper->pidfd < 0 ? "was not started by the service manager"
                                       : "ended before it was done");
  if (g_subprocess_get_if_signaled (helper->process))
    return g_strdup_printf ("was killed by signal %d", g_subprocess_get_term_sig (helper->process));
  return g_strdup_printf ("ended with status %d before it was done",
                          g_subprocess_get_exit_status (helper->process));
}
