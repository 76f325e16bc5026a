/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Static locals of the same name in two functions: they keep their values over the change; a new one begins
 * at its own. */
#include "../programs/keep.h"

#include <stdio.h>

void answer (const char *question, char *out, unsigned long size);

KEEP static int
first (void)
{
  static int counter = 10;
#ifdef PATCHED
  return counter++ + 5000;
#else
  return counter++;
#endif
}

KEEP static int
second (int x)
{
  static int counter = 100;

  UNKNOWN (x);
#ifdef PATCHED
  return counter += x + 0;
#else
  return counter += x;
#endif
}

void
answer (const char *question, char *out, unsigned long size)
{
  int a = first (), b = second (2);

  snprintf (out, size, "%d %d", a, b);
}
