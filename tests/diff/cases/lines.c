/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fix only moves lines, which an assertion hands on. */
#include <stdio.h>
#include <stdlib.h>

__attribute__ ((noinline)) void
report_failure (const char *what, const char *file, int line)
{
  printf ("%s %d %d\n", what, file != NULL, line);
  exit (1);
}

#define check(e) ((e) ? (void)0 : report_failure (#e, __FILE__, __LINE__))
#ifdef FIX
#line 60
#endif

__attribute__ ((noinline)) int
work (int i)
{
  check (i < 100);
  i += 3;
  check (i != 50);
  return i * 2;
}

int
main (void)
{
  printf ("%d\n", work (4));
  return 0;
}
