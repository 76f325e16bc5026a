/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linked into the service and the worker of tests/bus/faults.py: writes down each step of the program, and
 * kills the program at the one that is asked for. The orders stand in a file, because a worker gets no
 * environment of ours: "PROGRAM NUMBER", NUMBER 0 for none. */
#include "base/step.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORDERS "/run/syscare-faults"
#define STEPS "/run/syscare-faults.log"

/* How many steps the file has of this program: over all its instances, so that a number means one place. */
static int
count_steps (FILE *steps)
{
  char line[256];
  int n = 0;

  rewind (steps);
  while (fgets (line, sizeof line, steps) != NULL)
    n += strncmp (line, program_invocation_short_name, strlen (program_invocation_short_name)) == 0;
  return n;
}

static void
on_step (const char *name)
{
  char program[64] = "";
  int number = 0;
  FILE *orders = fopen (ORDERS, "re");

  if (orders == NULL)
    return; /* nothing is asked for */
  if (fscanf (orders, "%63s %d", program, &number) != 2)
    number = 0;
  fclose (orders);

  FILE *steps = fopen (STEPS, "a+e");
  if (steps == NULL)
    abort ();
  fprintf (steps, "%s %s\n", program_invocation_short_name, name);
  fflush (steps);
  int n = count_steps (steps);
  fclose (steps);
  if (number > 0 && n == number && strcmp (program, program_invocation_short_name) == 0)
    kill (getpid (), SIGKILL);
}

__attribute__ ((constructor)) static void
set_hook (void)
{
  lp_step_hook = on_step;
}
