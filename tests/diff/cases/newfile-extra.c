/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that only the fix has. */
#include <stdio.h>

static int calls;
int extra_limit = 6;
int extra (int i);

int
extra (int i)
{
  calls++;
  printf ("extra %d\n", calls);
  return i > extra_limit ? extra_limit : i;
}
