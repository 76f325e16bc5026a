/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table of labels: computed goto. */
#include <stdio.h>

__attribute__ ((noinline)) int
run (const unsigned char *code, int limit)
{
  static const void *const labels[] = { &&op_end, &&op_add, &&op_double, &&op_negate };
  int r = 1;

#ifdef FIX
  if (limit > 3)
    limit = 3;
#endif
#define NEXT                                                                                                 \
  if (limit-- <= 0)                                                                                          \
    return -1000 - r;                                                                                        \
  goto *labels[*code++]
  NEXT;
op_add:
  r += 5;
  NEXT;
op_double:
  r *= 2;
  NEXT;
op_negate:
  r = -r;
  NEXT;
op_end:
  return r;
}

int
main (void)
{
  const unsigned char a[] = { 1, 2, 3, 1, 0 }, b[] = { 2, 2, 0 };
  printf ("%d %d\n", run (a, 50), run (b, 50));
  return 0;
}
