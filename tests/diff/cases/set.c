/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The linker gathers the elements of a section; a running program has counted them already. */
#include <stdio.h>

#define ELEMENT(name, value) __attribute__ ((section ("my_set"), used)) static const int name = value

ELEMENT (one, 1);
ELEMENT (two, 2);
#ifdef FIX
ELEMENT (three, 3);
#endif
extern const int __start_my_set[], __stop_my_set[];

int
main (void)
{
  int sum = 0;
  for (const int *p = __start_my_set; p < __stop_my_set; p++)
    sum += *p;
  printf ("%d\n", sum);
  return 0;
}
