/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One patch in the list: name, target, CVEs, severity, state.
 * Must not know the list around it: it is told whether it begins a group. */
#pragma once

#include "model/patch.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define SC_TYPE_PATCH_ROW (sc_patch_row_get_type ())
/* ScPatchRow: signals "opened" () on a plain click, "toggled" () when its check box or, while selecting, it
 * is clicked. */
G_DECLARE_FINAL_TYPE (ScPatchRow, sc_patch_row, SC, PATCH_ROW, GtkWidget)

GtkWidget *sc_patch_row_new (void);
void sc_patch_row_set_patch (ScPatchRow *self, ScPatch *patch); /* (nullable) */
void sc_patch_row_set_group_start (ScPatchRow *self, gboolean grouped, gboolean starts);
void sc_patch_row_set_selecting (ScPatchRow *self, gboolean selecting);
void sc_patch_row_set_selected (ScPatchRow *self, gboolean selected);

G_END_DECLS
