/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

int ready;
#ifdef FIX
__attribute__ ((constructor)) static void
prepare (void)
{
  ready = puts ("early");
}
#endif

int
main (void)
{
  printf ("%d\n", ready);
  return 0;
}
