/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls into libc (PLT or GOT), data of libc (stdout, environ: copy-relocated in a non-PIE program), errno.
 */
#define _GNU_SOURCE
#include "../programs/keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void answer (const char *question, char *out, unsigned long size);

KEEP static int
use (char *out, unsigned long size, int fd)
{
  UNKNOWN (fd);
  errno = 0;
  int failed = close (fd) != 0;
#ifdef PATCHED
  char *copy = strdup ("copied");
  int n = snprintf (out, size, "%d errno %d %s %d %d", failed, errno, copy, fileno (stdout),
                    environ != NULL && environ[0] != NULL);
  free (copy);
  return n;
#else
  return snprintf (out, size, "%d errno %d %d", failed, errno, fileno (stdout));
#endif
}

void
answer (const char *question, char *out, unsigned long size)
{
  char *warm = strdup ("");

  use (out, size, 9999);
  if (environ == NULL || fflush (stdout) != 0)
    out[0] = '?';
  free (warm);
}
