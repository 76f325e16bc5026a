/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The window: which page is shown, what the list's selection means, the keyboard's actions.
 * Must not know how a wish is carried out: see window-actions.h. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_WINDOW (sc_window_get_type ())
G_DECLARE_FINAL_TYPE (ScWindow, sc_window, SC, WINDOW, AdwApplicationWindow)

ScWindow *sc_window_new (AdwApplication *application);

/* Shows the patch with this object path, now or as soon as it is known. */
void sc_window_show_patch (ScWindow *self, const char *path);

/* Asks whether the bundle in @file shall be installed. */
void sc_window_open_file (ScWindow *self, GFile *file);

G_END_DECLS
