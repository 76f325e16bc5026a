/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <unistd.h>

__attribute__ ((noinline)) int
work (int i)
{
#ifdef FIX
  return printf ("%s\n", getppid () == i ? "mine" : "other") + i;
#else
  return printf ("old\n") + i;
#endif
}

int
main (void)
{
  printf ("%d\n", work (4));
  return 0;
}
