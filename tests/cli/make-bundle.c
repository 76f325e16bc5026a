/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a small sound bundle for the tests: make-bundle PARENT NAME OBJECTS. Prints its directory. */
#include <stdio.h>
#include <stdlib.h>

#include "sample.h"

int
main (int argc, char **argv)
{
  if (argc != 4)
    return 2;

  g_autofree char *path = sample_bundle (argv[1], argv[2], atoi (argv[3]));
  puts (path);
  return 0;
}
