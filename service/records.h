/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store behind a thread of its own: reading bundles and writing wishes and history block on the disk, the
 * main loop must not. Calls are carried out in the order they were made. Must not know the processes or the
 * bus. */
#pragma once

#include "patch-info.h"
#include "store/store.h"

typedef struct ScRecords ScRecords;

/* What a scan of the patch directory found. */
typedef struct {
  GPtrArray *infos; /* ScPatchInfo */
  GPtrArray
      *kept; /* ScPatchInfo of patches that are wished for and not installed; copies of them are there */
  GPtrArray *wishes; /* LpWish */
  GStrv problems;    /* "WORD: sentence" */
  GStrv unsettled;   /* directories that may still become a bundle, or change as one */
} ScRecordsSnapshot;

ScRecords *sc_records_new (const char *patch_dir, const char *state_dir, const char *trusted_dir,
                           LpBundleFlags flags);
/* Waits until everything asked for is on the disk. */
void sc_records_free (ScRecords *records);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScRecords, sc_records_free)

/* Opens the store the first time, then reads the patch directory anew. */
void sc_records_scan_async (ScRecords *records, GAsyncReadyCallback callback, gpointer user_data);
ScRecordsSnapshot *sc_records_scan_finish (ScRecords *records, GAsyncResult *result, GError **error);
void sc_records_snapshot_free (ScRecordsSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScRecordsSnapshot, sc_records_snapshot_free)

/* Records @wishes (LpWish; one with LP_STATE_NOT_APPLIED is forgotten) and @history (LpHistoryRecord); either
 * may be NULL. Durable when it ends well. Takes ownership of both. */
void sc_records_write_async (ScRecords *records, GPtrArray *wishes, GPtrArray *history,
                             GAsyncReadyCallback callback, gpointer user_data);
gboolean sc_records_write_finish (ScRecords *records, GAsyncResult *result, GError **error);

/* History records (LpHistoryRecord), newest first. */
void sc_records_history_async (ScRecords *records, guint64 since, guint limit, GAsyncReadyCallback callback,
                               gpointer user_data);
GPtrArray *sc_records_history_finish (ScRecords *records, GAsyncResult *result, GError **error);

/* Carries out @function in the store's thread, in turn with everything else: for changes of the patch
 * directory. Free @data with @destroy. The result is TRUE or @function's error. */
typedef gboolean (*ScRecordsFunction) (gpointer data, GError **error);
void sc_records_call_async (ScRecords *records, ScRecordsFunction function, gpointer data,
                            GDestroyNotify destroy, GAsyncReadyCallback callback, gpointer user_data);
gboolean sc_records_call_finish (ScRecords *records, GAsyncResult *result, GError **error);

LpWish *sc_wish_new (const char *uuid, LpState state, gboolean restore, guint64 sequence, guint uid);
LpWish *sc_wish_copy (const LpWish *wish);
void sc_wish_free (LpWish *wish);
/* Copies of @wishes (LpWish), caller frees. */
GPtrArray *sc_wishes_copy (GPtrArray *wishes);
/* The running kernel's boot id, "" when it can't be read. Static. */
const char *sc_boot_id (void);
