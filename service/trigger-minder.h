/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who watches a trigger when the service, which does it otherwise, has ended. */
#pragma once

#include <glib.h>

/* Starts a process that ends with the calling thread, and kills this process when it still lives a moment
 * after the other end of SC_WIRE_FD was closed: one that hangs would hold up whoever starts a target, the
 * next service among them, and nobody would be left to notice. Call it before there are further threads.
 * FALSE: errno says why. */
gboolean sc_trigger_minder_start (void);
