/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GCC moves the unlikely part to guard.cold. */
#include <stdio.h>
#include <stdlib.h>

int errors;

__attribute__ ((cold, noinline)) void
complain (const char *what, int value)
{
  errors++;
  printf ("%s %d\n", what, value);
}

__attribute__ ((noinline)) int
guard (int a, int b)
{
  if (__builtin_expect (b == 0, 0))
    {
      complain ("division of", a);
      complain ("by", b);
      return -1;
    }
#ifdef FIX
  if (__builtin_expect (a == -7, 0))
    {
      complain ("refused", a);
      complain ("with", b);
      return -2;
    }
#endif
  if (a == 12345)
    abort ();
  return a / b;
}

int
main (void)
{
  for (int a = -8; a < -5; a++)
    for (int b = 0; b < 3; b++)
      printf ("%d\n", guard (a, b));
  printf ("%d errors\n", errors);
  return 0;
}
