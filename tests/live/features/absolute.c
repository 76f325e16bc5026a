/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses as numbers: tables of pointers to functions and variables, a function compared with a pointer, an
 * array in a loop. */
#include "../programs/keep.h"

#include <stdio.h>

void answer (const char *question, char *out, unsigned long size);
typedef int (*Operation) (int);
int numbers[16] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3 };

KEEP static int
twice (int x)
{
  UNKNOWN (x);
  return 2 * x;
}

KEEP static int
thrice (int x)
{
  UNKNOWN (x);
  return 3 * x;
}

Operation operations[] = { twice, thrice };

KEEP static int
apply (int which, Operation f)
{
  int sum = 0;

  UNKNOWN (which);
  for (int i = 0; i < 16; i++)
    sum += numbers[(i + which) % 16] * (i + 1);
#ifdef PATCHED
  return operations[which & 1](sum) + (f == twice ? 10000 : 20000);
#else
  return operations[which & 1](sum) + (f == twice ? 1000 : 2000);
#endif
}

void
answer (const char *question, char *out, unsigned long size)
{
  int a = apply (0, twice), b = apply (1, thrice);

  snprintf (out, size, "%d %d", a, b);
}
