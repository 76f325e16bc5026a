/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells whether a stopped process may still point into memory that is to be taken from it: from its data, its
 * heap, the stacks of coroutines, or a register. In doubt: it may. Must not know what that memory is. */
#pragma once

#include "process/stack.h"

G_BEGIN_DECLS

/* A look at more memory would hold the process up for longer than it is worth. */
#define LP_REFERENCES_MAX (G_GUINT64_CONSTANT (32) << 20) /* bytes */

/* TRUE when some aligned word in the memory of @stop's process, or a register of one of its threads, which
 * all stand still, lies in [@start, @end); also when that can't be told: the process has more than
 * LP_REFERENCES_MAX bytes of such memory, or it can't be read. *@where: the word's address, 0 when there is
 * none to name. Only pages that are there are read (/proc/PID/pagemap): what can be written, and private
 * copies of what can't any more. Pointers that glibc hides (atexit()) are found, too.
 *
 * @code (element-type LpCodeRange): return addresses into it on the stacks that threads are on don't count,
 * because lp_stack_check() has judged them exactly; nor does what lies below those stacks' pointers.
 *
 * Not found: what only the kernel knows (the handler of a signal, the word that epoll gives back), what a
 * program hides in its own way, and what is in a device's memory. */
gboolean lp_references_exist (LpStop *stop, const LpMaps *maps, guint64 start, guint64 end,
                              const GArray *code, guint64 *where);

G_END_DECLS
