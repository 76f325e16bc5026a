/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program whose address space is in motion. "storm": threads map, mark, check and unmap pages near the
 * program all the time; "fill": takes all room near the program but one far hole; "full": takes all of it;
 * "damage": how many pages were not as they were left. */
#include "keep.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int value (int x);

KEEP int
value (int x)
{
#ifdef PATCHED
  return x + 1000;
#else
  return x + 1;
#endif
}

#ifndef PATCHED_ONLY
#define FIXED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | 0x100000 /* MAP_FIXED_NOREPLACE */)
#define REACH 0x80000000UL

static atomic_int damage;

/* Maps just below the lowest mapping near the program, which is where a patch would go. */
static void *
storm (void *data)
{
  unsigned seed = (unsigned)(uintptr_t)data;
  char *base = (char *)((uintptr_t)value & ~0xfffUL);

  for (;;)
    {
      char *wish = base - (1 + rand_r (&seed) % 64) * 4096UL;
      size_t size = (1 + rand_r (&seed) % 4) * 4096;
      char *p = mmap (wish, size, PROT_READ | PROT_WRITE, FIXED, -1, 0);
      if (p == MAP_FAILED)
        continue;
      memset (p, 0x5a, size);
      for (size_t i = 0; i < size; i += 64)
        if (p[i] != 0x5a)
          damage++;
      munmap (p, size);
    }
  return NULL;
}

/* Free ranges as /proc/self/maps shows them, all taken. */
static void
take (uintptr_t low, uintptr_t high)
{
  FILE *maps = fopen ("/proc/self/maps", "r");
  static uintptr_t ranges[512][2];
  int n = 0;
  char line[512];
  uintptr_t last = low;

  while (fgets (line, sizeof line, maps) != NULL && n < 512)
    {
      uintptr_t start, end;
      sscanf (line, "%lx-%lx", &start, &end);
      if (start > last && last < high)
        {
          ranges[n][0] = last;
          ranges[n++][1] = start < high ? start : high;
        }
      if (end > last)
        last = end;
    }
  fclose (maps);
  if (last < high)
    {
      ranges[n][0] = last;
      ranges[n++][1] = high;
    }
  for (int i = 0; i < n; i++)
    mmap ((void *)ranges[i][0], ranges[i][1] - ranges[i][0], PROT_NONE, FIXED, -1, 0);
}

int
main (void)
{
  char line[64];
  pthread_t thread;
  uintptr_t here = (uintptr_t)value & ~0xfffUL;

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (strncmp (line, "storm", 5) == 0)
        {
          for (long i = 1; i <= 2; i++)
            pthread_create (&thread, NULL, storm, (void *)i);
          puts ("storm");
        }
      else if (strncmp (line, "fill", 4) == 0)
        {
          take (here - REACH / 2, here + REACH + REACH);
          puts ("filled");
        }
      else if (strncmp (line, "full", 4) == 0)
        {
          take (here - REACH - (64 << 20), here + REACH + (64 << 20));
          puts ("filled");
        }
      else if (strncmp (line, "damage", 6) == 0)
        printf ("damage %d\n", damage);
      else
        printf ("%d\n", value (10));
      fflush (stdout);
    }
  return 0;
}
#endif
