/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table of descriptors of a thread's own, without what must end when the others close it. Must not know who
 * needs one.
 *
 * A descriptor's copy keeps what it is on: the uprobes, when they have been taken away; a file's lease, when
 * nobody answers for it any more. All else stays open: that somebody has the trigger's lock open says that he
 * acts still, and the loop is woken by a descriptor. Sources: unshare(2), fcntl(2), proc(5). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Gives it to the calling thread, without @gate (a descriptor), uprobes and leased files. The tracers that it
 * starts share it. */
void lp_own_table_take (int gate);

/* FALSE: a thread is about to have one, but may have what doesn't belong into it still. */
gboolean lp_own_table_are_all_taken (void);

G_END_DECLS
