/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scheduling policy of the calling thread, which Linux takes 0 for in both calls. */
#include "base/urgent.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIRST_NICE (-20)
#define PROCESSORS_MAX 4 /* each that is waited on is woken for everything */

static cpu_set_t usable; /* once asked */

void
lp_urgent_begin_again (LpUrgency urgency)
{
  const struct sched_param parameter = { .sched_priority = (int)urgency };

  sched_setscheduler (0, SCHED_FIFO, &parameter);
}

void
lp_urgent_begin (LpUrgency urgency)
{
  setpriority (PRIO_PROCESS, 0, FIRST_NICE);
  lp_urgent_begin_again (urgency);
}

void
lp_urgent_end (void)
{
  const struct sched_param parameter = { .sched_priority = 0 };

  sched_setscheduler (0, SCHED_OTHER, &parameter);
}

GArray *
lp_urgent_processors (void)
{
  GArray *processors = g_array_new (FALSE, FALSE, sizeof (int));

  CPU_ZERO (&usable);
  if (sched_getaffinity (0, sizeof usable, &usable) != 0)
    CPU_ZERO (&usable); /* more than fit into it */
  int n = CPU_COUNT (&usable);
  for (int i = 0; i < CPU_SETSIZE && n > 1 && n <= PROCESSORS_MAX; i++)
    if (CPU_ISSET (i, &usable))
      g_array_append_val (processors, i);
  return processors;
}

void
lp_urgent_bind (int processor)
{
  cpu_set_t one;

  CPU_ZERO (&one);
  if (processor < 0)
    return;
  CPU_SET (processor, &one);
  sched_setaffinity (0, sizeof one, &one);
}

void
lp_urgent_unbind (int tid)
{
  if (CPU_COUNT (&usable) > 0)
    sched_setaffinity (tid, sizeof usable, &usable);
}
