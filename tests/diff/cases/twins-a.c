/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same static names as in the other file, with other meanings. */
#include <stdio.h>

static int state = 1000;

__attribute__ ((noinline)) static int
helper (int i)
{
  state += i;

  return state * 3;
}

int run_a (int i);

__attribute__ ((noinline)) int
run_a (int i)
{

  printf ("a %d\n", state);
  return helper (i) + helper (i + 1);
}
