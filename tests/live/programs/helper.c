/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The patched value() calls a helper that only the patch has, as a tail call; "in": a thread waits in there
 * until "out". */
#include "keep.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

int value (int x);
extern sem_t gate, inside;
#ifndef PATCHED_ONLY
sem_t gate, inside;
#endif

#ifdef PATCHED
int patch_only (int x);

KEEP int
patch_only (int x)
{
  if (x == -1)
    {
      sem_post (&inside);
      while (sem_wait (&gate) != 0)
        ;
    }
  return 2;
}

KEEP int
value (int x)
{
  return patch_only (x);
}
#else
KEEP int
value (int x)
{
  __asm__ volatile("" ::: "memory");
  return x == 100 ? 7 : 1;
}
#endif

#ifndef PATCHED_ONLY
static void *
enter (void *data)
{
  printf ("left %d\n", value (-1));
  fflush (stdout);
  return NULL;
}

int
main (void)
{
  char line[64];
  pthread_t thread;

  sem_init (&gate, 0, 0);
  sem_init (&inside, 0, 0);
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (strncmp (line, "in", 2) == 0)
        {
          pthread_create (&thread, NULL, enter, NULL);
          while (sem_wait (&inside) != 0)
            ;
        }
      else if (strncmp (line, "out", 3) == 0)
        {
          sem_post (&gate);
          continue;
        }
      printf ("%d\n", value (1));
      fflush (stdout);
    }
  return 0;
}
#endif
