/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The begin of the service's child programs. Must not know what they do. */
#include "child.h"

#include "wire.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not readable by others while it holds pieces of foreign processes, no core file of them, no new privileges.
 */
static void
harden (void)
{
  const struct rlimit none = { 0, 0 };
  struct rlimit files;

  prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  setrlimit (RLIMIT_CORE, &none);
  if (getrlimit (RLIMIT_NOFILE, &files) == 0)
    {
      files.rlim_cur = files.rlim_max;
      setrlimit (RLIMIT_NOFILE, &files);
    }
  signal (SIGPIPE, SIG_IGN);
  umask (022);
}

/* Behind a socket of the service manager (sd_listen_fds(3), which also passes the connection as descriptor
 * 3).
 */
static gboolean
is_activated (void)
{
  const char *pid = g_getenv ("LISTEN_PID");
  guint64 number = 0;

  return pid != NULL && g_ascii_string_to_unsigned (pid, 10, 1, G_MAXINT, &number, NULL)
         && (pid_t)number == getpid ();
}

/* Whoever made our socket's other end. Source: socket(7). */
static struct ucred
peer (void)
{
  struct ucred credentials = { .uid = (uid_t)-1 };
  socklen_t size = sizeof credentials;

  if (getsockopt (SC_WIRE_FD, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return (struct ucred){ .uid = (uid_t)-1 };
  return credentials;
}

int
sc_child_service (void)
{
  return peer ().pid;
}

/* Only root may give orders, whatever the socket's mode is; it gets a descriptor of this process, to see its
 * end and to bring it about. */
static gboolean
greet (void)
{
  char byte = 'h';
  struct iovec data = { &byte, 1 };
  union {
    char space[CMSG_SPACE (sizeof (int))];
    struct cmsghdr align;
  } control = { 0 };
  struct msghdr message
      = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  int pidfd = (int)syscall (SYS_pidfd_open, getpid (), 0);

  if (pidfd < 0 || peer ().uid != 0)
    return FALSE;
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (header), &pidfd, sizeof (int));
  gboolean sent = sendmsg (SC_WIRE_FD, &message, MSG_NOSIGNAL) == 1;
  close (pidfd);
  return sent;
}

gboolean
sc_child_begin (const char *name)
{
  if (fcntl (SC_WIRE_FD, F_GETFD) < 0 || (is_activated () && !greet ()))
    {
      g_printerr ("%s: started by syscared only, see syscared(8)\n", name);
      return FALSE;
    }
  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  fcntl (SC_WIRE_FD, F_SETFD, FD_CLOEXEC);
  harden ();
  return TRUE;
}
