/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A second, later patch for the function of value.c. */
extern int count;
int value (int x);

int
value (int x)
{
  count++;
  return x + 2000;
}
