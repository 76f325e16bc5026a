/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hazard 10: a function with hardly room for a redirect, between two neighbours that must stay as they are.
 */
#include "../programs/keep.h"

#include <stdio.h>

void answer (const char *question, char *out, unsigned long size);

KEEP static int
before (void)
{
  return 1;
}

KEEP static int
tiny (void)
{
#ifdef PATCHED
  return 200;
#else
  return 2;
#endif
}

KEEP static int
after (void)
{
  return 3;
}

void
answer (const char *question, char *out, unsigned long size)
{
  int a = before (), b = tiny (), c = after ();

  snprintf (out, size, "%d %d %d", a, b, c);
}
