// SPDX-License-Identifier: GPL-2.0-or-later
/* What the module says. */
#include <linux/kernel.h>
#include "greeter.h"

static noinline int
is_new (int visits)
{
  return visits < 3;
}

int
greeting (char *text, unsigned long size, int visits)
{
  return scnprintf (text, size, "%s %d\n", is_new (visits) ? "good day" : "hello", visits);
}
