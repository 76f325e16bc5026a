/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was done to one patch: who, when, why, and how it ended.
 * Must not know what can be done to it now. */
#pragma once

#include "model/client.h"
#include "model/patch.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_HISTORY_PAGE (sc_history_page_get_type ())
G_DECLARE_FINAL_TYPE (ScHistoryPage, sc_history_page, SC, HISTORY_PAGE, AdwBin)

void sc_history_page_connect (ScHistoryPage *self, ScClient *client); /* once */
void sc_history_page_set_patch (ScHistoryPage *self, ScPatch *patch); /* (nullable) */

G_END_DECLS
