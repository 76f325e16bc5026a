/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions that stand close together: no room for a redirect in a function of three bytes. */
#include <stdio.h>

__attribute__ ((noinline)) int
tiny (int a)
{
#ifdef FIX
  return a < 0 ? 0 : a;
#else
  return a;
#endif
}

__attribute__ ((noinline)) int
neighbour (int a)
{
  return a + 2;
}

int
main (void)
{
  printf ("%d %d\n", tiny (4), neighbour (1));
  return 0;
}
