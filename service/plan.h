/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a verb would do to each patch of a request: the state table applied to the present, and the checks
 * that need no look into processes. Must not know jobs or the bus. */
#pragma once

#include "call-options.h"
#include "patch.h"
#include "verbs.h"

typedef struct {
  ScPatch *patch;
  LpState result;     /* its state afterwards */
  gboolean unchanged; /* the result already holds, nothing is to be done */
  gboolean has_step;  /* processes are to be changed */
} ScPlanEntry;

/* One entry (ScPlanEntry) per patch, in the order in which they are to be changed. Errors:
 * LP_ERROR_INVALID_STATE, LP_ERROR_UNTRUSTED, LP_ERROR_PATCH_CORRUPT, LP_ERROR_TARGET_MISSING,
 * LP_ERROR_TARGET_MISMATCH, LP_ERROR_NOT_SUPPORTED. */
GPtrArray *sc_plan_new (ScVerb verb, GPtrArray *patches, const ScCallOptions *options, GError **error);
gboolean sc_plan_has_step (GPtrArray *plan);

/* Whether the plan's patches are kernel patches; a plan has one kind. */
gboolean sc_plan_is_kernel (GPtrArray *plan);

/* The worker's request for the entries of @plan that have a step. */
void sc_plan_fill_request (GPtrArray *plan, ScVerb verb, const ScCallOptions *options, guint busy_timeout,
                           JsonObject *request);
