/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user wishes of a window, from the question before to the word afterwards.
 * Must not know how pages look. */
#pragma once

#include "widgets/window-private.h"

G_BEGIN_DECLS

/* Begins @verb for those of the shown patches that it can be offered for; asks first where it must. */
void sc_window_begin_verb (ScWindow *self, ScVerb verb);

/* Adds the actions "install", "uninstall", "rescan", "undo" to the window. */
void sc_window_add_wishes (ScWindow *self);

/* Shows what is wrong: quietly when the user declined, else in full. @heading may be NULL. */
void sc_window_tell_failure (ScWindow *self, ScFailure *failure, const char *heading);

/* Tells the end of a job that another client began. */
void sc_window_tell_foreign_job (ScWindow *self, ScJob *job);

G_END_DECLS
