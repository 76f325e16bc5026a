/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A changed function with a variable of the program. */
#include "../programs/keep.h"

#include <stdio.h>

void answer (const char *question, char *out, unsigned long size);
int total;

KEEP static int
change (int x)
{
  UNKNOWN (x);
  total += x;
#ifdef PATCHED
  return x * 3;
#else
  return x * 2;
#endif
}

void
answer (const char *question, char *out, unsigned long size)
{
  int v = change (7);

  snprintf (out, size, "%d total %d", v, total);
}
