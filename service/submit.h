/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request to change patches, from the call to the job. The order of its steps is the security property:
 * options are parsed before; here: resolve and freeze, verify facts, ask polkit, compare with the present,
 * queue, check, answer. Must not know bus types. */
#pragma once

#include "service.h"

/* @options is taken over. The job is running or queued when it ends. Errors: see Manager.Submit in the
 * interface file. */
void sc_submit_async (ScService *service, ScCaller *caller, ScVerb verb, const char *const *paths,
                      ScCallOptions *options, GAsyncReadyCallback callback, gpointer user_data);
ScJob *sc_submit_finish (GAsyncResult *result, GError **error);

/* Which of yes, challenge, no, invalid-state holds for each patch; never interactive. */
void sc_can_perform_async (ScService *service, ScCaller *caller, ScVerb verb, const char *const *paths,
                           gboolean force, GAsyncReadyCallback callback, gpointer user_data);
GStrv sc_can_perform_finish (GAsyncResult *result, GError **error);

/* Dry run: an aa{sv} of findings. @options is taken over. Authorisation is the caller's business. */
void sc_check_async (ScService *service, ScVerb verb, const char *const *paths, ScCallOptions *options,
                     GAsyncReadyCallback callback, gpointer user_data);
GVariant *sc_check_finish (GAsyncResult *result, GError **error);
