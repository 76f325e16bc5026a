/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells whether a stopped thread is executing, or will return into, given pieces of code. In doubt: busy.
 * Must not know what the pieces are. */
#pragma once

#include "process/stop.h"
#include "process/unwind.h"

G_BEGIN_DECLS

typedef struct {
  guint64 start; /* run-time address */
  guint64 end;
  gboolean entry_is_free; /* a thread exactly at @start hasn't begun to execute it */
  const char *name;       /* for messages; borrowed */
  guint64 free_at;        /* a thread that executes this address next is no harm either; 0 = none */
} LpCodeRange;

typedef struct {
  int tid;
  const LpCodeRange *range; /* NULL: the stack could not be judged */
  gboolean needs_unwinder;  /* an exact look might clear the thread */
} LpStackHit;

/* Checks all stopped threads of @stop against @ranges (element-type LpCodeRange, any order; sorted here).
 * TRUE and *@busy FALSE: nobody is in them. *@busy TRUE: @hit says who and where. @unwinder: (nullable).
 * First the words between stack pointer and end of the stack are compared with the ranges, which finds every
 * return address (and stale ones); only threads with a find are unwound, which is exact. A thread on a signal
 * handler's stack is looked at on its own one, too; what a coroutine that isn't running has on its stack
 * isn't found here (see process/references.h). Errors: LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED. */
gboolean lp_stack_check (LpStop *stop, const LpMaps *maps, LpUnwinder *unwinder, GArray *ranges,
                         gboolean *busy, LpStackHit *hit, GError **error);

G_END_DECLS
