/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate: the kernel holds whoever opens a watched file for execution (or at all) until we answer. Must not
 * know what is done about the opener.
 *
 * Nothing here blocks, and nothing here opens a watched file while an answer is due: a gate that waited for
 * itself would freeze every start of the program. When the descriptor is closed, by us or by our death, the
 * kernel lets everybody go on. Source: fanotify(7), fanotify_init(2), fanotify_mark(2). */
#pragma once

#include <gio/gio.h>

#include "base/error.h"

G_BEGIN_DECLS

typedef struct LpGate LpGate;

typedef struct {
  int tid; /* the thread that is held, in our pid namespace; 0: it can't be seen from here */
  int fd;  /* of the event: names it in the answer */
} LpGateEvent;

/* Called for each event; must answer it with lp_gate_allow(), at once or later, from any thread. */
typedef void (*LpGateFunc) (const LpGateEvent *event, gpointer user_data);

/* Errors: LP_ERROR_KERNEL_UNSUPPORTED (no fanotify permission events), LP_ERROR_ACCESS_DENIED,
 * LP_ERROR_FAILED. */
LpGate *lp_gate_new (GError **error);
void lp_gate_free (LpGate *gate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpGate, lp_gate_free)

/* For poll(2): readable when events wait. */
int lp_gate_fd (const LpGate *gate);

/* Watches the inode that @fd is open on, until the gate is freed or lp_gate_unwatch(). May be called again
 * for the same inode. @gate: (nullable): without one, and when it is closed, there is nothing to do. */
gboolean lp_gate_watch (LpGate *gate, int fd, GError **error);
gboolean lp_gate_unwatch (LpGate *gate, int fd, GError **error);

/* Reads one event, if one waits, and calls @func for it; never blocks. Errors: LP_ERROR_FAILED: it couldn't
 * be read. The kernel has refused the opener its file then, and would the next one: the gate is to be closed.
 */
gboolean lp_gate_dispatch (LpGate *gate, LpGateFunc func, gpointer user_data, GError **error);

/* Lets everybody go on who is held, and nobody is held any more: of a gate that can't be read, by any thread,
 * or by a tracer that shares our descriptors, when we have been killed. */
void lp_gate_close_for_all (LpGate *gate);

/* Lets the opener of @event go on. May be called from any thread and from a signal handler, once per event.
 */
void lp_gate_allow (LpGate *gate, const LpGateEvent *event);

G_END_DECLS
