/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hazard 1: the same static names as in twins2.c; only this file's are changed. */
#include "../programs/keep.h"

#include <stdio.h>

void answer (const char *question, char *out, unsigned long size);
int other (void);
static int state = 1;

KEEP static int
helper (int x)
{
  UNKNOWN (x);
  state++;
#ifdef PATCHED
  return x + 50 + state;
#else
  return x + state;
#endif
}

void
answer (const char *question, char *out, unsigned long size)
{
  int a = helper (1), b = other ();

  snprintf (out, size, "%d %d", a, b);
}
