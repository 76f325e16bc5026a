/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The question before a patch bundle is installed: what the file says of itself, and yes or no.
 * Must not know the service. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_INSTALL_DIALOG (sc_install_dialog_get_type ())
/* ScInstallDialog: signal "confirmed" (path). */
G_DECLARE_FINAL_TYPE (ScInstallDialog, sc_install_dialog, SC, INSTALL_DIALOG, AdwWindow)

GtkWidget *sc_install_dialog_new (GtkWindow *parent, GFile *file);

G_END_DECLS
