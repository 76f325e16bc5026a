/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

int area_a (int i);
int area_b (int i);

int
main (void)
{
  for (int i = 98; i < 102; i++)
    printf ("%d %d\n", area_a (i), area_b (i));
  return 0;
}
