/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recursion, by itself and through another function: every level is new. */
#include "../programs/keep.h"

#include <stdio.h>

void answer (const char *question, char *out, unsigned long size);
static int odd (int n);

KEEP static int
even (int n)
{
  UNKNOWN (n);
#ifdef PATCHED
  return n == 0 ? 100 : odd (n - 1) + 2;
#else
  return n == 0 ? 100 : odd (n - 1) + 1;
#endif
}

KEEP static int
odd (int n)
{
  UNKNOWN (n);
  return n == 0 ? 200 : even (n - 1) + 1;
}

KEEP static long
factorial (int n)
{
  UNKNOWN (n);
#ifdef PATCHED
  return n <= 1 ? 2 : n * factorial (n - 1);
#else
  return n <= 1 ? 1 : n * factorial (n - 1);
#endif
}

void
answer (const char *question, char *out, unsigned long size)
{
  int e = even (20);
  long f = factorial (10);

  snprintf (out, size, "%d %ld", e, f);
}
