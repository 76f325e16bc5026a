/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes running processes: loads, activates, deactivates and unloads user patches in them, all or nothing
 * per process. Runs in a worker process, never in the service: it uses ptrace and parses foreign files. Must
 * not know about states on disk, the bus, or who asked. */
#pragma once

#include <gio/gio.h>
#include "base/error.h"
#include "format/entity.h"

G_BEGIN_DECLS

typedef enum {
  LP_STEP_LOAD,       /* place the image, write no redirect */
  LP_STEP_ACTIVATE,   /* load if needed, write the redirects */
  LP_STEP_DEACTIVATE, /* put the original bytes back, keep the image */
  LP_STEP_UNLOAD,     /* deactivate if needed, unmap the image */
} LpStep;

typedef enum {
  LP_CONSISTENCY_STRICT, /* no thread may be in any old function */
  LP_CONSISTENCY_ENTRY,  /* only the overwritten bytes must be free */
} LpConsistency;

typedef enum {
  LP_PROCESS_DONE,        /* the step was made */
  LP_PROCESS_UNCHANGED,   /* it already was so */
  LP_PROCESS_BUSY,        /* threads didn't leave in time */
  LP_PROCESS_UNPATCHABLE, /* can't be patched: reason says why (no room, denied mapping, other build ...) */
  LP_PROCESS_FAILED,
  LP_PROCESS_GONE,        /* exited or exec()ed meanwhile; not an error */
  LP_PROCESS_ROLLED_BACK, /* the step was made and undone because another one failed */
} LpProcessStatus;

typedef struct {
  int pid;
  guint64 start_time;
  char *command;
  LpProcessStatus status;
  LpError code;        /* meaningful unless DONE, UNCHANGED or GONE */
  char *reason;        /* one line */
  char *detail;        /* thread id, function, where it waits; "" when none */
  guint64 stop_ns;     /* how long the process was stopped for the decisive step; 0 when not stopped */
  guint private_pages; /* pages that the step made private to the process */
} LpProcessResult;

typedef struct {
  LpStep step;
  GPtrArray
      *entities; /* LpEntity: one transaction; those for the same target change in one stop per process */
  GArray *
      pids; /* (nullable) of int: only these; NULL = every process that maps a target (or carries an image) */
  LpConsistency consistency;
  guint timeout_ms;         /* how long to try until a busy process counts as BUSY */
  gboolean keep_on_failure; /* FALSE: undo everything when any process is BUSY or FAILED. UNPATCHABLE ones
                               don't undo the others */
  gboolean keeps_order;     /* of ACTIVATE: lp_target_keep_order(), of the entities */
  GStrv stack;              /* (nullable), of ACTIVATE: the same of these */
} LpChange;

/* @phase: "scan", "check", "place", "switch", "undo"; called from the thread that runs the change.
 * @can_cancel turns FALSE at the point of no return (the first redirect written of the last process). */
typedef void (*LpChangeProgress) (const char *phase, guint done, guint total, gboolean can_cancel,
                                  gpointer user_data);

/* Blocks. @results: (out) (element-type LpProcessResult): set in success and in failure, caller frees.
 * Errors: LP_ERROR_PROCESS_BUSY, LP_ERROR_FAILED, LP_ERROR_CONFLICT, LP_ERROR_OVERRIDDEN, LP_ERROR_CANCELLED
 * (after undoing), LP_ERROR_ROLLBACK_FAILED (first error first in the message), LP_ERROR_PARTLY_APPLIED
 * (keep_on_failure). Whatever happens, no process is left stopped: a killed worker's tracees are let go by
 * the kernel, and nothing is half-written that the next step doesn't recognise. */
gboolean lp_change_run (const LpChange *change, GCancellable *cancellable, LpChangeProgress progress,
                        gpointer user_data, GPtrArray **results, GError **error);

/* Dry run: for each process that maps a target what a step would meet, without stopping or tracing anything.
 */
GPtrArray *lp_change_check (const LpChange *change, GError **error);

void lp_process_result_free (LpProcessResult *result);
const char *
lp_process_status_word (LpProcessStatus status); /* "patched", "pending", "unpatchable", "failed", ... */

G_END_DECLS
