/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#ifdef FIX
int extra (int i);
extern int extra_limit;
#endif

__attribute__ ((noinline)) int
work (int i)
{
#ifdef FIX
  i = extra (i) + extra_limit;
#endif
  return i * 3 + i / 64;
}

int
main (void)
{
  for (int i = 4; i < 9; i++)
    printf ("%d\n", work (i));
  return 0;
}
