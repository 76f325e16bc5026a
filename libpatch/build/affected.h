/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which recorded compilations a set of fixes reaches, and whether that can be told without building
 * everything again. Must not know ELF files' contents or how a patch is made. */
#pragma once

#include "build/fix.h"
#include "build/trace.h"

G_BEGIN_DECLS

/* A file of the tree as the fixes want it. */
typedef struct {
  char *path;    /* absolute, inside the tree */
  char *content; /* file with the new content; NULL: the file goes away */
} LpChange;

typedef struct {
  GPtrArray *units;    /* LpTraceUnit* (borrowed from the trace), sorted by id */
  GPtrArray *changes;  /* LpChange */
  char *rebuild;       /* why the whole tree must be built again with the fix; NULL: it need not */
  GPtrArray *dropped;  /* GPtrArray of char*, one per fix: hunks left out, "file: hunk N: why" */
  GPtrArray *ignored;  /* char*: files of the fix that no compilation reads */
  GPtrArray *warnings; /* char* */
} LpAffected;

void lp_affected_free (LpAffected *affected);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpAffected, lp_affected_free)

/* Applies @fixes (LpFix) to copies in @scratch and asks the trace who reads the changed files; fills in the
 * units' dependencies when they are needed. Errors: LP_ERROR_SOURCES_FAILED (doesn't apply: file and hunk),
 * LP_ERROR_NOTHING_TO_PATCH (already applied; nothing that is compiled), LP_ERROR_REFUSED (a unit that can't
 * be repeated: assembly, LTO, rewritten objects). */
LpAffected *lp_affected_find (LpTrace *trace, GPtrArray *fixes, const char *scratch, guint jobs,
                              GCancellable *cancellable, GError **error);

/* LP_ERROR_REFUSED naming what hinders a repetition of @unit, or TRUE. */
gboolean lp_affected_check_unit (const LpTrace *trace, const LpTraceUnit *unit, GError **error);

G_END_DECLS
