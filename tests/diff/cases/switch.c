/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A switch that becomes a table of jumps. */
#include <stdio.h>

int state;

__attribute__ ((noinline)) int
choose (int kind, int x)
{
  switch (kind)
    {
    case 0:
      state = x;
      return x + 1;
    case 1:
      state += x;
      return x * 3;
    case 2:
      printf ("two\n");
      return x - 7;
    case 3:
      state ^= x;
      return x / 2;
    case 4:
      printf ("four %d\n", state);
      return x << 2;
    case 5:
      state -= 3 * x;
      return x & 5;
#ifdef FIX
    case 6:
      state = 0;
      return 1000 + x;
#endif
    case 7:
      puts ("seven");
      return state;
    default:
      return -1;
    }
}

int
main (void)
{
  for (int i = -1; i < 10; i++)
    printf ("%d: %d\n", i, choose (i, 40 + i));
  return 0;
}
