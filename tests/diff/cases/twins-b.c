/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same static names as in the other file, with other meanings. */
#include <stdio.h>

static int state = 2000;

__attribute__ ((noinline)) static int
helper (int i)
{
  state += i;
#ifdef FIX
  if (i > 2)
    return -5;
#endif
  return state * 7;
}

int run_b (int i);

__attribute__ ((noinline)) int
run_b (int i)
{
#ifdef FIX
  state += 40;
#endif
  printf ("b %d\n", state);
  return helper (i) + helper (i + 1);
}
