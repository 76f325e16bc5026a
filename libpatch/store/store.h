/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The patches installed on this machine, the states that the administrator wishes for them, and the history
 * of who did what. Wishes and history are durable before a call returns (temporary file, fsync, rename, fsync
 * of the directory; the history is an append-only file of JSON lines, fsynced). Must not know the truth in
 * the processes. */
#pragma once

#include "format/bundle.h"

G_BEGIN_DECLS

typedef struct LpStore LpStore;

typedef enum {
  LP_STATE_UNKNOWN,
  LP_STATE_NOT_APPLIED,
  LP_STATE_DEACTIVATED,
  LP_STATE_ACTIVE,
  LP_STATE_ACCEPTED,
} LpState;

const char *lp_state_word (LpState state); /* "not-applied" ... */
gboolean lp_state_from_word (const char *word, LpState *state);

/* What is wished for one patch. */
typedef struct {
  char *uuid;
  LpState state;
  gboolean restore; /* `save`: comes back after a reboot although not accepted */
  guint64 sequence; /* order of activation: later ones stand on top */
  guint64 changed;  /* microseconds since the epoch, UTC */
  guint uid;        /* who */
  char *boot_id;    /* of the boot in which it was wished: tells a reboot from a restart */
} LpWish;

typedef struct {
  guint64 time;         /* microseconds since the epoch, UTC */
  guint uid, login_uid; /* G_MAXUINT when unknown */
  char *session;
  char *verb;   /* apply activate deactivate remove accept revoke install uninstall */
  char *patch;  /* uuid */
  char *name;   /* full name */
  char *reason; /* the caller's words */
  char *result; /* "succeeded", "failed", "denied", "unchanged" */
  char *error;  /* error name, "" when none */
  char *message;
  JsonNode *processes; /* (nullable) array of per-process results */
} LpHistoryRecord;

/* @patch_dir, @state_dir: absolute; created (0755, 0700) when missing. A damaged state file is moved aside
 * (STATE.corrupt-N), never overwritten; lp_store_problems() says so. @trusted_dir: where the keys lie by
 * which it is told who signed a bundle, read anew by each scan; NULL: nobody is told. */
LpStore *lp_store_open (const char *patch_dir, const char *state_dir, const char *trusted_dir,
                        LpBundleFlags flags, GError **error);
void lp_store_free (LpStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpStore, lp_store_free)

/* Reads the patch directory anew. Directories that start with a dot, or lack patch.json for less than a
 * minute, are half-written and skipped silently; corrupt, untrusted and foreign ones are listed in
 * lp_store_problems() and not loaded. TRUE in
 * @changed when the set differs from before. */
gboolean lp_store_rescan (LpStore *store, gboolean *changed, GError **error);
/* Directories (char*, borrowed) whose content may still change as of the last rescan: they hold no bundle to
 * be used (half-written, corrupt, foreign), or were written within the last minute. */
GPtrArray *lp_store_unsettled (LpStore *store);
/* LpBundle, borrowed, sorted by full name of the first object. A bundle that a rescan finds unchanged keeps
 * its address; others are freed by it. */
GPtrArray *lp_store_bundles (LpStore *store);
/* Bundles that are not installed (any more), of patches that are wished for: copies that the store made when
 * they were, below its state directory, read by the last rescan. LpBundle, borrowed. */
GPtrArray *lp_store_kept (LpStore *store);
/* Makes such a copy of the installed bundle of patch @uuid, durably; nothing to do when none is installed.
 * Copies are deleted by the rescan after the last wish for them is forgotten. Errors: LP_ERROR_FAILED. */
gboolean lp_store_keep (LpStore *store, const char *uuid, GError **error);
/* What is wrong, each "WORD: sentence"; WORD is state (a damaged state file was moved aside), key
 * (a file in the directory of trusted keys that is none) or bundle. Caller frees. */
GStrv lp_store_problems (LpStore *store);

const LpWish *lp_store_wish (LpStore *store, const char *uuid); /* NULL when never wished for: not-applied */
GPtrArray *lp_store_wishes (LpStore *store); /* LpWish, borrowed, by sequence; caller frees the array */
gboolean lp_store_set_wish (LpStore *store, const LpWish *wish,
                            GError **error); /* durable on return; copies */
gboolean lp_store_forget_wish (LpStore *store, const char *uuid, GError **error);

gboolean lp_store_append_history (LpStore *store, const LpHistoryRecord *record,
                                  GError **error); /* durable on return */
/* Records since @since, newest first, at most @limit (0 = all); element-type LpHistoryRecord, caller frees.
 */
GPtrArray *lp_store_history (LpStore *store, guint64 since, guint limit, GError **error);
LpHistoryRecord *lp_history_record_new (void); /* zeroed, user ids unknown */
void lp_history_record_free (LpHistoryRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpHistoryRecord, lp_history_record_free)

/* After how many seconds without a change a directory that holds no bundle counts as foreign, not as
 * half-written (60 unless set). */
void lp_store_set_settled_after (LpStore *store, guint seconds);

/* The history is kept in two files of at most @bytes each (4 MiB unless set): when the newer one is full, it
 * takes the older one's place. */
void lp_store_set_history_limit (LpStore *store, gsize bytes);

G_END_DECLS
