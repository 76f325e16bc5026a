/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which patches the trigger keeps bound to their files: those that are wished to be in effect. Must not know
 * the bus or how binding is done. */
#pragma once

#include "service.h"

/* Tells the trigger the present set, in the order of activation. @plan: (nullable): ScPlanEntry whose results
 * count instead of the present states: what is being activated is bound before the running processes are
 * changed, what is being withdrawn no longer then. */
void sc_binding_update_async (ScService *service, GPtrArray *plan, GAsyncReadyCallback callback,
                              gpointer user_data);
void sc_binding_update_finish (ScService *service, GAsyncResult *result);

/* Adds to a worker's @request which patches of programs are in effect, in the order of activation: one that a
 * process lacks must not come to lie on a later one. */
void sc_binding_fill_stack (ScService *service, JsonObject *request);
