/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How an action on several patches ended, patch by patch.
 * Must not know what was done. */
#pragma once

#include "model/errors.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* @failure: of the whole, NULL when it succeeded; @results: aa{sv} as in Job.Results. */
void sc_result_dialog_show (GtkWindow *parent, ScFailure *failure, GVariant *results);

G_END_DECLS
