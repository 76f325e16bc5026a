/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which patches a client's match dictionary or id means. Must not know the bus. */
#pragma once

#include "patch.h"

typedef struct ScMatch ScMatch;

/* @dictionary: a{sv}; keys id, target, bundle, kind, state, issue, all strings. Errors:
 * LP_ERROR_INVALID_ARGS. */
ScMatch *sc_match_new (GVariant *dictionary, GError **error);
void sc_match_free (ScMatch *match);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScMatch, sc_match_free)

/* Those of @patches (ScPatch) that match, in the same order; references, caller frees. */
GPtrArray *sc_match_filter (const ScMatch *match, GPtrArray *patches);
