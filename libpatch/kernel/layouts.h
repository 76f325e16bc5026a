/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layouts of structures, which a hot patch can't change: those that exist in memory keep the old one. Must
 * not know what the code does with them. */
#pragma once

#include "elf/elf-file.h"

G_BEGIN_DECLS

/* Compares each structure, union and enumeration with a name that both objects describe in their debug
 * information (DWARF); what only one of them describes is new, or isn't used any more. Objects without debug
 * information are equal. Errors: LP_ERROR_REFUSED naming the structure and the member, LP_ERROR_FAILED (debug
 * information that can't be read). */
gboolean lp_layouts_compare (LpElf *original, LpElf *patched, const char *source, GError **error);

G_END_DECLS
