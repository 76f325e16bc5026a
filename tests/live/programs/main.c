/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop around every feature program: one line in, one line out, status 0 at the end of input. Never
 * patched itself. */
#include <stdio.h>
#include <string.h>

void answer (const char *question, char *out, unsigned long size);

int
main (void)
{
  char question[256], out[1024];

  while (fgets (question, sizeof question, stdin) != NULL)
    {
      question[strcspn (question, "\n")] = '\0';
      out[0] = '\0';
      answer (question, out, sizeof out);
      puts (out);
      fflush (stdout);
    }
  return 0;
}
