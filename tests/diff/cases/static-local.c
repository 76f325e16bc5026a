/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several static locals of one name; the fix adds one before them, which shifts GCC's numbers. */
#include <stdio.h>

__attribute__ ((noinline)) int
before (int a)
{
  static int seen = 10;
#ifdef FIX
  static int extra = 50;
  extra += a;
  seen += extra / 100;
#endif
  return seen += a;
}

__attribute__ ((noinline)) int
count (int a)
{
  static int seen = 20;
  static int calls;
#ifdef FIX
  if (a > 2)
    return -calls;
#endif
  calls++;
  return (seen += a) * 100 + calls;
}

__attribute__ ((noinline)) int
behind (int a)
{
  static int seen = 30;
  return seen += a;
}

int
main (void)
{
  for (int i = 0; i < 5; i++)
    printf ("%d %d %d\n", before (i), count (i), behind (i));
  return 0;
}
