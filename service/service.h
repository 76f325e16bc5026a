/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service's core: holds the parts together and owns what they share. Everything that a client may ask for
 * is a function here or in the headers below; the bus layer only translates. Must not know bus types. */
#pragma once

#include "authority.h"
#include "catalog.h"
#include "job.h"
#include "queue.h"
#include "records.h"
#include "settings.h"
#include "trigger-client.h"
#include "truth.h"
#include "watch.h"

/* How old a reading of the processes may be that a question is answered with, microseconds. */
#define SC_FRESH_ENOUGH G_USEC_PER_SEC
#define SC_PATCHES_MAX 256 /* of one request */

typedef struct {
  char *patch_dir, *state_dir, *runtime_dir, *config, *trusted_dir, *worker, *trigger, *bus;
} ScPaths;

/* The bus layer. */
typedef struct {
  void (*patch) (ScCatalogEvent event, ScPatch *patch, gpointer user_data);
  void (*job_added) (ScJob *job, gpointer user_data);
  void (*job_event) (ScJob *job, ScJobEvent event, gpointer user_data);
  void (*job_removed) (ScJob *job, gpointer user_data);
  void (*status) (gpointer user_data); /* Degraded or Generation is different now */
} ScServiceListener;

/* What a restore at the start could not do. */
typedef struct {
  char *path; /* (nullable) the patch */
  char *text; /* "restore: ..." */
} ScRestoreProblem;

typedef struct {
  ScPaths paths;
  ScSettings *settings;
  ScRecords *records;
  ScTruth *truth;
  ScCatalog *catalog;
  ScAuthority *authority;
  ScTrigger *trigger;
  ScQueue *queue;
  GHashTable *jobs;    /* path -> ScJob, unfinished and kept ones */
  GHashTable *intakes; /* uid -> number of bundles that are taken in and not authorised yet */
  guint64 last_job;
  GStrv record_problems;
  GPtrArray *restore_problems; /* ScRestoreProblem */
  const ScServiceListener *listener;
  gpointer listener_data;
  ScWatch *watch;
} ScService;

/* Takes over @paths. */
ScService *sc_service_new (const ScPaths *paths);
void sc_service_free (ScService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScService, sc_service_free)
void sc_service_set_listener (ScService *service, const ScServiceListener *listener, gpointer user_data);

/* Reads bundles, wishes and processes; ends when lists are true. Errors: the store can't be opened. */
void sc_service_start_async (ScService *service, GAsyncReadyCallback callback, gpointer user_data);
gboolean sc_service_start_finish (ScService *service, GAsyncResult *result, GError **error);

/* Settings and patch directory anew. */
void sc_service_rescan_async (ScService *service, GAsyncReadyCallback callback, gpointer user_data);
gboolean sc_service_rescan_finish (ScService *service, GAsyncResult *result, GError **error);

/* What is not as it should be: "WORD: sentence"; caller frees. */
GStrv sc_service_degraded (ScService *service);
void sc_restore_problem_free (ScRestoreProblem *problem);

/* Makes a job and shows it to clients. */
ScJob *sc_service_add_job (ScService *service, const char *word, GPtrArray *patches, ScCaller *caller,
                           ScCallOptions *options);
/* Takes back a job that never began. */
void sc_service_drop_job (ScService *service, ScJob *job);

/* A worker request of @kind ("change", "check", "intake"; "change-kernel" and "check-kernel" also carry the
 * names of our livepatch modules). */
JsonObject *sc_service_worker_request (ScService *service, const char *kind);

/* The patches at @paths (ScPatch), each once. Errors: LP_ERROR_UNKNOWN_OBJECT, LP_ERROR_INVALID_ARGS. */
GPtrArray *sc_service_resolve (ScService *service, const char *const *paths, GError **error);

/* One history record. */
LpHistoryRecord *sc_history_record_new (const ScCaller *caller, const char *verb, const ScPatchInfo *info,
                                        const char *reason, const char *result, const GError *error);
