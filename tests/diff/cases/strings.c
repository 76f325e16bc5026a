/* SPDX-License-Identifier: GPL-2.0-or-later */
/* String literals: old ones, new ones, shared ends, and a pointer table of its own file. */
#include <stdio.h>
#include <string.h>

static const char *const colours[] = { "red", "green", "blue" };

__attribute__ ((noinline)) const char *
describe (int i)
{
#ifdef FIX
  if (i < 0 || i > 2)
    return "out of range: no such colour";
  if (i == 2)
    return "no such colour";
#endif
  if (i == 9)
    return "colour";
  return colours[i];
}

int
main (void)
{
#define SHOW(i) printf ("%s\n", describe (i))
  SHOW (0);
  SHOW (1);
  SHOW (2);
  SHOW (9);
  return 0;
}
