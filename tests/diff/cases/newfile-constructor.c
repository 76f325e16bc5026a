/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

__attribute__ ((constructor)) static void
prepare (void)
{
  puts ("prepared");
}
