/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which processes share one memory without being threads of one process: what clone(2) makes with CLONE_VM
 * but without CLONE_THREAD, vfork(2) among it. Their threads run the same code, so they must stand still
 * together. Must not know why. Source: kcmp(2), proc(5). Where the kernel can't compare, nobody shares. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether two tasks have one address space. FALSE when either is gone or the kernel doesn't tell. */
gboolean lp_process_shares_memory (int pid, int other);

/* The number that the kernel has given last, to a process or thread; 0 when it can't be read. */
int lp_process_last_number (void);

/* Processes (array of int, ascending, without @pid) that share @pid's memory, looked for among those whose
 * numbers were given after @since; @since = 0: among all. */
GArray *lp_process_sharers (int pid, int since);

/* Sorts @pids (of int) into groups: a table from each pid that shares its memory with others of @pids to the
 * group's array of int, which @table owns. Takes n log n comparisons. */
GHashTable *lp_process_sharing_groups (const GArray *pids);

G_END_DECLS
