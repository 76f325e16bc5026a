/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of syscare-worker share. The worker knows its one request and nothing of the service. */
#pragma once

#include "format/signature.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/* Carries out @request; adds what it found to @reply. Errors become the reply's error. */
typedef gboolean (*ScWorkFunction) (JsonObject *request, JsonObject *reply, GCancellable *cancellable,
                                    GError **error);

gboolean sc_work_change (JsonObject *request, JsonObject *reply, GCancellable *cancellable, GError **error);
gboolean sc_work_check (JsonObject *request, JsonObject *reply, GCancellable *cancellable, GError **error);
gboolean sc_work_change_kernel (JsonObject *request, JsonObject *reply, GCancellable *cancellable,
                                GError **error);
gboolean sc_work_check_kernel (JsonObject *request, JsonObject *reply, GCancellable *cancellable,
                               GError **error);
gboolean sc_work_intake (JsonObject *request, JsonObject *reply, GCancellable *cancellable, GError **error);

/* The keys that the service trusts, read anew; a key file that can't be used was told by the service. */
LpKeyring *sc_work_keyring (JsonObject *request);

/* Sends a message that isn't the last one; a service that is gone is noticed elsewhere. */
void sc_work_tell (JsonObject *message);
