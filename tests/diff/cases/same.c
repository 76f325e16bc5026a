/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

int
main (void)
{
#ifdef FIX
  /* a comment */
#endif
  puts ("same");
  return 0;
}
