/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program puts in place of the library's own function is called by the new code too. */
int lib_hook (int i);
int lib_other (int i);
int lib_call (int i);

__attribute__ ((noinline)) int
lib_hook (int i)
{
  return i;
}

__attribute__ ((noinline)) int
lib_other (int i)
{
  return i + 3;
}

__attribute__ ((noinline)) int
lib_call (int i)
{
#ifdef FIX
  i += lib_other (i);
#endif
  return lib_hook (i) * 2 + lib_other (1);
}
