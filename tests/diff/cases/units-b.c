/* SPDX-License-Identifier: GPL-2.0-or-later */
int second (int i);
#ifdef FIX
int clamp_value (int i);
extern int clamp_calls;
#endif

__attribute__ ((noinline)) int
second (int i)
{
#ifdef FIX
  return clamp_value (i - 1) * 2 + clamp_calls;
#else
  return i * 2 + i / 7;
#endif
}
