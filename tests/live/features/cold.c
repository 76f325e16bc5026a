/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .cold, .part, .constprop and .isra copies that the compiler makes of functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void answer (const char *question, char *out, unsigned long size);
void complain (const char *what, int n) __attribute__ ((cold, noinline));
int complaint;

struct point {
  int x, y, z;
};

void
complain (const char *what, int n)
{
  complaint = n + (int)strlen (what);
}

static __attribute__ ((noinline)) int
measure (struct point *p, int scale, int unused)
{
  int sum = 0;

  for (int i = 0; i < 8; i++)
    sum += (p->x + i) * scale;
  if (__builtin_expect (sum > 1000000, 0))
    complain ("large", 1);
#ifdef PATCHED
  if (__builtin_expect (p->x > 3, 0))
    complain ("more than three", 2);
#endif
  return sum;
}

static __attribute__ ((noinline)) int
power (int base, int exponent)
{
  int result = 1;

  if (base == 0)
    return 0;
  for (int i = 0; i < exponent; i++)
    result = result * base + (result & 3);
#ifdef PATCHED
  result += 17;
#endif
  return result;
}

void
answer (const char *question, char *out, unsigned long size)
{
  struct point p = { 4 + (int)strlen (question), 2, 3 };
  complaint = 0;
  int a = measure (&p, 3, 1), b = power (2 + (int)strlen (question), 5),
      c = power (3 + (int)strlen (question), 5);

  snprintf (out, size, "%d %d %d %d", a, b, c, complaint);
}
