/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The buttons for what can be done now to some patches, and in words why the others are off.
 * Must not know what pressing one leads to. */
#pragma once

#include "model/permissions.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_ACTION_BOX (sc_action_box_get_type ())
/* ScActionBox: signal "verb" (ScVerb as uint). */
G_DECLARE_FINAL_TYPE (ScActionBox, sc_action_box, SC, ACTION_BOX, AdwBin)

GtkWidget *sc_action_box_new (void);
void sc_action_box_set_permissions (ScActionBox *self, ScPermissions *permissions); /* once */

G_END_DECLS
