/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GCC makes clones: constprop, isra, part. */
#include <stdio.h>

struct pair {
  int a, b;
  const char *name;
};

__attribute__ ((noinline)) static int
only_a (const struct pair *pair, int unused, int scale)
{
  if (pair->a > 100)
    printf ("large %d\n", pair->a);
  return pair->a * scale;
}

static int
partly (struct pair *pair, int deep)
{
  if (pair->b == 0)
    return 0;
  for (int i = 0; i < deep; i++)
    {
      pair->a += i * pair->b;
      printf ("%s %d\n", pair->name, pair->a);
      if (pair->a > 500)
        {
          puts ("too much");
          pair->a = 0;
        }
    }
#ifdef FIX
  if (pair->a < 0)
    pair->a = 1;
#endif
  return pair->a;
}

__attribute__ ((noinline)) int
outer (struct pair *pair, int n)
{
#ifdef FIX
  if (n > 4)
    n = 4;
#endif
  return only_a (pair, 1, 3) + partly (pair, n) + only_a (pair, 2, 3);
}

__attribute__ ((noinline)) int
second (struct pair *pair)
{
  return partly (pair, 3) - only_a (pair, 9, 3);
}

int
main (void)
{
  struct pair pair = { 40, 11, "pair" };
  for (int i = 0; i < 7; i++)
    {
      printf ("%d\n", outer (&pair, i));
      pair.b = i - 2;
      printf ("%d\n", second (&pair));
    }
  return 0;
}
