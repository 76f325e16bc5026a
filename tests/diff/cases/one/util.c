/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Same file name, same local names, same sizes as in the other directory. */
#include <stdio.h>

static int state = 3;

__attribute__ ((noinline)) static int
helper (int i)
{
  state += i;
  return state * 3;
}

int util_one (int i);

__attribute__ ((noinline)) int
util_one (int i)
{
  return helper (i) + state;
}
