/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inline.h"

int area_a (int i);

__attribute__ ((noinline)) int
area_a (int i)
{
  return area (i, 3) + area (i + 1, 2);
}
