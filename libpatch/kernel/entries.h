/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries of special sections, compared and followed. For libpatch/kernel only. */
#pragma once

#include "kernel/unit.h"

G_BEGIN_DECLS

/* Functions whose bytes are equal but about which the tables say other things count as changed. Errors:
 * LP_ERROR_REFUSED. */
gboolean lp_entries_compare (LpKernelUnit *unit, GError **error);

/* No table that isn't known may say anything about code that goes along. Errors: LP_ERROR_REFUSED. */
gboolean lp_entries_check (const LpKernelUnit *unit, GError **error);

/* Where the replacement code of an entry of .altinstructions lies: section and bytes [@start, @start +
 * @size); gives the relocations of the whole section (borrowed). Errors: LP_ERROR_REFUSED. */
GArray *lp_entry_replacement (LpObject *object, const LpSpecialEntry *entry, guint *section, guint64 *start,
                              guint64 *size, GError **error);

G_END_DECLS
