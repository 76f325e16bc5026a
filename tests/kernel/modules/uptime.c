// SPDX-License-Identifier: GPL-2.0-or-later
/* /proc/uptime says "forever". */
#include "livepatch.h"

static int show(struct seq_file *m, void *v)
{
	seq_puts(m, "forever\n");
	return 0;
}

LIVEPATCH("uptime_proc_show", show, false);
