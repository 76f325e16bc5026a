/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the service manager how we are (sd_notify(3) protocol: a datagram to NOTIFY_SOCKET). Must not know
 * why. */
#pragma once

#include <glib.h>

/* @state: "READY=1", "STOPPING=1", "STATUS=..."; nothing happens when no one listens. Never waits: FALSE when
 * the manager didn't take it, mostly because it has not read the former ones yet. */
gboolean sc_notify (const char *state);
