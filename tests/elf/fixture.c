/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small library and object with one of everything that the reader of elf/ must get right. */
#include <stdio.h>
#include <string.h>

int fixture_counter = 7;
static int calls;
static const char *const names[] = { "none", "one", "two", "three" };
const char *const *fixture_names = names;
int (*fixture_pointer) (const char *, ...) = printf;
__attribute__ ((weak)) int fixture_common[16];

int fixture_sum (const int *values, int n);
const char *fixture_name (int i);
int fixture_switch (int i);

static int
helper (int value)
{
  calls++;
  return value * fixture_counter;
}

int
fixture_sum (const int *values, int n)
{
  int sum = 0;

  for (int i = 0; i < n; i++)
    sum += helper (values[i]);
  return sum + fixture_common[n & 15];
}

const char *
fixture_name (int i)
{
  static int last;

  last = i;
  return i >= 0 && i < 4 ? fixture_names[last] : strerror (i);
}

int
fixture_switch (int i)
{
  switch (i)
    {
    case 0:
      return puts ("zero");
    case 1:
      return puts ("one");
    case 2:
      return fixture_pointer ("%d\n", calls);
    case 3:
      return helper (9);
    case 4:
      return printf ("%s\n", names[calls & 3]);
    default:
      return -1;
    }
}
