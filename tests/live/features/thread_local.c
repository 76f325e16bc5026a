/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hazard 22f: thread-local variables of the program, in two threads; each keeps its own values. */
#include "../programs/keep.h"

#include <pthread.h>
#include <stdio.h>

void answer (const char *question, char *out, unsigned long size);

static __thread int first = 5;
static __thread long second[40];
__thread int third;

KEEP static int
step (int by)
{
  first += by;
  second[7] += first;
  third++;
#ifdef PATCHED
  return first * 1000 + (int)second[7] + third;
#else
  return first + (int)second[7] - third;
#endif
}

static void *
in_thread (void *data)
{
  *(int *)data = step (100) + step (1);
  return NULL;
}

void
answer (const char *question, char *out, unsigned long size)
{
  int other = 0, here = step (1);
  pthread_t thread;

  if (pthread_create (&thread, NULL, in_thread, &other) == 0)
    pthread_join (thread, NULL);
  snprintf (out, size, "%d %d", here, other);
}
