/* SPDX-License-Identifier: GPL-2.0-or-later */
static inline int
area (int a, int b)
{
#ifdef FIX
  if (a > 100)
    return 0;
#endif
  return a * b;
}
