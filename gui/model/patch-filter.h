/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which patches are shown, and in which order.
 * Must not know widgets. */
#pragma once

#include "patch.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* What of the patches is shown, by state. */
typedef enum {
  SC_SHOW_ALL,
  SC_SHOW_NOT_APPLIED,
  SC_SHOW_DEACTIVATED,
  SC_SHOW_ACTIVE,
  SC_SHOW_ACCEPTED,
  SC_SHOW_TROUBLED, /* with a problem, or in an unknown state */
} ScShow;

#define SC_N_SHOWS (SC_SHOW_TROUBLED + 1)

#define SC_TYPE_PATCH_FILTER (sc_patch_filter_get_type ())
G_DECLARE_FINAL_TYPE (ScPatchFilter, sc_patch_filter, SC, PATCH_FILTER, GtkFilter)

ScPatchFilter *sc_patch_filter_new (void);
/* Every word of @text must occur in name, target, CVE ids, description or uuid; "" for all. */
void sc_patch_filter_set_text (ScPatchFilter *self, const char *text);
void sc_patch_filter_set_show (ScPatchFilter *self, ScShow show);
/* @kind: "user", "kernel" or "all". */
void sc_patch_filter_set_kind (ScPatchFilter *self, const char *kind);
ScShow sc_patch_filter_get_show (ScPatchFilter *self);
gboolean sc_patch_filter_is_set (ScPatchFilter *self);

/* By @key ("name", "state", "severity", "changed"), within one target when @grouped; ties by name, then uuid,
 * so that the order never changes by chance. */
GtkSorter *sc_patch_sorter_new (const char *key, gboolean grouped);

G_END_DECLS
