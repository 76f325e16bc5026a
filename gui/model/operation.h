/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One wish of the user from the request to the end of the last job: a verb, an undo, an installation.
 * Must not know widgets: the window asks before and tells afterwards. */
#pragma once

#include "errors.h"
#include "job-tracker.h"
#include "patch-store.h"
#include "verbs.h"

G_BEGIN_DECLS

/* How the wish ended. */
typedef struct {
  ScFailure *failure; /* NULL when everything succeeded */
  GVariant *results;  /* aa{sv} as in Job.Results of the last job; NULL when there is none */
  gboolean changed;   /* a patch's state is another one than before */
} ScOutcome;

#define SC_TYPE_OPERATION (sc_operation_get_type ())
G_DECLARE_FINAL_TYPE (ScOperation, sc_operation, SC, OPERATION, GObject)

/* @patches: ScPatch, at least one. Remembers the states that they have now. */
ScOperation *sc_operation_new_verb (ScClient *client, ScJobTracker *tracker, ScVerb verb, GPtrArray *patches);

/* Brings back the states that @operation's patches had before it. NULL when there is no way back. */
ScOperation *sc_operation_new_undo (ScOperation *operation);

/* @path: absolute path of a bundle. */
ScOperation *sc_operation_new_install (ScClient *client, ScJobTracker *tracker, const char *path);

/* Deletes the bundles of @patches. */
ScOperation *sc_operation_new_uninstall (ScClient *client, ScJobTracker *tracker, GPtrArray *patches);

/* Runs it. A cancelled @cancellable ends the waiting, not the job. */
void sc_operation_run (ScOperation *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer user_data);
/* NULL only when cancelled. Free with sc_outcome_free(). */
ScOutcome *sc_operation_run_finish (ScOperation *self, GAsyncResult *result, GError **error);

GPtrArray *sc_operation_get_patches (ScOperation *self); /* ScPatch; NULL for an installation */
gboolean sc_operation_is_undo (ScOperation *self);
gboolean sc_operation_get_verb (ScOperation *self, ScVerb *verb); /* FALSE when it isn't one verb */
/* TRUE when it is a verb that leads at least one patch to another state, so that there is a way back. */
gboolean sc_operation_changes_state (ScOperation *self);

void sc_outcome_free (ScOutcome *outcome);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScOutcome, sc_outcome_free)

G_END_DECLS
