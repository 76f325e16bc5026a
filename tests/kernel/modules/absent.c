// SPDX-License-Identifier: GPL-2.0-or-later
/* Wants to replace a function that no kernel has: must be rejected. */
#include "livepatch.h"

static void replacement(void)
{
}

LIVEPATCH("no_such_function_anywhere", replacement, false);
