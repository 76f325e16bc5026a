/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Variable arguments (al counts vector registers) and a frame that needs probing or a large sub. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__ ((noinline)) double
report (const char *format, ...)
{
  char buffer[3000];
  double sum = 0;
  va_list args;

  va_start (args, format);
  memset (buffer, 0, sizeof buffer);
  for (const char *p = format; *p != '\0'; p++)
    sum += *p == 'd' ? va_arg (args, int) : va_arg (args, double);
  va_end (args);
#ifdef FIX
  snprintf (buffer, sizeof buffer, "sum %.2f", sum);
#else
  snprintf (buffer, sizeof buffer, "total %d", (int)sum);
#endif
  puts (buffer);
  return sum;
}

int
main (void)
{
  printf ("%.2f\n", report ("dfdf", 1, 2.5, 3, 4.25));
  return 0;
}
