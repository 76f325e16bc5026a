/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files of a tree a build reads, asked of the file system by access times. Must not know why it
 * matters. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct LpReads LpReads;

/* Starts to watch all regular files that are in @tree now; other names (hard links) count as one. @probe: a
 * folder on the same file system, to try whether reads are recorded there at all. */
LpReads *lp_reads_new (const char *tree, const char *probe);
void lp_reads_free (LpReads *reads);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpReads, lp_reads_free)

/* FALSE: mounted without access times; then nothing is known. */
gboolean lp_reads_known (const LpReads *reads);
/* What is read between these two doesn't count (a tool that reads everything just to take digests). */
void lp_reads_pause (LpReads *reads);
void lp_reads_resume (LpReads *reads);
/* Adds the paths of all watched files that were read, relative to the tree, to @set (owns its keys). */
void lp_reads_collect (LpReads *reads, GHashTable *set);

G_END_DECLS
