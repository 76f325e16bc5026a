/* SPDX-License-Identifier: GPL-2.0-or-later */
/* starter COUNT PARALLEL PROGRAM: starts a program so often, so many at a time, and measures each from its
 * start to its end. Prints how many ended with 0 and with something else, and median and 99th percentile in
 * microseconds. Needs no library, so that it runs in any root. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  pid_t pid;
  double started;
} Child;

static double
now_us (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

static int
start (Child *child, char *program)
{
  char *arguments[] = { program, NULL }, *environment[] = { NULL };
  posix_spawn_file_actions_t actions;

  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 1, "/dev/null", O_WRONLY, 0);
  child->started = now_us ();
  int failed = posix_spawn (&child->pid, program, &actions, NULL, arguments, environment);
  posix_spawn_file_actions_destroy (&actions);
  return failed == 0;
}

int
main (int argc, char **argv)
{
  int count = argc == 4 ? atoi (argv[1]) : 0, parallel = argc == 4 ? atoi (argv[2]) : 0;
  double *times = calloc ((size_t)count + 1, sizeof *times);
  Child *children = calloc ((size_t)parallel + 1, sizeof *children);
  int begun = 0, ended = 0, good = 0;

  if (count < 1 || parallel < 1 || times == NULL || children == NULL)
    return 2;
  while (ended < count)
    {
      for (int i = 0; i < parallel && begun < count; i++)
        if (children[i].pid == 0)
          {
            if (!start (&children[i], argv[3]))
              return 1;
            begun++;
          }
      int status;
      pid_t pid = wait (&status);
      for (int i = 0; i < parallel; i++)
        if (children[i].pid == pid)
          {
            times[ended++] = now_us () - children[i].started;
            children[i].pid = 0;
            good += WIFEXITED (status) && WEXITSTATUS (status) == 0;
          }
    }
  qsort (times, (size_t)count, sizeof *times, compare);
  printf ("%d %d %.1f %.1f\n", good, count - good, times[count / 2], times[count - 1 - count / 100]);
  return 0;
}
