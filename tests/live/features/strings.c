/* SPDX-License-Identifier: GPL-2.0-or-later */
/* String literals: kept, changed, new, and with a common tail. */
#include "../programs/keep.h"

#include <stdio.h>
#include <string.h>

void answer (const char *question, char *out, unsigned long size);

KEEP static const char *
text (int n)
{
  UNKNOWN (n);
#ifdef PATCHED
  return n == 0 ? "an old word" : n == 1 ? "a quite different sentence" : "entirely new";
#else
  return n == 0 ? "an old word" : n == 1 ? "a sentence" : "";
#endif
}

void
answer (const char *question, char *out, unsigned long size)
{
  snprintf (out, size, "%s|%s|%s", text (0), text (1), text (2));
}
