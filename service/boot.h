/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings accepted kernel patches back early in the boot, when there is no bus yet. Must not know the bus. */
#pragma once

#include "service.h"

/* Runs to the end; the exit status: 0, or 1 when the records can't be read. A patch that the kernel didn't
 * take is no failure of the boot: it is in the journal, and the service tries again and shows it. */
int sc_boot_run (const ScPaths *paths);
