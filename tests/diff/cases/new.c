/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fix brings a function, a variable, a constant table and a static local that weren't there. */
#include <stdio.h>
#include <string.h>

char log_of_calls[64];

#ifdef FIX
static int rejected;
int new_global = 7;
static const short weights[] = { 3, 1, 4, 1, 5 };
static const char *const names[] = { "low", "middle", "high" };

__attribute__ ((noinline)) static int
validate (int a)
{
  static int calls = 100;
  calls++;
  if (a > 3)
    {
      rejected += new_global;
      return -calls;
    }
  return weights[a] + (int)strlen (names[a % 3]);
}

__attribute__ ((noinline)) int
new_exported (int a)
{
  return validate (a) + rejected;
}
#endif

__attribute__ ((noinline)) int
work (int a)
{
#ifdef FIX
  return new_exported (a);
#else
  return (int)strlen (log_of_calls) + a;
#endif
}

int
main (void)
{
  for (int i = 0; i < 8; i++)
    printf ("%d\n", work (i));
  return 0;
}
