/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New functions that call each other and new data, initialised and not; a callback. */
#include "../programs/keep.h"

#include <stdio.h>
#include <stdlib.h>

void answer (const char *question, char *out, unsigned long size);

/* The program has qsort() already: a patch brings no new library functions. */
KEEP static int
sign (const void *a, const void *b)
{
  return *(const int *)a < *(const int *)b ? -1 : 1;
}

#ifdef PATCHED
static int table[] = { 5, 3, 9, 1 };
static int calls[4];
static const char *const names[] = { "one", "two", "three" };

KEEP static int
compare (const void *a, const void *b)
{
  calls[0]++;
  return *(const int *)a - *(const int *)b;
}

KEEP static const char *
name_of (int n)
{
  UNKNOWN (n);
  return names[n % 3];
}
#endif

KEEP static void
describe (char *out, unsigned long size, int x)
{
  UNKNOWN (x);
#ifdef PATCHED
  int copy[4] = { table[0], table[1], table[2], table[3] };
  qsort (copy, 4, sizeof copy[0], compare);
  snprintf (out, size, "%d %d %s %d", copy[0], copy[3], name_of (x), calls[0] > 0);
#else
  snprintf (out, size, "plain %d", x);
#endif
}

void
answer (const char *question, char *out, unsigned long size)
{
  int pair[2] = { 2, 1 };

  qsort (pair, 2, sizeof pair[0], sign);
  describe (out, size, pair[1] + 2);
}
