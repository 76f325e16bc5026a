/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With -fexceptions the cleanup attribute makes exception tables. */
#include <stdio.h>

int (*volatile show) (const char *, ...) = printf; /* may throw, as far as a compiler knows */

static void
done (int *p)
{
  show ("done %d\n", *p);
}

__attribute__ ((noinline)) int
work (int a)
{
  __attribute__ ((cleanup (done))) int mine = a;
#ifdef FIX
  mine += 2;
#endif
  show ("%d\n", mine);
  return mine;
}

int
main (void)
{
  return work (3) != 3 && work (4) != 4;
}
