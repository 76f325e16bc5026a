/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other file of twins.c. */
#include "../programs/keep.h"

int other (void);
static int state = 1000;

KEEP static int
helper (int x)
{
  UNKNOWN (x);
  state += 2;
  return x + state;
}

int
other (void)
{
  return helper (3);
}
