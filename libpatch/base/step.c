/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hook between steps. */
#include "base/step.h"

void (*lp_step_hook) (const char *name) = NULL;
