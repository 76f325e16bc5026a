/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stacks that aren't a thread's own: "handler" calls value(), which is interrupted by a signal whose handler,
 * on an alternate stack, waits for a line; "coroutine" calls value() in a coroutine that waits there until
 * "resume". Any other line: the answer of value(). */
#include "keep.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

int value (int x);
int wait_in_handler (void);
int wait_in_coroutine (void);

KEEP int
value (int x)
{
  int more = 1;

  if (x == -1)
    more = wait_in_handler ();
  if (x == -2)
    more = wait_in_coroutine ();
#ifdef PATCHED
  return x + 999 + more;
#else
  return x + more;
#endif
}

#ifndef PATCHED_ONLY
static ucontext_t outside, inside;
static int result;

KEEP int
wait_in_handler (void)
{
  raise (SIGUSR1);
  return 1;
}

KEEP int
wait_in_coroutine (void)
{
  swapcontext (&inside, &outside);
  return 1;
}

static void
handle (int number)
{
  char line[64];

  (void)number;
  puts ("in the handler");
  fflush (stdout);
  if (fgets (line, sizeof line, stdin) == NULL)
    abort ();
}

static void
coroutine (void)
{
  result = value (-2);
}

static void
start_coroutine (void)
{
  size_t size = 64 << 10; /* from the heap, as a coroutine library may have it */

  getcontext (&inside);
  inside.uc_stack.ss_sp = malloc (size);
  inside.uc_stack.ss_size = size;
  inside.uc_link = &outside;
  makecontext (&inside, coroutine, 0);
  swapcontext (&outside, &inside);
}

int
main (void)
{
  struct sigaction action = { .sa_handler = handle, .sa_flags = SA_ONSTACK };
  stack_t stack = { .ss_size = 256 << 10 };
  char line[64];

  stack.ss_sp = malloc (stack.ss_size); /* a mapping of its own */
  sigaltstack (&stack, NULL);
  sigaction (SIGUSR1, &action, NULL);
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      int number = 10;

      if (strncmp (line, "handler", 7) == 0)
        number = -1;
      else if (strncmp (line, "coroutine", 9) == 0)
        start_coroutine ();
      else if (strncmp (line, "resume", 6) == 0)
        {
          swapcontext (&outside, &inside);
          printf ("%d\n", result);
          fflush (stdout);
          continue;
        }
      printf ("%d\n", value (number));
      fflush (stdout);
    }
  return 0;
}
#endif
