/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a job tells about patches and processes, for clients and for the history. Must not know how jobs run.
 */
#pragma once

#include "patch.h"
#include "truth.h"

/* One dictionary of Job.Results for @patch; @reply: (nullable): the worker's last message. Floating. */
GVariant *sc_job_result_new (ScTruth *truth, const ScPatch *patch, JsonObject *reply, const char *word,
                             const GError *error);
/* The per-process results that concern @patch, for the history; NULL when there are none. */
JsonNode *sc_job_processes_node (ScTruth *truth, const ScPatch *patch, JsonObject *reply);
/* Keeps with @patch why processes could not be changed. */
void sc_job_remember_outcomes (ScPatch *patch, JsonObject *reply);
/* aa{sv} out of such a node; floating. @node: (nullable) */
GVariant *sc_processes_variant (JsonNode *node);
