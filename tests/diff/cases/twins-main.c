/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

int run_a (int i);
int run_b (int i);

int
main (void)
{
  for (int i = 0; i < 4; i++)
    printf ("%d %d\n", run_a (i), run_b (i));
  return 0;
}
