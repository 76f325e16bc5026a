/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads, by command: "sleep N" (N idle threads), "churn" (a thread that creates short ones all the time,
 * each calling value()), "call" (threads that call value() all the time; a mixture of old and new answers by
 * one caller within one call is an error), "in" (a thread that waits inside value() until "out"). Any other
 * line: the answer of value(). */
#include "keep.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef STACK
#define STACK (128 << 10)
#endif

int value (int x);
extern sem_t gate, inside;
#ifndef PATCHED_ONLY
sem_t gate, inside;
#endif
static atomic_ulong calls, made;
static atomic_int wrong;

KEEP int
value (int x)
{
  if (x == -1)
    {
      sem_post (&inside);
      while (sem_wait (&gate) != 0)
        ;
    }
#ifdef PATCHED
  return x + 1000;
#else
  return x + 1;
#endif
}

#ifndef PATCHED_ONLY
static void *
idle (void *data)
{
  sem_post (&inside);
  for (;;)
    pause ();
}

static void *
caller (void *data)
{
  for (;;)
    {
      int v = value (10);
      if (v != 11 && v != 1010)
        wrong++;
      calls++;
    }
  return NULL;
}

static void *
one_call (void *data)
{
  int v = value (10);
  if (v != 11 && v != 1010)
    wrong++;
  made++;
  return NULL;
}

static void *
churn (void *data)
{
  for (;;)
    {
      pthread_t t[4];
      for (int i = 0; i < 4; i++)
        if (pthread_create (&t[i], NULL, one_call, NULL) != 0)
          abort ();
      for (int i = 0; i < 4; i++)
        pthread_join (t[i], NULL);
    }
  return NULL;
}

static void *
enter (void *data)
{
  int v = value (-1);
  printf ("left %d\n", v);
  fflush (stdout);
  return NULL;
}

static void
start (void *(*function) (void *), int n)
{
  pthread_attr_t attributes;
  pthread_t thread;

  pthread_attr_init (&attributes);
  pthread_attr_setstacksize (&attributes, STACK);
  for (int i = 0; i < n; i++)
    if (pthread_create (&thread, &attributes, function, NULL) != 0)
      abort ();
}

int
main (void)
{
  char line[64];

  sem_init (&gate, 0, 0);
  sem_init (&inside, 0, 0);
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      int n = 1;
      if (sscanf (line, "sleep %d", &n) == 1)
        {
          start (idle, n);
          for (int i = 0; i < n; i++)
            while (sem_wait (&inside) != 0)
              ;
        }
      else if (strncmp (line, "churn", 5) == 0)
        start (churn, 1);
      else if (sscanf (line, "call %d", &n) == 1)
        start (caller, n);
      else if (strncmp (line, "in", 2) == 0)
        {
          start (enter, 1);
          while (sem_wait (&inside) != 0)
            ;
        }
      else if (strncmp (line, "out", 3) == 0)
        {
          sem_post (&gate);
          continue; /* the thread answers */
        }
      else if (strncmp (line, "wait", 4) == 0)
        {
          unsigned long before = calls + made;
          while (calls + made < before + 1000 && wrong == 0)
            usleep (100);
        }
      printf ("%d wrong=%d\n", value (10), wrong);
      fflush (stdout);
    }
  return 0;
}
#endif
