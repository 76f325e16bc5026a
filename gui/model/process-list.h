/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes that run one patch's target, as a list model that is refreshed on demand.
 * Must not know when to refresh: the page that shows it does. */
#pragma once

#include "client.h"
#include "patch.h"
#include "rows.h"

G_BEGIN_DECLS

#define SC_TYPE_PROCESS (sc_process_get_type ())
G_DECLARE_FINAL_TYPE (ScProcess, sc_process, SC, PROCESS, GObject)

guint sc_process_get_pid (ScProcess *self);
const char *sc_process_get_command (ScProcess *self);
const char *sc_process_get_status (ScProcess *self); /* patched, pending, unpatchable, failed */
char *sc_process_get_place (ScProcess *self); /* "PID 812 · redis-server.service · user 106"; caller frees */
char *sc_process_get_explanation (
    ScProcess *self); /* reason and detail in words, "" when there is none; caller frees */

#define SC_TYPE_PROCESS_LIST (sc_process_list_get_type ())
/**
 * ScProcessList: a GListModel of ScProcess, those that need attention first, then by pid. A process that did
 * not change keeps its object. Signals: "refreshed" (); "failed" (GError) when the service didn't answer.
 */
G_DECLARE_FINAL_TYPE (ScProcessList, sc_process_list, SC, PROCESS_LIST, ScRows)

ScProcessList *sc_process_list_new (ScClient *client);
void sc_process_list_set_patch (ScProcessList *self, ScPatch *patch); /* (nullable); empties the list */
void sc_process_list_refresh (ScProcessList *self); /* nothing happens while an answer is awaited */

G_END_DECLS
