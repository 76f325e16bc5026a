/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes run the new code, which don't, and why; refreshed while it is on screen.
 * Must not know what can be done to the patch. */
#pragma once

#include "model/process-list.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_PROCESSES_PAGE (sc_processes_page_get_type ())
G_DECLARE_FINAL_TYPE (ScProcessesPage, sc_processes_page, SC, PROCESSES_PAGE, AdwBin)

void sc_processes_page_connect (ScProcessesPage *self, ScClient *client); /* once */
void sc_processes_page_set_patch (ScProcessesPage *self, ScPatch *patch); /* (nullable) */

G_END_DECLS
