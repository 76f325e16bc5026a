/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fix above other functions moves their lines: only the mended one is replaced. */
#include <stdio.h>
#include <stdlib.h>

__attribute__ ((noinline)) void
report_failure (const char *what, const char *file, int line)
{
  printf ("%s %d %d\n", what, file != NULL, line);
  exit (1);
}

#define check(e) ((e) ? (void)0 : report_failure (#e, __FILE__, __LINE__))

__attribute__ ((noinline)) int
mended (int i)
{
  check (i < 1000);
#ifdef FIX
  if (i == 2)
    return 22;
#endif
  return i;
}

__attribute__ ((noinline)) int
untouched (int i)
{
  check (i < 100);
  i += 3;
  check (i != 50);
  return i * 2;
}

int
main (void)
{
  for (int i = 0; i < 4; i++)
    printf ("%d %d\n", mended (i), untouched (i));
  return 0;
}
