/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program: one process, one window, files to open, what every window shares.
 * Must not know patches. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_APPLICATION_ID "org.openeuler.SysCare"

#define SC_TYPE_APPLICATION (sc_application_get_type ())
G_DECLARE_FINAL_TYPE (ScApplication, sc_application, SC, APPLICATION, AdwApplication)

ScApplication *sc_application_new (void);

G_END_DECLS
