/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How each of the service's child programs begins. */
#pragma once

#include <glib.h>

/* Makes sure that the service started us, and gives up what a child doesn't need. FALSE (and a line on
 * stderr): end with status 2. */
gboolean sc_child_begin (const char *name);

/* The service's process id; 0 when that can't be known. */
int sc_child_service (void);
