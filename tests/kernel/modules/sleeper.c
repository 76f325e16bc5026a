// SPDX-License-Identifier: GPL-2.0-or-later
/* Replaces hrtimer_nanosleep, in which a sleeping task stays until it wakes: its transition stalls. */
#include "livepatch.h"
#include <linux/hrtimer.h>

static long replacement(ktime_t rqtp, const enum hrtimer_mode mode, const clockid_t clockid)
{
	return 0;
}

LIVEPATCH("hrtimer_nanosleep", replacement, false);
