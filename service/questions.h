/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What polkit is asked about a request on patches: the details of the contract, always all present. Must not
 * know how questions are put. */
#pragma once

#include "authority.h"
#include "facts.h"
#include "patch.h"
#include "verbs.h"

/* A question about nothing in particular: @action with @verb, every other detail "". */
ScQuestion *sc_question_new_plain (const char *action, const char *verb);

/* One question per group of equal (action, target, force) among @patches (ScPatch); @facts holds their
 * ScTargetFacts in the same order. With @force a question for the action force comes after each. @groups:
 * (out) (optional): for each patch the index of its (first) question, a GArray of guint. */
GPtrArray *sc_questions_new (ScVerb verb, GPtrArray *patches, GPtrArray *facts, gboolean force,
                             GArray **groups);

/* ScQuestionMerge: the common question of several groups of one action: target.* empty, patch.count their
 * sum. */
ScQuestion *sc_questions_merge (GPtrArray *questions, gpointer user_data);
