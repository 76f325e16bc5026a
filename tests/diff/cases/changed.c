/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A changed function that reads and writes variables of its file. */
#include <stdio.h>

static int counter = 5;
int total;

__attribute__ ((noinline)) int
work (int a)
{
  counter++;
#ifdef FIX
  if (a < 0)
    return -1;
#endif
  total += a;
  return a * 2 + counter;
}

int
main (void)
{
  for (int i = -3; i < 4; i++)
    printf ("%d %d\n", work (i), total);
  return 0;
}
