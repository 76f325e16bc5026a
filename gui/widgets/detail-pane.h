/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The right side of the window: one patch in full, several in short, or an invitation to select one.
 * Must not know the list, nor what an action leads to. */
#pragma once

#include "model/client.h"
#include "model/patch.h"
#include "model/verbs.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_DETAIL_PANE (sc_detail_pane_get_type ())
/* ScDetailPane: signal "verb" (ScVerb as uint): the user wants it for those of the shown patches that it
 * fits. */
G_DECLARE_FINAL_TYPE (ScDetailPane, sc_detail_pane, SC, DETAIL_PANE, AdwBin)

void sc_detail_pane_connect (ScDetailPane *self, ScClient *client); /* once */

/* @patches: ScPatch; none, one or several. */
void sc_detail_pane_show (ScDetailPane *self, GPtrArray *patches);
GPtrArray *sc_detail_pane_get_patches (ScDetailPane *self); /* borrowed */
/* The shown patches that @verb can be offered for; NULL when it can't. Caller unrefs. */
GPtrArray *sc_detail_pane_get_possible (ScDetailPane *self, ScVerb verb);
void sc_detail_pane_set_folded (ScDetailPane *self, gboolean folded);
/* @name: "overview", "processes", "history". */
void sc_detail_pane_show_page (ScDetailPane *self, const char *name);
char *sc_detail_pane_to_text (ScDetailPane *self); /* of the one patch; NULL without; caller frees */

G_END_DECLS
