/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts real-time signals, none of which may get lost; "count" waits until the number is stable over the
 * pending ones. */
#include "keep.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int value (int x);

KEEP int
value (int x)
{
#ifdef PATCHED
  return x + 1000;
#else
  return x + 1;
#endif
}

#ifndef PATCHED_ONLY
static volatile sig_atomic_t count, others;

static void
on_signal (int number)
{
  if (number == SIGUSR1)
    others++;
  else
    count++;
}

int
main (void)
{
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
  char line[64];

  sigaction (SIGUSR1, &action, NULL);
  sigaction (SIGRTMIN, &action, NULL);
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (strncmp (line, "count", 5) == 0)
        printf ("%d real-time signals\n", (int)count);
      else
        printf ("%d\n", value (10));
      fflush (stdout);
    }
  return 0;
}
#endif
