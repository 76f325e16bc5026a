/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that is to be known of one patch, and what can be done to it.
 * Must not know the list, nor what an action leads to. */
#pragma once

#include "model/patch.h"
#include "widgets/action-box.h"

G_BEGIN_DECLS

#define SC_TYPE_OVERVIEW_PAGE (sc_overview_page_get_type ())
G_DECLARE_FINAL_TYPE (ScOverviewPage, sc_overview_page, SC, OVERVIEW_PAGE, AdwBin)

void sc_overview_page_connect (ScOverviewPage *self, ScClient *client); /* once */
void sc_overview_page_set_patch (ScOverviewPage *self, ScPatch *patch); /* (nullable) */
ScActionBox *sc_overview_page_get_actions (ScOverviewPage *self);

/* All that the page shows as plain text, for the clipboard. Caller frees. */
char *sc_overview_page_to_text (ScOverviewPage *self);

G_END_DECLS
