/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is shown instead of the patches while the service can't be used: why, and one thing to do.
 * Must not know how to do it: it uses the window's actions. */
#pragma once

#include "model/client.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define SC_TYPE_ERROR_PAGE (sc_error_page_get_type ())
G_DECLARE_FINAL_TYPE (ScErrorPage, sc_error_page, SC, ERROR_PAGE, AdwBin)

/* @version: of the service, "" when not known; @detail: technical text, may be "". */
void sc_error_page_show (ScErrorPage *self, ScServiceState state, const char *version, const char *detail);

G_END_DECLS
