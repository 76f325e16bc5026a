// SPDX-License-Identifier: GPL-2.0-or-later
/* /proc/cmdline says "one". */
#include "livepatch.h"

static int show(struct seq_file *m, void *v)
{
	seq_puts(m, "one\n");
	return 0;
}

LIVEPATCH("cmdline_proc_show", show, false);
