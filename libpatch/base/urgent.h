/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets a thread go before all ordinary ones for the moment in which others are held for it. Must not know
 * what it does. Source: sched(7). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The calling thread, and what it starts from now on, goes first: for work of well under a millisecond.
 * Without the privilege it is done as far as possible, and it is no error. */
void lp_urgent_begin (void);
/* The calling thread is an ordinary one again, of the highest ordinary priority when it was urgent. */
void lp_urgent_end (void);

G_END_DECLS
