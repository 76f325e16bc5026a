/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The simplest case: one function that answers differently, and counts in a variable that belongs to the
 * program. */
#include "keep.h"

#include <stdio.h>

extern int count;
#ifndef PATCHED_ONLY
int count;
#endif
int value (int x);

KEEP int
value (int x)
{
  UNKNOWN (x);
  count++;
#ifdef PATCHED
  return x + 1000;
#else
  return x + 1;
#endif
}

#ifndef PATCHED_ONLY
void answer (const char *question, char *out, unsigned long size);

void
answer (const char *question, char *out, unsigned long size)
{
  int v = value (10);

  snprintf (out, size, "%d %d", v, count);
}
#endif
