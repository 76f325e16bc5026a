/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of a scan that reads other processes' memory. It runs in a child process, because such a read can
 * hang for ever: a page of a mapping may lie on a FUSE or network file system that doesn't answer. A child
 * can be killed in the middle of it; a thread can't. Must not be included from outside user/. */
#pragma once

#include "user/scan.h"

G_BEGIN_DECLS

typedef enum {
  LP_READ_PLAIN,   /* maps no target and carries no image */
  LP_READ_FOUND,   /* the process is described */
  LP_READ_GONE,    /* exited meanwhile */
  LP_READ_DENIED,  /* can't be read */
  LP_READ_HANGING, /* gave no answer in time */
} LpReadOutcome;

typedef struct LpScanReader LpScanReader;

/* Reads @pids (of int; borrowed, like @build_ids) in this order. */
LpScanReader *lp_scan_reader_new (const GArray *pids, const GPtrArray *build_ids);
void lp_scan_reader_free (LpScanReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpScanReader, lp_scan_reader_free)

/* The next process: its @pid and @outcome; with LP_READ_FOUND @process (caller frees). FALSE without @error
 * after the last one. Errors: LP_ERROR_FAILED (no child can be started), cancelled. */
gboolean lp_scan_reader_next (LpScanReader *reader, GCancellable *cancellable, int *pid,
                              LpReadOutcome *outcome, LpScanProcess **process, GError **error);

G_END_DECLS
