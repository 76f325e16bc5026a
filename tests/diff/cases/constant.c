/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The string in the shipped file isn't the one of the source. */
#include <stdio.h>

__attribute__ ((noinline)) int
victim (int a)
{
#ifdef FIX
  if (a < 0)
    return 0;
#endif
  puts ("a telling string");
  return a;
}

int
main (void)
{
  printf ("%d\n", victim (-4));
  return 0;
}
