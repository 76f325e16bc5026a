/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A chain of calls through value(): "chain" prints how many callers the C library finds from below it, "wait"
 * waits for a line below it. Any other line: the answer of value(). */
#include "keep.h"

#include <execinfo.h>
#include <stdio.h>
#include <string.h>

int value (int x);
int outer (int x);
int wait_for_line (void);
int count_callers (void);

KEEP int
value (int x)
{
  volatile int room[20];
  int result = x;

  room[x & 15] = 1;
  if (x == -1)
    result = wait_for_line () - 1;
  if (x == -2)
    return count_callers () + room[14] - 1;
#ifdef PATCHED
  return x < 0 ? 0 : result + 999 + room[x & 15];
#else
  return result + room[x & 15];
#endif
}

KEEP int
wait_for_line (void)
{
  char line[64];

  puts ("waiting");
  fflush (stdout);
  return fgets (line, sizeof line, stdin) == NULL ? 1 : 0;
}

KEEP int
count_callers (void)
{
  void *callers[32];

  return backtrace (callers, 32);
}

KEEP int
outer (int x)
{
  int result = value (x);

  UNKNOWN (result);
  return result;
}

int
main (void)
{
  char line[64];

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      int number = strncmp (line, "wait", 4) == 0 ? -1 : strncmp (line, "chain", 5) == 0 ? -2 : 10;
      printf ("%d\n", outer (number));
      fflush (stdout);
    }
  return 0;
}
