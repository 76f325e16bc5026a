/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ELF files that a fix reaches: which link output of the baseline is the unstripped twin of which
 * installed file, proven by comparing every allocated section. Must not know sources or fixes. */
#pragma once

#include "build/source.h"
#include "build/trace.h"
#include "elf/elf-file.h"

G_BEGIN_DECLS

typedef struct {
  char *name;    /* object name, unique in the bundle */
  char *package; /* binary package, "" for a tree */
  LpElf *shipped;
  LpElf *twin;
  gboolean installed; /* shipped is an installed (or distributed) file, not our own output */
  GStrv files;        /* absolute paths on an installed machine: regular files first, then links to them */
  GPtrArray *units;   /* LpTraceUnit*: the changed ones in it */
  const LpTraceLink *link;
} LpBuildTarget;

void lp_build_target_free (LpBuildTarget *target);

typedef struct {
  const LpTrace *trace;
  LpSource *source;
  const LpBuildRequest *request;
  const char *cache;
  const char *scratch;
  GCancellable *cancellable;
} LpBuildTargetContext;

/* All targets that contain one of @changed (LpTraceUnit*), verified; array of LpBuildTarget, sorted by name.
 * @notes gets lines for the user. Errors: LP_ERROR_TARGET_MISMATCH, LP_ERROR_TARGET_MISSING, LP_ERROR_REFUSED
 * (a changed unit is in no target). */
GPtrArray *lp_build_targets_find (const LpBuildTargetContext *context, GPtrArray *changed, GPtrArray *notes,
                                  GError **error);

/* Whether @twin has the allocated sections of @shipped. @why (caller frees) names the first difference,
 * @same_id tells whether the Build-IDs are equal too. .note.gnu.build-id itself isn't compared. */
gboolean lp_build_is_twin (LpElf *shipped, LpElf *twin, gboolean *same_id, char **why);

G_END_DECLS
