/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that count per processor in restartable sequences inside value(), all the time; "sum" stops them
 * and prints how many counts are missing. Any other line: the answer of value(). Source: rseq(2), glibc's
 * sys/rseq.h. */
#include "keep.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/rseq.h>
#include <unistd.h>

#define PROCESSORS 1024
#define THREADS 4

typedef struct {
  long count;
  char apart[56];
} Counter;

int value (int x);
extern Counter counters[PROCESSORS];
#ifndef PATCHED_ONLY
Counter counters[PROCESSORS];
#endif

/* Adds one to the counter of the processor that the thread is on. FALSE: moved or stopped meanwhile, nothing
 * was done. */
static inline int
count (struct rseq *area)
{
  unsigned cpu = *(volatile unsigned *)&area->cpu_id_start;

  __asm__ goto("jmp 7f\n\t"
               ".balign 32\n"
               "5:\t.long 0, 0\n\t"         /* version, flags */
               ".quad 1f, 2f - 1f, 3f\n\t"  /* start, length, where to go when it was disturbed */
               ".byte 0x0f, 0xb9, 0x3d\n\t" /* the signature, inside of an instruction that traps */
               ".long 0x53053053\n"
               "3:\tjmp %l[disturbed]\n"
               "7:\tleaq 5b(%%rip), %%rax\n\t"
               "movq %%rax, %c[descriptor](%[area])\n"
               "1:\tcmpl %[cpu], %c[id](%[area])\n\t"
               "jne 3b\n\t"
               "movq (%[counter]), %%rax\n\t"
               "pause\n\tpause\n\tpause\n\tpause\n\t" /* so that it is met often */
               "addq $1, %%rax\n\t"
               "movq %%rax, (%[counter])\n"
               "2:\n"
               :
               : [area] "r"(area), [cpu] "r"(cpu), [counter] "r"(&counters[cpu].count),
                 [id] "i"(offsetof (struct rseq, cpu_id)), [descriptor] "i"(offsetof (struct rseq, rseq_cs))
               : "rax", "memory", "cc"
               : disturbed);
  return 1;
disturbed:
  return 0;
}

KEEP int
value (int x)
{
  struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer () + __rseq_offset);

  while (!count (area))
    ;
#ifdef PATCHED
  return x + 1000;
#else
  return x + 1;
#endif
}

#ifndef PATCHED_ONLY
static atomic_int ended;
static atomic_long made;

static void *
call (void *data)
{
  (void)data;
  while (!ended)
    {
      value (1);
      made++;
    }
  return NULL;
}

int
main (void)
{
  pthread_t threads[THREADS];
  char line[64];

  if (__rseq_size == 0)
    return 2; /* the C library has not registered it */
  for (int i = 0; i < THREADS; i++)
    pthread_create (&threads[i], NULL, call, NULL);
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (strncmp (line, "sum", 3) == 0)
        {
          long sum = 0;
          ended = 1;
          for (int i = 0; i < THREADS; i++)
            pthread_join (threads[i], NULL);
          for (int i = 0; i < PROCESSORS; i++)
            sum += counters[i].count;
          printf ("%ld missing\n", made - sum);
        }
      else
        {
          long before = made;
          while (made < before + 1000)
            usleep (100);
          printf ("%d\n", value (10));
          made++;
        }
      fflush (stdout);
    }
  return 0;
}
#endif
