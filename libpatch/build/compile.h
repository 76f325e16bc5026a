/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compiles what a fix reaches twice, as it was and as the fix wants it, in the same place; builds the whole
 * tree a second time when the fix changes the build itself. Must not know ELF or what becomes of the objects.
 */
#pragma once

#include "build/affected.h"
#include "build/source.h"
#include "build/workspace.h"

G_BEGIN_DECLS

/* One unit before and after. */
typedef struct {
  char *name;          /* source path relative to the tree */
  LpTraceUnit *base;   /* in the baseline; NULL: a new unit */
  LpTraceUnit *second; /* in the second build; NULL: there was none, or the fix takes the unit away */
  char *original;      /* objects with sections per function; NULL where there is no such side */
  char *patched;
} LpPair;

typedef struct {
  LpTrace *trace;
  const LpSource *source;
  LpWorkspace *workspace;
  guint jobs;
  GCancellable *cancellable;
} LpCompileContext;

/* The pairs whose two objects differ (LpPair); the others are counted in @n_equal. @second (out): trace of
 * the second build, NULL when there was none; the pairs borrow from it. The tree is as before when this
 * returns, whatever happened. Errors: LP_ERROR_SOURCES_FAILED (the fixed source doesn't compile),
 * LP_ERROR_REFUSED, LP_ERROR_CANCELLED, LP_ERROR_FAILED. */
GPtrArray *lp_compile_affected (const LpCompileContext *context, const LpAffected *affected, LpTrace **second,
                                guint *n_equal, GError **error);

G_END_DECLS
