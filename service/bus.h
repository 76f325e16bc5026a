/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus layer: exports the core's patches and jobs, translates calls into the core's functions and its
 * answers back. Decides nothing. */
#pragma once

#include "service.h"
#include "syscare-dbus.h"

#define SC_BUS_NAME "org.openeuler.SysCare1"
#define SC_BUS_PATH "/org/openeuler/SysCare1"

typedef struct {
  ScService *service;
  GMainLoop *loop;
  GDBusConnection *connection;
  GDBusObjectManagerServer *objects;
  ScBusManager *manager;
  GHashTable *patches; /* path -> ScBusPatch */
  GHashTable *jobs;    /* path -> ScBusJobView */
  GHashTable *rates;   /* uid -> ScBusRate */
  GHashTable *callers; /* uid -> number of calls under way */
  guint status_source;
  guint patience; /* source: while the bus is waited for */
  guint name;
  gboolean is_known; /* what is installed and what runs was looked at */
  gboolean is_restoring;
  int exit_status;
  /* lifecycle.c */
  gboolean ready, stopping, reloading, reload_again;
  guint ping_source, stop_timer, retry_source;
  char *status; /* what the manager was told last */
  char *untold; /* lines that it had no room for */
} ScBus;

/* Runs until told to stop; the process's exit status. Takes over @paths. */
int sc_bus_run (const ScPaths *paths);

/* ---- one patch's properties, for lists ---- */

/* Number of properties that a patch has; names by index; -1 for a name that none has. */
guint sc_bus_patch_values (void);
const char *sc_bus_patch_value_name (guint index);
int sc_bus_patch_value_index (const char *name);
/* Floating or the caller's reference: take it with g_variant_take_ref(). NULL, with @omit_empty, where the
 * value is "", 0, "/" or an empty array. */
GVariant *sc_bus_patch_value (const ScPatch *patch, guint index, gboolean omit_empty);

/* Object path of the job that works on @patch, "/" when none does; caller frees. */
char *sc_bus_patch_job_path (const ScPatch *patch);

/* ---- one call ---- */

typedef struct ScBusCall ScBusCall;
typedef void (*ScBusHandler) (ScBusCall *call);

struct ScBusCall {
  ScBus *bus;
  GDBusMethodInvocation *invocation;
  GVariant *parameters;   /* borrowed from the invocation */
  ScCallOptions *options; /* may be stolen */
  ScCaller *caller;
  ScBusHandler handler;
  const char *recorded_as; /* static (nullable): the verb in the history when it is denied */
  guint watch;
  gboolean counted;
};

/* Parses @options strictly, finds out who calls, then calls @handler, which ends the call with one of the two
 * below. */
void sc_bus_call_begin (ScBus *bus, GDBusMethodInvocation *invocation, GVariant *options,
                        ScOptionFlags allowed, ScBusHandler handler);
/* @value: (nullable): floating tuple */
void sc_bus_call_return (ScBusCall *call, GVariant *value);
/* Takes over @error. */
void sc_bus_call_fail (ScBusCall *call, GError *error);
void sc_bus_return_error (GDBusMethodInvocation *invocation, const GError *error);
/* Asks polkit for @action on behalf of the call, then goes on with @next; a refusal ends the call. */
void sc_bus_call_require (ScBusCall *call, const char *action, const char *verb, ScBusHandler next);
/* FALSE when the caller's uid asks more often than ten times a second. */
gboolean sc_bus_call_rate_ok (ScBusCall *call);

/* ---- the three interfaces ---- */

ScBusManager *sc_bus_manager_export (ScBus *bus, GError **error);
void sc_bus_manager_update (ScBus *bus);
/* ListPatches and FindPatches. */
void sc_bus_lists_connect (ScBus *bus, ScBusManager *manager);

void sc_bus_patch_event (ScCatalogEvent event, ScPatch *patch, gpointer bus);
/* Submits @verb for @paths and answers with the job's path. */
void sc_bus_submit (ScBusCall *call, const char *verb, const char *const *paths);
/* @patch's processes as the caller may see them, floating. */
GVariant *sc_bus_processes (ScService *service, const ScPatch *patch, const ScCaller *caller);

void sc_bus_job_added (ScJob *job, gpointer bus);
void sc_bus_job_event (ScJob *job, ScJobEvent event, gpointer bus);
void sc_bus_job_removed (ScJob *job, gpointer bus);
void sc_bus_job_view_free (gpointer view);
