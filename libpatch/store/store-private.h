/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of store/ share. Must not be included from outside store/. */
#pragma once

#include "format/json.h"
#include "store/store.h"

G_BEGIN_DECLS

#define LP_STATE_FILE "state.json"
#define LP_STATE_FORMAT 1
#define LP_STATE_SEAL "digest"
#define LP_STATE_SIZE_MAX (64 * 1024 * 1024) /* bytes */
#define LP_HISTORY_FILE "history.jsonl"
#define LP_HISTORY_OLDER_FILE "history.1.jsonl"

struct LpStore {
  char *patch_dir;
  char *state_dir;
  int state_fd;
  char *trusted_dir; /* (nullable) */
  LpBundleFlags flags;
  GPtrArray *bundles;        /* LpBundle */
  GPtrArray *unsettled;      /* char*, directories, of the last rescan */
  GPtrArray *kept;           /* LpBundle, copies of bundles that are not installed */
  GPtrArray *kept_problems;  /* char*, of the last rescan */
  GPtrArray *patch_problems; /* char*, of the last rescan */
  GPtrArray *key_problems;   /* char*, of the last rescan */
  GPtrArray *state_problems; /* char*, since the store was opened */
  GHashTable *wishes;        /* char* uuid -> LpWish */
  gsize history_limit;       /* bytes of one history file */
  guint settled_after;       /* seconds */
};

/* Reads the state file; a damaged one is moved aside and what the history knows takes its place. */
gboolean lp_store_load_wishes (LpStore *store, GError **error);
void lp_wish_free (LpWish *wish);

/* Makes the copies what wishes and bundles ask for; what can't be done is a problem. */
void lp_store_update_kept (LpStore *store, const LpKeyring *keyring);

/* Parsers of what the files hold; for the fuzz targets too. Errors: LP_ERROR_STATE_CORRUPT,
 * LP_ERROR_NOT_SUPPORTED (newer format). */
GHashTable *lp_wishes_parse (const char *data, gsize length, GError **error); /* char* uuid -> LpWish */
LpHistoryRecord *lp_history_parse (const char *line, gsize length, GError **error);

/* Why something that must be durable couldn't be written, told by the place and what to do there instead of
 * by the temporary file that was on its way. */
void lp_store_explain_write (const LpStore *store, const char *what, const GError *reason, GError **error);

/* "FILE: WHAT" onto the list of problems. */
void lp_store_add_problem (GPtrArray *problems, const char *format, ...) G_GNUC_PRINTF (2, 3);

G_END_DECLS
