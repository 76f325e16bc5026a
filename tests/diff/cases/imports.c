/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Imports: called, and handed on as pointers. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
by_value (const void *a, const void *b)
{
  return *(const int *)a - *(const int *)b;
}

int (*transform) (int) = toupper;

__attribute__ ((noinline)) int
work (char *text)
{
  int numbers[] = { 5, 2, 9, 1 };
  size_t n = strlen (text);
#ifdef FIX
  if (n > 3)
    {
      transform = tolower;
      text[3] = '\0';
    }
#endif
  qsort (numbers, 4, sizeof numbers[0], by_value);
  for (size_t i = 0; i < strlen (text); i++)
    text[i] = (char)transform (text[i]);
  return numbers[1] * 10 + (int)n + atoi ("7");
}

int
main (void)
{
  char a[] = "Ab", b[] = "AbCdEf";
  int (*lower) (int) = tolower;
  printf ("%d\n", work (a));
  printf ("%d\n", work (b));
  printf ("%s %s %d\n", a, b, lower == transform);
  return 0;
}
