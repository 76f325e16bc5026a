/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Save and Restore: which patches come back, and bringing them back, by request and at every start. Must not
 * know bus types or polkit: the caller is authorised. */
#pragma once

#include "service.h"

/* A job for everything whose wish is not in effect; NULL when there is nothing to be done. @options is taken
 * over. Errors: LP_ERROR_LIMITS_EXCEEDED. */
ScJob *sc_restore (ScService *service, ScCaller *caller, ScCallOptions *options, GError **error);

/* After a worker died amidst a job over @patches (ScPatch): brings back those that are wished for and no
 * longer, or not everywhere, in effect. A job of the service's own, if there is anything to be done. */
void sc_restore_after_failure (ScService *service, GPtrArray *patches);

typedef enum {
  SC_RESTORE_ALL,
  SC_RESTORE_KERNEL, /* kernel patches only */
} ScRestoreKind;

/* At the start: waits for workers of a former life, then restores. Ends when all of it is done; what failed
 * is in Degraded. */
void sc_restore_at_start_async (ScService *service, ScRestoreKind kind, GAsyncReadyCallback callback,
                                gpointer user_data);
void sc_restore_at_start_finish (GAsyncResult *result);

/* Marks what is active to come back after a reboot; durable when it ends well. */
void sc_save_async (ScService *service, ScCaller *caller, GAsyncReadyCallback callback, gpointer user_data);
gboolean sc_save_finish (ScService *service, GAsyncResult *result, GError **error);
