/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#ifdef FIX
const int prices[] = { 1, 2, 4 };
#else
const int prices[] = { 1, 2, 3 };
#endif

__attribute__ ((noinline)) int
work (int i)
{
  return prices[i];
}

int
main (void)
{
  printf ("%d\n", work (2));
  return 0;
}
