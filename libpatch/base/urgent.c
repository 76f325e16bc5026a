/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scheduling policy of the calling thread, which Linux takes 0 for in both calls. */
#include "base/urgent.h"

#include <sched.h>
#include <sys/resource.h>

#define FIRST_NICE (-20)

void
lp_urgent_begin (LpUrgency urgency)
{
  const struct sched_param parameter = { .sched_priority = (int)urgency };

  setpriority (PRIO_PROCESS, 0, FIRST_NICE);
  sched_setscheduler (0, SCHED_FIFO, &parameter);
}

void
lp_urgent_yield (void)
{
  setpriority (PRIO_PROCESS, 0, 0);
  sched_yield ();
}

void
lp_urgent_end (void)
{
  const struct sched_param parameter = { .sched_priority = 0 };

  if (sched_getscheduler (0) == SCHED_FIFO)
    sched_setscheduler (0, SCHED_OTHER, &parameter);
}
