/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The line table of an object file: which source line an instruction comes from. For libpatch/diff only. */
#pragma once

#include "elf/elf-file.h"

G_BEGIN_DECLS

typedef struct LpLineTable LpLineTable;

/* Never NULL; an object without (readable) line information has an empty table. */
LpLineTable *lp_line_table_new (LpElf *elf);
void lp_line_table_free (LpLineTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpLineTable, lp_line_table_free)

/* The line of the instruction at @offset of section @section; 0 when it isn't known. */
int lp_line_table_at (LpLineTable *table, guint section, guint64 offset);

/* libdwfl reads from a descriptor of its own, which it takes over: one on a copy of @elf in memory; -1 and
 * errno. */
int lp_line_table_descriptor (LpElf *elf);

G_END_DECLS
