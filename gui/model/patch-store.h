/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All patches of the machine as a list model: filled page by page, kept true by the service's signals.
 * Must not know filters, order or selection. */
#pragma once

#include "client.h"
#include "patch.h"
#include "rows.h"

G_BEGIN_DECLS

#define SC_TYPE_PATCH_STORE (sc_patch_store_get_type ())
/**
 * ScPatchStore: a GListModel of ScPatch in no particular order.
 *
 * Signals: "counts-changed" () when a state, a problem or the number of patches changed (at most once per
 * main loop turn); "loaded" () when the list is as complete as the service knows it; "load-failed" (GError);
 * "job-seen" (path) when a patch says that a job works on it.
 */
G_DECLARE_FINAL_TYPE (ScPatchStore, sc_patch_store, SC, PATCH_STORE, ScRows)

ScPatchStore *sc_patch_store_new (ScClient *client);

/* Asks for everything anew; what is there stays until the answer says otherwise. */
void sc_patch_store_reload (ScPatchStore *self);

/* Lets the service have a look at the processes now; what it finds comes by its signals. */
void sc_patch_store_look (ScPatchStore *self);

ScPatch *sc_patch_store_find (ScPatchStore *self, const char *path); /* borrowed, NULL when not there */
gboolean sc_patch_store_is_loaded (ScPatchStore *self);              /* the first page has come */
guint sc_patch_store_count_state (ScPatchStore *self, ScState state);
guint sc_patch_store_count_troubled (ScPatchStore *self); /* patches with a problem */

G_END_DECLS
