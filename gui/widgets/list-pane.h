/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The left side of the window: search, filters, counts and the list of patches.
 * Must not know what happens to the selected patches. */
#pragma once

#include "model/patch-store.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_LIST_PANE (sc_list_pane_get_type ())
/* ScListPane: signals "selection-changed" (); "list-changed" () some time after other patches came into
 * sight, or the same ones in another order; "opened" (): the user wants to see the selected patch. */
G_DECLARE_FINAL_TYPE (ScListPane, sc_list_pane, SC, LIST_PANE, AdwBin)

/* Once, before the widget is shown. */
void sc_list_pane_connect (ScListPane *self, ScClient *client, ScPatchStore *store, GSettings *settings);

GPtrArray *sc_list_pane_get_selected (ScListPane *self);            /* ScPatch; caller unrefs */
void sc_list_pane_select_path (ScListPane *self, const char *path); /* nothing when it isn't in the list */
void sc_list_pane_select_all (ScListPane *self);
void sc_list_pane_set_selecting (ScListPane *self, gboolean selecting);
void sc_list_pane_set_kind (ScListPane *self, const char *kind);
void sc_list_pane_clear_filter (ScListPane *self);
void sc_list_pane_focus_search (ScListPane *self);
void sc_list_pane_focus_list (ScListPane *self);
/* Typing anywhere in @widget starts a search. */
void sc_list_pane_capture_keys (ScListPane *self, GtkWidget *widget);
/* Alone in the window: the window's buttons are in its header. */
void sc_list_pane_set_folded (ScListPane *self, gboolean folded);

G_END_DECLS
