/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#ifdef FIX
int limit_of_things = 20;
#else
int limit_of_things = 10;
#endif

int
main (void)
{
  printf ("%d\n", limit_of_things);
  return 0;
}
