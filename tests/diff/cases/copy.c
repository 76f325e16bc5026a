/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A library's variables that the linker moved into the program. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

__attribute__ ((noinline)) int
work (const char *text)
{
#ifdef FIX
  fwrite ("fixed: ", 1, 7, stdout);
#endif
  fputs (text, stdout);
  fputc ('\n', stdout);
  return environ != NULL && environ[0] != NULL && stdin != stdout;
}

int
main (void)
{
  fwrite ("start\n", 1, 6, stdout);
  printf ("%d\n", work ("hello"));
  return stdin == NULL || environ == NULL;
}
