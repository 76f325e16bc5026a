/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A switch with a jump table. */
#include "../programs/keep.h"

#include <stdio.h>

void answer (const char *question, char *out, unsigned long size);

KEEP static int
choose (int n, int x)
{
  UNKNOWN (n);
  UNKNOWN (x);
  switch (n)
    {
    case 0:
      return x + 3;
    case 1:
      return x * 7;
    case 2:
      return x - 11;
    case 3:
      return x ^ 0x55;
    case 4:
      return x / 3;
    case 5:
      return x % 5;
    case 6:
      return -x;
#ifdef PATCHED
    case 7:
      return x << 4;
    case 8:
      return x | 0x100;
#endif
    default:
      return -1;
    }
}

void
answer (const char *question, char *out, unsigned long size)
{
  int n = 0;

  for (int i = 0; i < 10; i++)
    n += snprintf (out + n, size - n, "%d ", choose (i, 20 + i));
}
