/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Same file name, same local names, same sizes as in the other directory. */
#include <stdio.h>

static int state = 5;

__attribute__ ((noinline)) static int
helper (int i)
{
  state += i;
  return state * 5;
}

int util_two (int i);

__attribute__ ((noinline)) int
util_two (int i)
{
#ifdef FIX
  if (i == 2)
    return -state;
#endif
  return helper (i) + state;
}
