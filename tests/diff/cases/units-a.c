/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fix's new function lives here and is used in the other file too. */
int first (int i);
int second (int i);
#ifdef FIX
int clamp_value (int i);
int clamp_calls = 3;

__attribute__ ((noinline)) int
clamp_value (int i)
{
  clamp_calls++;
  return i > 10 ? 10 : i;
}
#endif

__attribute__ ((noinline)) int
first (int i)
{
#ifdef FIX
  i = clamp_value (i);
#endif
  return second (i) + 1;
}
