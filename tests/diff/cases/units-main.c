/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

int first (int i);

int
main (void)
{
  for (int i = 8; i < 14; i++)
    printf ("%d\n", first (i));
  return 0;
}
