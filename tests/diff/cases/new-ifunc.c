/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

__attribute__ ((noinline)) int
work (const char *text)
{
#ifdef FIX
  return strpbrk (text, "lo") != NULL;
#else
  return text[0];
#endif
}

int
main (int argc, char **argv)
{
  printf ("%d\n", work (argv[argc - 1]));
  return 0;
}
