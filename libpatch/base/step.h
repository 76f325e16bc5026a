/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The points between two steps at which a program may be killed without anything that was promised being
 * lost. Tests enumerate them and kill there; in the product nobody sets the hook, no environment and no
 * option can. Must not know what the steps are for. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* NULL but in programs of the tests. */
extern void (*lp_step_hook) (const char *name);

/* @name: what has just been done, a short phrase that is unique in the code. */
static inline void
lp_step (const char *name)
{
  if (G_UNLIKELY (lp_step_hook != NULL))
    lp_step_hook (name);
}

G_END_DECLS
