/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#ifdef FIX
static __thread int depth;
#endif

__attribute__ ((noinline)) int
work (int i)
{
#ifdef FIX
  depth += i;
  return depth;
#else
  return i;
#endif
}

int
main (void)
{
  printf ("%d\n", work (4) + work (5));
  return 0;
}
