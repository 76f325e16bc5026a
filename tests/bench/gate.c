/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate FILE [trace]: the least that a gate on a program can do: holds each opener until it has answered, and
 * with "trace" seizes it before, stops it at the end of its exec, and lets it go without having done
 * anything. What this costs is the floor for tests/bench/trigger. Prints "ready"; ends when its standard
 * input does. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void
meet (int pid, int gate, const struct fanotify_response *answer)
{
  int status;

  ptrace (PTRACE_SEIZE, pid, 0, (long)PTRACE_O_TRACEEXEC);
  if (write (gate, answer, sizeof *answer) != sizeof *answer || waitpid (pid, &status, __WALL) != pid)
    return;
  ptrace (PTRACE_INTERRUPT, pid, 0, 0);
  ptrace (PTRACE_CONT, pid, 0, 0);
  if (waitpid (pid, &status, __WALL) == pid)
    ptrace (PTRACE_DETACH, pid, 0, 0);
}

int
main (int argc, char **argv)
{
  int gate = fanotify_init (FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_REPORT_TID, O_RDONLY | O_CLOEXEC);
  const struct sched_param first = { .sched_priority = 1 };
  struct pollfd waits[] = { { gate, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };

  if (gate < 0 || argc < 2 || fanotify_mark (gate, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, argv[1]) != 0)
    return 2;
  sched_setscheduler (0, SCHED_FIFO, &first);
  puts ("ready");
  fflush (stdout);
  while (poll (waits, 2, -1) > 0 && waits[1].revents == 0)
    {
      struct fanotify_event_metadata events[16];
      ssize_t left = read (gate, events, sizeof events);
      for (const struct fanotify_event_metadata *event = events; FAN_EVENT_OK (event, left);
           event = FAN_EVENT_NEXT (event, left))
        {
          struct fanotify_response answer = { .fd = event->fd, .response = FAN_ALLOW };
          if (argc > 2 && strcmp (argv[2], "trace") == 0)
            meet (event->pid, gate, &answer);
          else if (write (gate, &answer, sizeof answer) != sizeof answer)
            return 1;
          close (event->fd);
        }
    }
  return 0;
}
