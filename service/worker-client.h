/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service's end of one worker: starts the child, hands it the frozen request, follows it to its end,
 * however that comes. Must not know what the request asks for. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

typedef void (*ScWorkerProgress) (JsonObject *message, gpointer user_data);

/* Runs @program (or a helper behind a socket, helper.h) with @request (its copy is sent; nothing else is ever
 * told it but "cancel"). Cancelling
 * @cancellable asks the worker to undo and end. A worker that isn't done @patience seconds after that or
 * after @deadline seconds is killed. Ends with the worker's last message. Errors: the worker's own;
 * LP_ERROR_FAILED when it died or talked nonsense. The error comes with the last message in *@last when there
 * was one. */
void sc_worker_run_async (const char *program, JsonObject *request, guint deadline, ScWorkerProgress progress,
                          gpointer progress_data, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data);
/* @last: (out) (nullable) (transfer full) */
gboolean sc_worker_run_finish (GAsyncResult *result, JsonObject **last, GError **error);
