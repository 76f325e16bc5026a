/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection to the patch service: is it there, what does it say of itself, what changes.
 * Must not know widgets, nor what a patch or a job is: it hands on paths and dictionaries. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define SC_BUS_NAME "org.openeuler.SysCare1"
#define SC_MANAGER_PATH "/org/openeuler/SysCare1"
#define SC_PATCH_PREFIX SC_MANAGER_PATH "/patches/"
#define SC_JOB_PREFIX SC_MANAGER_PATH "/jobs/"
#define SC_MANAGER_INTERFACE "org.openeuler.SysCare1.Manager"
#define SC_PATCH_INTERFACE "org.openeuler.SysCare1.Patch"
#define SC_JOB_INTERFACE "org.openeuler.SysCare1.Job"
#define SC_PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

/* Whether the service can be used, and if not, why. */
typedef enum {
  SC_SERVICE_CONNECTING,   /* no answer yet */
  SC_SERVICE_NO_BUS,       /* the system bus can't be reached */
  SC_SERVICE_MISSING,      /* nobody offers the name, and the bus doesn't know how to start it */
  SC_SERVICE_STOPPED,      /* it could run, but doesn't */
  SC_SERVICE_INCOMPATIBLE, /* it runs, but lacks what this window needs */
  SC_SERVICE_FAILED,       /* it runs, but doesn't answer as it should */
  SC_SERVICE_READY,
} ScServiceState;

typedef enum {
  SC_CALL_PLAIN,       /* answers within half a minute, or it is an error */
  SC_CALL_INTERACTIVE, /* somebody may have to type a password: no time-out */
} ScCallKind;

#define SC_TYPE_CLIENT (sc_client_get_type ())
G_DECLARE_FINAL_TYPE (ScClient, sc_client, SC, CLIENT, GObject)

/**
 * ScClient: properties "state" (ScServiceState as int) and "generation" (guint64) notify.
 *
 * Signals: "status-changed" () when Degraded, Features or Version are new; "authority-changed" () when
 * polkit's rules are; "object-changed" (path, interface,
 * a{sv}), "object-added" (path), "object-removed" (path), "job-finished" (path).
 */
ScClient *sc_client_new (void);

/* Connects, and from then on keeps trying until the object goes away. Must be called once. */
void sc_client_start (ScClient *self);

/* Ends everything that is under way; no callback comes later than their cancellation. */
void sc_client_stop (ScClient *self);

/* Asks the bus to start the service (or reconnects to the bus): the "Start" button of the error pages. */
void sc_client_retry (ScClient *self);

/* Says that a question to the service ended with @error. When that is silence, the state is SC_SERVICE_FAILED
 * until the service answers again; it is asked for that. */
void sc_client_tell_silent (ScClient *self, const GError *error);

ScServiceState sc_client_get_state (ScClient *self);
const char *sc_client_get_detail (ScClient *self); /* technical text for the state, "" when none */
const char *sc_client_get_version (ScClient *self);
const char *sc_client_get_kernel (ScClient *self);
const char *const *sc_client_get_degraded (ScClient *self);
guint64 sc_client_get_generation (ScClient *self);

/* Calls @method of @interface at @path of the service that runs now; never starts it. @parameters may be
 * floating. The result is checked against @reply. Finish with sc_client_call_finish(). */
void sc_client_call (ScClient *self, const char *path, const char *interface, const char *method,
                     GVariant *parameters, const GVariantType *reply, ScCallKind kind,
                     GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GVariant *sc_client_call_finish (ScClient *self, GAsyncResult *result, GError **error);

/* Properties.GetAll() of @interface at @path; the answer is (a{sv}). */
void sc_client_get_all (ScClient *self, const char *path, const char *interface, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);

G_END_DECLS
