/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

__attribute__ ((noinline)) int
victim (int a)
{
#ifdef FIX
  if (a < 0)
    return 0;
#endif
  return a ^ 123456789;
}

int
main (void)
{
  printf ("%d\n", victim (-4));
  return 0;
}
