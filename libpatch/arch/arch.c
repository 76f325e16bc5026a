/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the table of a machine. Must not know what is in it. */
#include "arch/arch-private.h"

#include <string.h>

static const LpArch *const arch_table[] = { &lp_arch_x86_64, &lp_arch_aarch64 };

const LpArch *
lp_arch_for_machine (guint16 machine)
{
  for (gsize i = 0; i < G_N_ELEMENTS (arch_table); i++)
    if (arch_table[i]->machine == machine)
      return arch_table[i];
  return NULL;
}

const LpArch *
lp_arch_for_name (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (arch_table); i++)
    if (strcmp (arch_table[i]->name, name) == 0)
      return arch_table[i];
  return NULL;
}
