/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last steps of a build: hands each target's objects to the diff, collects what came out into a manifest,
 * writes the bundle. Must not know how sources were compiled. */
#pragma once

#include "build/compile.h"
#include "build/target.h"

G_BEGIN_DECLS

typedef struct {
  const LpBuildRequest *request;
  const LpSource *source;
  const LpTrace *trace;
  const LpTrace *second; /* (nullable) */
  GPtrArray *fixes;      /* LpFix */
  const LpAffected *affected;
  GPtrArray *pairs;   /* LpPair */
  GPtrArray *targets; /* LpBuildTarget */
} LpBundleInput;

typedef struct {
  LpManifest *manifest;
  GPtrArray *entities; /* GBytes, order of manifest->objects */
} LpBundleDraft;

void lp_bundle_draft_free (LpBundleDraft *draft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpBundleDraft, lp_bundle_draft_free)

/* Runs the diff for every target. Objects in which nothing changes are left out; @notes says so. Errors:
 * those of lp_diff_run(), LP_ERROR_NOTHING_TO_PATCH when nothing is left. */
LpBundleDraft *lp_bundle_make (const LpBundleInput *input, GPtrArray *notes, GError **error);

/* Reads each entity back as the engine will, and demands that it is for the shipped file. */
gboolean lp_bundle_prove (const LpBundleInput *input, const LpBundleDraft *draft, GError **error);

G_END_DECLS
