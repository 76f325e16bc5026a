/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Source: unix(7), SCM_RIGHTS; proc(5), map_files. */
#include "user/asker.h"
#include "base/urgent.h"
#include "elf/elf-file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct LpAsker {
  int pid;
  int fd;
};

typedef struct {
  guint64 start, end;
  guint64 pid;
} Question;

/* O_PATH asks nobody for anything. */
static int
open_mapped (const Question *question)
{
  g_autofree char *path
      = g_strdup_printf ("/proc/%d/map_files/%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x",
                         (int)question->pid, question->start, question->end);

  return open (path, O_PATH | O_CLOEXEC);
}

static void
read_build_id (LpAskerAnswer *answer)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", answer->file);
  struct stat status;
  gsize size = 0;
  /* Nothing but a file is ever opened: with a device that may have consequences. */
  int fd = fstat (answer->file, &status) == 0 && S_ISREG (status.st_mode)
               ? open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
               : -1;

  if (fd < 0)
    return;
  answer->is_there = TRUE;
  g_autoptr (GBytes) build_id = lp_elf_peek_build_id_fd (fd);
  const void *bytes = build_id != NULL ? g_bytes_get_data (build_id, &size) : NULL;
  if (size > 0 && size <= sizeof answer->build_id)
    {
      memcpy (answer->build_id, bytes, size);
      answer->build_id_size = (guint8)size;
    }
  close (fd);
}

static gboolean
send_answer (int fd, LpAskerAnswer *answer)
{
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct iovec part = { answer, sizeof *answer };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

  if (answer->file >= 0)
    {
      message.msg_control = &control;
      message.msg_controllen = sizeof control;
      control.header = (struct cmsghdr){ CMSG_LEN (sizeof (int)), SOL_SOCKET, SCM_RIGHTS };
      memcpy (CMSG_DATA (&control.header), &answer->file, sizeof (int));
    }
  return sendmsg (fd, &message, MSG_NOSIGNAL) == sizeof *answer;
}

static void
run_asker (int fd)
{
  Question question;
  gboolean go_on = TRUE;
  sigset_t all;

  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
  prctl (PR_SET_NAME, "syscare-asker");
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  setsid ();
  lp_urgent_end ();
  /* What ends with the trigger must end with it: locks, the gate, somebody's pipe. */
  if (fd > 0)
    syscall (SYS_close_range, 0, fd - 1, 0);
  syscall (SYS_close_range, fd + 1, ~0u, 0);
  while (go_on && recv (fd, &question, sizeof question, 0) == sizeof question)
    {
      LpAskerAnswer answer = { .file = open_mapped (&question) };
      if (answer.file >= 0)
        read_build_id (&answer);
      go_on = send_answer (fd, &answer);
      if (answer.file >= 0)
        close (answer.file);
    }
  _exit (0);
}

LpAsker *
lp_asker_new (GError **error)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "there is no socket");
      return NULL;
    }
  int pid = fork ();
  if (pid == 0)
    run_asker (ends[1]);
  int number = errno;
  close (ends[1]);
  if (pid < 0)
    {
      close (ends[0]);
      lp_error_set_errno (error, LP_ERROR_FAILED, number, "a process can't be started");
      return NULL;
    }
  LpAsker *asker = g_new0 (LpAsker, 1);
  asker->pid = pid;
  asker->fd = ends[0];
  return asker;
}

void
lp_asker_free (LpAsker *asker)
{
  if (asker == NULL)
    return;
  kill (asker->pid, SIGKILL);
  close (asker->fd);
  /* Nobody waits: one that hangs ends when the file's system does. Its remains are init's when we have ended.
   */
  waitpid (asker->pid, NULL, WNOHANG);
  g_free (asker);
}

int
lp_asker_pid (const LpAsker *asker)
{
  return asker->pid;
}

int
lp_asker_fd (const LpAsker *asker)
{
  return asker->fd;
}

gboolean
lp_asker_ask (LpAsker *asker, int pid, guint64 start, guint64 end)
{
  const Question question = { start, end, (guint64)pid };

  return send (asker->fd, &question, sizeof question, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof question;
}

int
lp_asker_read (LpAsker *asker, LpAskerAnswer *answer)
{
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct iovec part = { answer, sizeof *answer };
  struct msghdr message
      = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  gssize size = recvmsg (asker->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (size != sizeof *answer)
    return -1;
  answer->file = -1; /* its number there */
  const struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS
      && header->cmsg_len == CMSG_LEN (sizeof (int)))
    memcpy (&answer->file, CMSG_DATA (header), sizeof (int));
  return 1;
}
