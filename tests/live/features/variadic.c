/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Variable arguments, floating point and a structure by value: registers, SSE registers and the stack arrive
 * as they are. */
#include "../programs/keep.h"

#include <stdarg.h>
#include <stdio.h>

void answer (const char *question, char *out, unsigned long size);

struct big {
  long a[6];
};

KEEP static double
sum (int n, ...)
{
  va_list list;
  double total = 0;

  va_start (list, n);
  for (int i = 0; i < n; i++)
    total += i % 2 ? va_arg (list, double) : va_arg (list, int);
  va_end (list);
#ifdef PATCHED
  return -total;
#else
  return total;
#endif
}

KEEP static struct big
shift (struct big b, float f, double d, int i7, int i8, int i9)
{
#ifdef PATCHED
  b.a[0] += (long)(f * 100) + (long)(d * 10) + i7 * i8 * i9;
#else
  b.a[0] += (long)(f * 10) + (long)d + i7 + i8 + i9;
#endif
  return b;
}

void
answer (const char *question, char *out, unsigned long size)
{
  struct big b = { { 1, 2, 3, 4, 5, 6 } };
  double s = sum (10, 1, 2.5, 3, 4.5, 5, 6.5, 7, 8.5, 9, 10.5);

  b = shift (b, 1.5f, 2.25, 7, 8, 9);
  snprintf (out, size, "%g %ld %ld", s, b.a[0], b.a[5]);
}
