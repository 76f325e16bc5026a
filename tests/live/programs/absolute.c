/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A patch for value.c whose code holds the 32-bit absolute address of a variable. */
extern int count;
int value (int x);

int
value (int x)
{
  int *p;

  __asm__ volatile("mov $count, %k0" : "=r"(p));
  *p += 1;
  return x + 1000;
}
