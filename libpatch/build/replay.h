/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Repeats recorded compilations: with sections per function, or only to learn what they read. Writes nothing
 * into the tree. Must not know what has changed between two repetitions. */
#pragma once

#include "build/trace.h"

G_BEGIN_DECLS

/* Compiles all @units (LpTraceUnit*) as the trees are now, @jobs at a time, each into @folder/<id>.o.
 * Compiler messages of failures are appended to file @log. Errors: @failure with unit, first error line and
 * the log's name; LP_ERROR_CANCELLED. */
gboolean lp_replay_compile (const LpTrace *trace, GPtrArray *units, const char *folder, const char *log,
                            guint jobs, int failure, GCancellable *cancellable, GError **error);
char *lp_replay_object (const char *folder, const LpTraceUnit *unit);

/* Fills in depends of all @units that don't have it. */
gboolean lp_replay_depends (LpTrace *trace, GPtrArray *units, const char *folder, guint jobs,
                            GCancellable *cancellable, GError **error);

G_END_DECLS
