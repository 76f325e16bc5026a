/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Constants that compilers put into read-only sections of their own. */
#include <stdio.h>

__attribute__ ((noinline)) double
scale (double x, float y)
{
#ifdef FIX
  if (x > 2.5)
    return x * 0.125 - 3.75;
#endif
  return x * 1.5 + (double)(y * 2.25f) - 100.0;
}

__attribute__ ((noinline)) void
fill (int *out)
{
  const int numbers[8] = { 11, 22, 33, 44, 55, 66, 77, 88 };
  for (int i = 0; i < 8; i++)
#ifdef FIX
    out[i] = numbers[7 - i];
#else
    out[i] = numbers[i];
#endif
}

int
main (void)
{
  int out[8];
  fill (out);
  for (int i = 0; i < 5; i++)
    printf ("%.4f %d\n", scale (i, 1.5f), out[i]);
  return 0;
}
