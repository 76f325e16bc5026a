/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shared library: exported, hidden and static things. */
#include <stdio.h>
#include <string.h>

int lib_exported = 3;
static int lib_private = 4;
__attribute__ ((visibility ("hidden"))) int lib_hidden = 5;

int lib_work (int i, const char *text);

__attribute__ ((visibility ("hidden"), noinline)) int
lib_inner (int i)
{
  return i * lib_hidden;
}

__attribute__ ((noinline)) int
lib_work (int i, const char *text)
{
#ifdef FIX
  if (text == NULL)
    return -1;
  lib_hidden++;
#else
  if (text == NULL)
    text = "nothing";
#endif
  lib_exported += i;
  lib_private += lib_exported;
  printf ("%s %zu\n", text, strlen (text));
  return lib_private + lib_inner (i);
}
