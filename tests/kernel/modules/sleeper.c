// SPDX-License-Identifier: GPL-2.0-or-later
/* Replaces hrtimer_nanosleep, in which a sleeping task stays until it wakes: a transition stalls in either direction. The new code
 * can only be woken by what kills the task: the kernel itself wakes stalled tasks that can be woken after 15 s. */
#include "livepatch.h"
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/sched.h>

static long replacement(ktime_t rqtp, const enum hrtimer_mode mode, const clockid_t clockid)
{
	schedule_timeout_killable(nsecs_to_jiffies(ktime_to_ns(rqtp)));
	return 0;
}

LIVEPATCH("hrtimer_nanosleep", replacement, false);
