/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sees executable mappings of files with given Build-IDs in any process, wherever the file lies: the kernel's
 * mmap events, which carry the Build-ID. After the fact, but without asking anybody. Must not know what is
 * done about it. Source: perf_event_open(2), PERF_RECORD_MMAP2.
 *
 * Files without a Build-ID, or with one of more than 20 bytes, aren't seen: the kernel reads no others. */
#pragma once

#include <gio/gio.h>

#include "base/error.h"

G_BEGIN_DECLS

typedef struct LpSpotter LpSpotter;

typedef struct {
  int pid;
  guint64 start, end; /* of the mapping */
  guint64 time;       /* CLOCK_MONOTONIC, nanoseconds */
  const char *path;   /* as the process sees it */
} LpSpotted;

/* A process has mapped a wanted file. */
typedef void (*LpSpotterFunc) (const LpSpotted *spotted, gpointer user_data);

/* Errors: LP_ERROR_KERNEL_UNSUPPORTED, LP_ERROR_ACCESS_DENIED. */
LpSpotter *lp_spotter_new (GError **error);
void lp_spotter_free (LpSpotter *spotter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpSpotter, lp_spotter_free)

/* For poll(2): readable when there was an event since lp_spotter_listen(); at the beginning, too. */
int lp_spotter_fd (const LpSpotter *spotter);
/* @build_ids: (element-type GBytes). None: nothing is recorded, and nothing wakes us up. */
void lp_spotter_set (LpSpotter *spotter, const GPtrArray *build_ids);
/* Calls @func for what waits; never blocks. From then on the descriptor keeps silent, and this must be called
 * from time to time, until lp_spotter_listen(). *@is_quiet: nothing waited. FALSE: the kernel had to drop
 * events. */
gboolean lp_spotter_dispatch (LpSpotter *spotter, LpSpotterFunc func, gpointer user_data, gboolean *is_quiet);
/* The descriptor tells events again: of those before this call nobody is told, unless the next
 * lp_spotter_dispatch() comes after it. */
void lp_spotter_listen (LpSpotter *spotter);

G_END_DECLS
