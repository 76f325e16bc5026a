/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#ifdef FIX
char buffer[32];
#else
char buffer[16];
#endif

__attribute__ ((noinline)) size_t
work (int i)
{
  memset (buffer, i, sizeof buffer - 1);
  return strlen (buffer);
}

int
main (void)
{
  printf ("%zu\n", work ('a'));
  return 0;
}
