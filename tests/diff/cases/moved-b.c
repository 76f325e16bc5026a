/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

int helper (int i);

#ifdef FIX
__attribute__ ((noinline)) int
helper (int i)
{
  return i + 2;
}
#endif

int
main (void)
{
  printf ("%d\n", helper (1));
  return 0;
}
