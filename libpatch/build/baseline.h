/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a source's own build, unchanged and traced, and writes down what it did. Must not know fixes or
 * patches. */
#pragma once

#include "build/source.h"
#include "build/trace.h"

G_BEGIN_DECLS

typedef struct {
  const char *tree;
  const char *kept; /* folder for objects and link outputs */
  const char *log;  /* appended to */
  const char *home;
} LpBaselinePaths;

/* Errors: LP_ERROR_SOURCES_FAILED (names the last error lines and the log), LP_ERROR_NOT_SUPPORTED (the build
 * uses a tool that hides compilations; ptrace is forbidden), LP_ERROR_CANCELLED. */
LpTrace *lp_baseline_build (const LpSource *source, const LpBaselinePaths *paths, GCancellable *cancellable,
                            GError **error);

G_END_DECLS
