/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Weak functions and common variables. */
#include <stdio.h>

int common_array[10];
int common_int;
extern int not_there (int) __attribute__ ((weak));

__attribute__ ((weak, noinline)) int
adjust (int i)
{
  return i + 1;
}

__attribute__ ((noinline)) int
work (int i)
{
#ifdef FIX
  if (i > 2)
    i = adjust (-i);
#endif
  common_int += i;
  common_array[i & 7]++;
  return adjust (i) + common_array[0];
}

int
main (void)
{
  for (int i = 0; i < 5; i++)
    printf ("%d %d\n", work (i), common_int);
  return not_there != NULL;
}
