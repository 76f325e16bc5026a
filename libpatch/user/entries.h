/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first bytes of replaced functions, where the net's uprobes stand: where they are in a file, and putting
 * them back in a process that is patched, so that it doesn't trap any more. Must not know how uprobes are
 * set.
 *
 * The kernel puts a uprobe's breakpoint into every mapping of the file. In a patched process its byte is
 * written back: that page is the process's own, and the kernel leaves it alone until the uprobe is set anew.
 */
#pragma once

#include "user/net.h"
#include "user/target.h"

G_BEGIN_DECLS

/* Of each function of @entity the first byte, out of @elf, which is its target. Those that can have no uprobe
 * (the redirect stands at the entry) are 0xcc. */
GBytes *lp_entries_read (LpEntity *entity, const LpElf *elf);

/* FALSE: the net can't see all calls of @entity's old functions. */
gboolean lp_entries_all_can_have_probes (LpEntity *entity);

/* Appends to @probes (of LpProbe) one for each function of @entity that can have one. @fd: of the target's
 * file. */
void lp_entries_add_probes (LpEntity *entity, const LpElf *elf, GBytes *entries, int fd, GArray *probes);

/* Writes the bytes back, where a breakpoint stands and the function is redirected. The process stands still;
 * @tid: any of its stopped threads. @entities, @entries: element for element. */
void lp_entries_restore (LpTarget *target, int tid, const GPtrArray *entities, const GPtrArray *entries);

/* Whether a thread that stands at @pc will enter new code, because a redirect stands there. */
gboolean lp_entries_is_redirect (LpTarget *target, guint64 pc);

G_END_DECLS
