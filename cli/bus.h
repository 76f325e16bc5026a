/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to the service: one connection, calls, and D-Bus errors turned into libpatch's own.
 * Must not know what is called for. */
#pragma once

#include "context.h"

G_BEGIN_DECLS

#define CLI_BUS_NAME "org.openeuler.SysCare1"
#define CLI_BUS_PATH "/org/openeuler/SysCare1"
#define CLI_MANAGER "org.openeuler.SysCare1.Manager"
#define CLI_PATCH "org.openeuler.SysCare1.Patch"
#define CLI_JOB "org.openeuler.SysCare1.Job"
#define CLI_PROPERTIES "org.freedesktop.DBus.Properties"

/* Connects (--bus ADDRESS, --host MACHINE or the system bus). Done by the first call too. */
gboolean cli_bus_open (CliContext *context, GError **error);

/* A question: waits for the answer, never asks for a password. @arguments: a floating tuple. Returns the
 * reply's tuple, checked to be of type @reply, or NULL with an error of the domain LP_ERROR. */
GVariant *cli_ask (CliContext *context, const char *path, const char *interface, const char *method,
                   GVariant *arguments, const char *reply, GError **error);

/* As cli_ask(), but only sends the question; needs cli_bus_open() before. @callback ends it with
 * g_dbus_connection_call_finish(), whose error is the bus's own. */
void cli_call_async (CliContext *context, const char *path, const char *interface, const char *method,
                     GVariant *arguments, const char *reply, GAsyncReadyCallback callback,
                     gpointer user_data);

/* An order: may ask for a password (unless --no-ask-password or no terminal), waits as long as it takes, and
 * Ctrl-C takes it back (LP_ERROR_CANCELLED). Else as cli_ask(). */
GVariant *cli_order (CliContext *context, const char *path, const char *interface, const char *method,
                     GVariant *arguments, const char *reply, GError **error);

/* Turns a D-Bus error into one of the domain LP_ERROR, with its sentence in front; in place. */
void cli_bus_translate_error (GError **error);

/* The entry @key of dictionary @dictionary (a{sv}), "" / 0 / NULL / FALSE when it is missing or of another
 * type. Strings are borrowed, also from arrays; the outer array is the caller's (g_free). */
const char *cli_get_string (GVariant *dictionary, const char *key);
guint64 cli_get_number (GVariant *dictionary, const char *key);
const char **cli_get_strings (GVariant *dictionary, const char *key);

G_END_DECLS
