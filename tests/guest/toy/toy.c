/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The target of the product's test: writes the answer of one function to /run/toy, over and over. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char text[64];

__attribute__ ((noinline)) static const char *
answer (int round)
{
  snprintf (text, sizeof text, "old %d\n", round & 1);
  return text;
}

int
main (void)
{
  for (int round = 0;; round++, usleep (50000))
    {
      int fd = open ("/run/toy", O_WRONLY | O_CREAT | O_TRUNC, 0644);
      const char *line = answer (round);

      if (fd >= 0 && write (fd, line, strlen (line)) > 0)
        close (fd);
    }
}
