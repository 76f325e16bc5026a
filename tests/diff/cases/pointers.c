/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address of a replaced function stays what it was. */
#include <stdio.h>

typedef int (*Function) (int);

__attribute__ ((noinline)) int pick (int i, Function *out);
__attribute__ ((noinline)) int
twice (int i)
{
#ifdef FIX
  if (i == 3)
    return 0;
#endif
  return 2 * i + i / 64;
}

static int
thrice (int i)
{
  return 3 * i;
}

Function table[] = { twice, thrice };

__attribute__ ((noinline)) int
pick (int i, Function *out)
{
#ifdef FIX
  i &= 1;
#endif
  *out = i ? thrice : twice;
  return *out == table[i] && (i || *out == twice);
}

int
main (void)
{
  for (int i = 0; i < 2; i++)
    {
      Function f;
      printf ("%d ", pick (i, &f));
      printf ("%d %d %d\n", f == table[i], f (3), table[i](3));
    }
  return 0;
}
