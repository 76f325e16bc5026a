/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to another machine's bus: D-Bus spoken through ssh and systemd-stdio-bridge(1), as busctl -H does
 * it. Must not know what is called for. */
#pragma once

#include "context.h"

G_BEGIN_DECLS

/* The system bus of the machine that --host names: [USER@]MACHINE or ssh://[USER@]MACHINE[:PORT], as ssh(1)
 * takes it. ssh may ask for its password on the terminal, unless --no-ask-password. Errors:
 * LP_ERROR_INVALID_ARGS, LP_ERROR_FAILED. */
GDBusConnection *cli_remote_connect (CliContext *context, GError **error);

G_END_DECLS
