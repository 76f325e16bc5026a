/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recursion by name and by a helper, tail calls. */
#include <stdio.h>

int depth (int n);
__attribute__ ((noinline)) static int
step (int n)
{
  return n <= 0 ? 0 : depth (n - 1);
}

__attribute__ ((noinline)) int
depth (int n)
{
#ifdef FIX
  if (n > 5)
    n = 5;
#endif
  if (n % 3 == 0)
    return step (n);
  return n <= 0 ? 1 : 1 + depth (n - 1) + depth (n - 2);
}

int
main (void)
{
  printf ("%d %d\n", depth (4), depth (11));
  return 0;
}
