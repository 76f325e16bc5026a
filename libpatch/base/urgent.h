/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets a thread go before all ordinary ones for the moment in which others are held for it. Must not know
 * what it does. Source: sched(7). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Who goes first among the urgent. One that is woken by a less urgent one takes its processor at once; among
 * equals it would be sent to another processor, which takes longer to wake up than the work takes. */
typedef enum {
  LP_URGENCY_ASKS = 1, /* gives the work to somebody else */
  LP_URGENCY_ACTS,     /* does it */
} LpUrgency;

/* The calling thread, and what it starts from now on, goes first: for work of well under a millisecond.
 * Without the privilege it is done as far as possible, and it is no error. */
void lp_urgent_begin (LpUrgency urgency);
/* The same, for one that was urgent before. */
void lp_urgent_begin_again (LpUrgency urgency);
/* The calling thread is an ordinary one again, of the highest ordinary priority when it was urgent. */
void lp_urgent_end (void);

/* A thread that is woken on another processor than the one who wakes it waits for that to be woken first,
 * which takes longer than the work itself (10 to 30 us in a virtual machine). So on a machine with few
 * processors somebody waits on each of them.
 *
 * The processors to wait on, as the calling thread may use them (element-type int); empty: there are too many
 * for that, or only one. To be asked before any thread is bound; all may be used again after
 * lp_urgent_unbind(). */
GArray *lp_urgent_processors (void);
/* The calling thread, and those that it starts, run on @processor only, if it is >= 0 and exists. */
void lp_urgent_bind (int processor);
void lp_urgent_unbind (int tid); /* 0: the calling one */

G_END_DECLS
