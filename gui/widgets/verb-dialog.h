/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The question before a verb is done: what it would lead to (a dry run by the service), and yes or no.
 * Must not know how the verb is done. */
#pragma once

#include "model/client.h"
#include "model/patch-store.h"
#include "model/verbs.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_VERB_DIALOG (sc_verb_dialog_get_type ())
/* ScVerbDialog: signal "confirmed" (). */
G_DECLARE_FINAL_TYPE (ScVerbDialog, sc_verb_dialog, SC, VERB_DIALOG, AdwWindow)

/* @patches: ScPatch, at least one. */
GtkWidget *sc_verb_dialog_new (GtkWindow *parent, ScClient *client, ScPatchStore *store, ScVerb verb,
                               GPtrArray *patches);
ScVerb sc_verb_dialog_get_verb (ScVerbDialog *self);
GPtrArray *sc_verb_dialog_get_patches (ScVerbDialog *self);

G_END_DECLS
