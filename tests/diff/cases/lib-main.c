/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

int lib_work (int i, const char *text);
extern int lib_exported;

int
main (void)
{
  lib_exported = 20;
  printf ("%d\n", lib_work (1, "text"));
  printf ("%d\n", lib_work (2, NULL));
  printf ("%d\n", lib_exported);
  return 0;
}
