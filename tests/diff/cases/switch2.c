/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two tables in one function, and strings that are also used elsewhere. */
#include <stdio.h>

__attribute__ ((noinline)) const char *
other (int i)
{
  return i ? "alpha" : "a shared string";
}

__attribute__ ((noinline)) int
route (int a, int b)
{
  int r = 0;
  switch (a)
    {
    case 0:
      r = b * 2;
      break;
    case 1:
      r = b + 17;
      puts ("alpha");
      break;
    case 2:
      r = b ^ 99;
      break;
    case 3:
      r = b % 7;
      puts ("beta");
      break;
    case 4:
      r = b - 5;
      break;
    case 5:
      r = b | 64;
      puts ("a shared string");
      break;
    }
  switch (b)
    {
    case 10:
      r += 1;
      break;
    case 11:
      r *= 5;
      puts ("gamma");
      break;
    case 12:
      r -= 9;
      break;
    case 13:
      r ^= 3;
      puts ("delta");
      break;
    case 14:
      r <<= 1;
      break;
#ifdef FIX
    case 15:
      r = 4711;
      puts ("the fix");
      break;
#endif
    case 16:
      r = -r;
      break;
    }
  return r;
}

int
main (void)
{
  for (int a = 0; a < 7; a++)
    for (int b = 9; b < 18; b++)
      printf ("%d\n", route (a, b));
  printf ("%s %s\n", other (0), other (1));
  return 0;
}
