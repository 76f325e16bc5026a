/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

int util_one (int i);
int util_two (int i);

int
main (void)
{
  for (int i = 0; i < 5; i++)
    printf ("%d %d\n", util_one (i), util_two (i));
  return 0;
}
