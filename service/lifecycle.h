/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the service tells whoever manages it (sd_notify(3)), and what it does when that one tells it to stop
 * or to read its settings again. Decides nothing about patches. */
#pragma once

#include "bus.h"

/* The patches of the last boot are back: READY, and from now on STATUS and the watchdog's pings. */
void sc_lifecycle_ready (ScBus *bus);
/* Something that the manager shows may have changed. Ends a service that waited for its jobs. */
void sc_lifecycle_update (ScBus *bus);
/* SIGHUP: settings and patch directory anew. */
void sc_lifecycle_reload (ScBus *bus);
/* SIGTERM: no new job; those that run undo what they can, or end what can't be undone; then the loop ends. */
void sc_lifecycle_stop (ScBus *bus);
void sc_lifecycle_clear (ScBus *bus);
