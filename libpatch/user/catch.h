/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Catches a thread that the net holds: stops its process, patches it, lets it go. The call that hit enters
 * the new function where the redirect stands behind the instruction that the thread has just executed. Must
 * not know uprobes.
 *
 * Quiet, unless the net's patience was over before. */
#pragma once

#include "user/meet.h"
#include "user/net.h"

G_BEGIN_DECLS

typedef struct {
  LpMeetResult *meeting; /* PATCHED; NOT_CONCERNED: it was patched already, or has ended; LATER; FAILED */
  gboolean was_patched;  /* before */
  gboolean old_call;     /* the call that hit goes on in the old function */
  gboolean was_held;     /* FALSE: it had gone on before, and the net has counted that call */
} LpCatchResult;

/* Blocks. @entities, @entries: element for element. When we are killed meanwhile the tracer brings it to its
 * end. */
LpCatchResult *lp_catch (LpNet *net, const struct lp_net_hit *hit, GPtrArray *entities, GPtrArray *entries);
void lp_catch_result_free (LpCatchResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpCatchResult, lp_catch_result_free)

G_END_DECLS
