/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that share this one's memory (CLONE_VM without CLONE_THREAD), by command: "in" (one that waits
 * inside value() until "out"), "call" (one that calls value() all the time), "churn" (one that makes
 * short-lived ones all the time, each calling value()), "vfork" (vfork(2) with a child that waits for "go").
 * Any other line: the answer of value(). All of them end with their maker. */
#include "keep.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK (64 << 10)

int value (int x);
extern atomic_int gate, inside;
#ifndef PATCHED_ONLY
atomic_int gate, inside;
#endif

KEEP int
value (int x)
{
  if (x == -1)
    {
      inside = 1;
      while (!gate)
        sched_yield ();
    }
#ifdef PATCHED
  return x + 1000;
#else
  return x + 1;
#endif
}

#ifndef PATCHED_ONLY
static atomic_ulong calls;
static atomic_int wrong;

static void
call_once (void)
{
  int v = value (10);

  if (v != 11 && v != 1010)
    wrong++;
  calls++;
}

static int
enter (void *data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  value (-1);
  inside = 2;
  return 0;
}

static int
call (void *data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  for (;;)
    call_once ();
}

static int
one_call (void *data)
{
  call_once ();
  return 0;
}

static int
share (int (*function) (void *), char *stack)
{
  int pid = clone (function, stack + STACK, CLONE_VM | SIGCHLD, NULL);

  if (pid < 0)
    abort ();
  return pid;
}

static int
churn (void *data)
{
  static char stacks[2][STACK] __attribute__ ((aligned (16)));

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  for (;;)
    {
      int first = share (one_call, stacks[0]), second = share (one_call, stacks[1]);
      waitpid (first, NULL, 0);
      waitpid (second, NULL, 0);
    }
}

int
main (void)
{
  static char line[64], stacks[3][STACK] __attribute__ ((aligned (16)));

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      int pid = 0;

      if (strncmp (line, "in", 2) == 0)
        {
          pid = share (enter, stacks[0]);
          while (inside != 1)
            sched_yield ();
        }
      else if (strncmp (line, "out", 3) == 0)
        {
          gate = 1;
          while (inside != 2)
            sched_yield ();
        }
      else if (strncmp (line, "call", 4) == 0)
        pid = share (call, stacks[1]);
      else if (strncmp (line, "churn", 5) == 0)
        pid = share (churn, stacks[2]);
      else if (strncmp (line, "wait", 4) == 0)
        for (unsigned long before = calls; calls < before + 1000 && wrong == 0;)
          sched_yield ();
      else if (strncmp (line, "vfork", 5) == 0)
        {
          pid = vfork ();
          if (pid == 0)
            {
              char go;
              _exit (write (1, "child\n", 6) != 6 || read (0, &go, 1) != 1);
            }
        }
      printf ("%d wrong=%d pid=%d\n", value (10), wrong, pid);
      fflush (stdout);
    }
  return 0;
}
#endif
