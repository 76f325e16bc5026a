/* SPDX-License-Identifier: GPL-2.0-or-later */
int lib_work (int i);

static __thread int mine = 4;

__attribute__ ((noinline)) int
lib_work (int i)
{
#ifdef FIX
  if (i > 2)
    return 0;
#endif
  return mine += i;
}
