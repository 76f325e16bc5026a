/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An early return makes GCC split the function: its static locals are then those of FUNCTION.part.0. */
#include <stdio.h>

int blocked = 0;

void
receive (int n)
{
  static int received = 100;
  static int last[10];
#ifdef FIX
  if (n == 3 || blocked)
    return;
#endif
  for (int i = 0; i < n; i++)
    last[i] = received += i;
  for (int i = 0; i < 10; i++)
    printf ("%d ", last[i]);
  printf ("= %d\n", received);
}

__attribute__ ((noinline)) void
drive (void)
{
  for (int i = 0; i < 6; i++)
    receive (i);
}

int
main (void)
{
  drive ();
  receive (3);
  receive (2);
  return 0;
}
