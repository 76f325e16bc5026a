/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inline.h"

int area_b (int i);

__attribute__ ((noinline)) int
area_b (int i)
{
  return area (i, 5) + area (i + 1, 2);
}
