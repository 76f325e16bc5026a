/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Thread-local variables of the program itself: at a fixed distance from the thread pointer. */
#include <stdio.h>

static __thread int mine = 5;
__thread long shared_one = 9;
static __thread char name[24];

__attribute__ ((noinline)) long
work (int i)
{
#ifdef FIX
  if (i == 2)
    mine = 100;
#endif
  mine += i;
  shared_one += mine;
  name[i] = (char)('a' + i);
  return shared_one;
}

int
main (void)
{
  for (int i = 0; i < 4; i++)
    printf ("%ld\n", work (i));
  printf ("%d %s\n", mine, name);
  return 0;
}
