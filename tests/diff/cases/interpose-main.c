/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

int lib_call (int i);

int
lib_hook (int i)
{
  return i + 1000;
}

int
main (void)
{
  printf ("%d\n", lib_call (1));
  return 0;
}
