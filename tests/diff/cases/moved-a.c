/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FIX
int helper (int i);

__attribute__ ((noinline)) int
helper (int i)
{
  return i + 1;
}
#else
int unused_a;
#endif
