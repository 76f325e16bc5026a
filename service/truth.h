/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the processes say, read in a thread, one reading shared by all who want to know at the same time.
 * Reads only when somebody asks. Must not know wishes or the bus. */
#pragma once

#include "kernel-truth.h"
#include "patch.h"
#include "user/scan.h"

typedef struct ScTruth ScTruth;

/* @updated is called in the main loop after each reading, before those who wait for it go on. */
ScTruth *sc_truth_new (void (*updated) (gpointer user_data), gpointer user_data);
void sc_truth_free (ScTruth *truth);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScTruth, sc_truth_free)

/* The patches whose targets are looked for (ScPatchInfo; copied references). What was read before counts as
 * too old. */
void sc_truth_set_infos (ScTruth *truth, GPtrArray *infos);

/* Waits for a reading that began not longer than @max_age microseconds ago (0: begins now or later), but not
 * longer than SC_TRUTH_PATIENCE. Never fails: what is there afterwards may be older, or nothing. */
#define SC_TRUTH_PATIENCE 5 /* seconds */
void sc_truth_refresh_async (ScTruth *truth, gint64 max_age, GAsyncReadyCallback callback,
                             gpointer user_data);
void sc_truth_refresh_finish (ScTruth *truth, GAsyncResult *result);

/* The latest reading, borrowed until the main loop runs again; NULL: there is none. */
const LpScan *sc_truth_scan (ScTruth *truth);
/* Why the last reading failed, NULL when it didn't. */
const char *sc_truth_failure (ScTruth *truth);
/* What it says about @info. */
void sc_truth_carriers (ScTruth *truth, const ScPatchInfo *info, ScCarriers *carriers);
/* "target-changed", "target-missing" or NULL: what stands at the target's paths. */
const char *sc_truth_target_problem (ScTruth *truth, const ScPatchInfo *info);
/* What the kernel said at that look, borrowed as sc_truth_scan(); NULL: there is none. */
const ScKernelReading *sc_truth_kernel (ScTruth *truth);
/* Patches that processes carry, and livepatches that are in the kernel, whether installed or not (ScPatchInfo
 * of orphans), caller frees. */
GPtrArray *sc_truth_carried (ScTruth *truth);

/* "xxxxxxxx-xxxx-..." of the 16 bytes, caller frees. */
char *sc_uuid_to_string (const guint8 *uuid);
char *sc_hex (const guint8 *bytes, gsize size);
