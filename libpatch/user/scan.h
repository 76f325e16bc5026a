/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the truth about user patches out of /proc: which processes map which target, which images they carry
 * and whether their redirects stand. Stops nothing, traces nothing, writes nothing: /proc/PID/maps and
 * /proc/PID/mem reads only, so that the service may call it from a thread. Must not know what the
 * administrator wishes. */
#pragma once

#include <gio/gio.h>
#include "format/entity.h"

G_BEGIN_DECLS

typedef enum {
  LP_IMAGE_LOADED,  /* mapped, no redirect stands: "deactivated" */
  LP_IMAGE_ACTIVE,  /* mapped, every redirect goes to this image or to one stacked on it */
  LP_IMAGE_PARTIAL, /* some redirects stand and some don't: an interrupted step */
} LpImageState;

/* One of our images in a process. */
typedef struct {
  LpEntityIdentity identity; /* as found in the process: untrusted numbers, only compared */
  guint64 base;              /* address of the mapping */
  LpImageState state;
} LpScanImage;

typedef struct {
  int pid;
  guint64 start_time; /* clock ticks since boot, field 22 of /proc/PID/stat: tells a reused pid apart */
  guint uid;
  char *command;        /* comm */
  char *unit;           /* systemd unit from the cgroup, "" when none */
  char *container;      /* short container id from the cgroup, "" when none */
  GPtrArray *build_ids; /* char* hex: those of the request that this process maps */
  GArray *images;       /* LpScanImage */
} LpScanProcess;

typedef struct {
  GPtrArray *processes; /* LpScanProcess: those that map a wanted target or carry an image, by pid */
  guint skipped;        /* processes that exited meanwhile (not an error) */
  guint denied;         /* processes that could not be read */
  GArray *hanging; /* int: processes that kept their reader waiting for seconds (memory on a file system that
                      doesn't answer, FUSE or network): nothing is known about them */
} LpScan;

void lp_scan_process_free (LpScanProcess *process);

/* @build_ids: (element-type utf8): wanted targets in hex; may be empty (images are found all the same).
 * Kernel threads are skipped. A process that exits during the scan is not an error. The reading itself
 * happens in a child process (made by fork(2)), so that a process whose memory hangs costs seconds, not for
 * ever. Errors: LP_ERROR_FAILED, cancelled. */
LpScan *lp_scan_run (GPtrArray *build_ids, GCancellable *cancellable, GError **error);
void lp_scan_free (LpScan *scan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpScan, lp_scan_free)

G_END_DECLS
