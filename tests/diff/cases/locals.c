/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arrays of pointers that are filled from an unnamed initialiser; the fix changes one of two. */
#include <stdio.h>

__attribute__ ((noinline)) void
show (const char **lines)
{
  for (int i = 0; lines[i] != NULL; i++)
    puts (lines[i]);
}

__attribute__ ((noinline)) void
help (int more)
{
  const char *lines[]
      = { "usage:", "  one", "  two", "  three", "  four", "  five", "  six", "  seven", "  eight", NULL };
#ifdef FIX
  const char *extra[]
      = { "a line of the fix", "  nine", "  ten", "  eleven", "  twelve", "  thirteen", "  fourteen", NULL };
  if (more)
    show (extra);
#else
  const char *extra[]
      = { "more:", "  nine", "  ten", "  eleven", "  twelve", "  thirteen", "  fourteen", NULL };
  if (more)
    show (extra);
#endif
  show (lines);
}

__attribute__ ((noinline)) void
other (void)
{
  const char *lines[]
      = { "other:", "  uno", "  due", "  tre", "  quattro", "  cinque", "  sei", "  sette", NULL };
  show (lines);
}

int
main (void)
{
  help (0);
  help (1);
  other ();
  return 0;
}
