/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that has just executed a program, as the kernel leaves it: nothing has run in it yet, so that
 * what the kernel has put on its stack says where everything is, and no file of /proc is needed. Must not
 * know about patches. */
#pragma once

#include "process/module.h"

G_BEGIN_DECLS

/* Looks at @process (lp_process_hold()), whose thread stands at the end of an exec with stack pointer @sp.
 * @modules: (element-type LpModule): the program, and unless @program_only its interpreter if it has one.
 * @maps: what is known to be mapped; there may be more. FALSE, with neither: it isn't as expected, and must
 * be looked at by /proc. */
gboolean lp_fresh_read (LpProcess *process, guint64 sp, gboolean program_only, LpMaps **maps,
                        GPtrArray **modules);

G_END_DECLS
