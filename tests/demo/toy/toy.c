/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program of nobody's package, for the demo: what the redis delegate must not be allowed to patch. */
#include <stdio.h>
#include <unistd.h>

__attribute__ ((noinline)) int
answer (int question)
{
  return question * 2;
}

int
main (void)
{
  for (int i = 0;; i++)
    {
      printf ("%d\n", answer (i));
      fflush (stdout);
      usleep (100000);
    }
}
