// SPDX-License-Identifier: GPL-2.0-or-later
/* /proc/cmdline says "two"; it replaces every livepatch before it. */
#include "livepatch.h"

static int show(struct seq_file *m, void *v)
{
	seq_puts(m, "two\n");
	return 0;
}

LIVEPATCH("cmdline_proc_show", show, true);
