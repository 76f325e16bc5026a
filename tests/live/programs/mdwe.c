/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c's loop after PR_SET_MDWE (Linux 6.3): no memory may become executable any more, none may be writable
 * and executable. */
#include <stdio.h>
#include <sys/prctl.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

void answer (const char *question, char *out, unsigned long size);

int
main (void)
{
  static char line[256], text[256];

  if (prctl (PR_SET_MDWE, 1 /* PR_MDWE_REFUSE_EXEC_GAIN */, 0, 0, 0) != 0)
    return 1;
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      answer (line, text, sizeof text);
      puts (text);
      fflush (stdout);
    }
  return 0;
}
