/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A number that is handed on looks like a line number, but isn't one. */
#include <stdio.h>

__attribute__ ((noinline)) int
scaled (int a, int limit)
{
  return a > limit ? limit : a;
}

__attribute__ ((noinline)) int
work (int a)
{
#ifdef FIX
  return scaled (a, 20);
#else
  return scaled (a, 17);
#endif
}

int
main (void)
{
  printf ("%d\n", work (40));
  return 0;
}
