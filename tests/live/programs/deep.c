/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deep stacks: "stale" leaves return addresses into value() in dead stack memory that a later, larger frame
 * covers without overwriting; "deep" reads the next line 300 frames above value(). */
#include "keep.h"

#include <stdio.h>
#include <string.h>

int value (int x);
int deeper (int n);

KEEP int
value (int x)
{
  int sum = x + 1;

  if (x < 0)
    sum = deeper (300) + 1;
#ifdef PATCHED
  return sum + 999;
#else
  return sum;
#endif
}

#ifndef PATCHED_ONLY
static char line[64];

KEEP int
deeper (int n)
{
  volatile char frame[64];

  frame[0] = 1;
  if (n > 0)
    return deeper (n - 1) + frame[0];
  puts ("waiting");
  fflush (stdout);
  if (fgets (line, sizeof line, stdin) == NULL)
    return -1;
  return 10;
}

KEEP static int
shallow (void)
{
  /* This frame is as large as what value() needed, and holds what value() left. */
  volatile char frame[65536];

  frame[sizeof frame - 1] = 0;
  if (fgets (line, sizeof line, stdin) == NULL)
    return 0;
  while (strncmp (line, "deep", 4) != 0)
    {
      printf ("%d\n", value (10));
      fflush (stdout);
      if (fgets (line, sizeof line, stdin) == NULL)
        return 0;
    }
  return 1;
}

KEEP static void
leave_stale_addresses (void)
{
  volatile unsigned long frame[4096];

  for (unsigned i = 0; i < 4096; i++)
    frame[i] = (unsigned long)value + 4 + i % 8;
}

int
main (void)
{
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (strncmp (line, "stale", 5) == 0)
        leave_stale_addresses ();
      printf ("%d\n", value (10));
      fflush (stdout);
      if (strncmp (line, "stale", 5) == 0 && shallow ())
        {
          printf ("%d\n", value (-1));
          fflush (stdout);
        }
    }
  return 0;
}
#endif
