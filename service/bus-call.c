/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One method call from its arrival to its answer: options, caller, limits, errors. Decides nothing else. */
#include "bus.h"

#include "error-names.h"
#include "questions.h"

#define CALLS_PER_USER 128 /* under way at once */
#define RATE 10            /* expensive calls a second */

typedef struct {
  double tokens;
  gint64 time; /* monotonic, microseconds */
} ScBusRate;

void
sc_bus_return_error (GDBusMethodInvocation *invocation, const GError *error)
{
  g_autofree char *message = g_utf8_make_valid (error->message, -1);

  g_dbus_method_invocation_return_dbus_error (invocation, sc_error_name (error), message);
}

static guint
count_call (ScBusCall *call, int difference)
{
  gpointer uid = GUINT_TO_POINTER (call->caller->uid);
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (call->bus->callers, uid)) + difference;

  call->counted = difference > 0;
  if (n == 0)
    g_hash_table_remove (call->bus->callers, uid);
  else
    g_hash_table_insert (call->bus->callers, uid, GUINT_TO_POINTER (n));
  return n;
}

static void
call_free (ScBusCall *call)
{
  if (call->counted)
    count_call (call, -1);
  if (call->watch != 0)
    g_bus_unwatch_name (call->watch);
  g_clear_pointer (&call->caller, sc_caller_unref);
  sc_call_options_free (call->options);
  g_free (call);
}

void
sc_bus_call_return (ScBusCall *call, GVariant *value)
{
  g_dbus_method_invocation_return_value (call->invocation, value);
  call_free (call);
}

void
sc_bus_call_fail (ScBusCall *call, GError *error)
{
  sc_bus_return_error (call->invocation, error);
  g_error_free (error);
  call_free (call);
}

static void
on_vanished (GDBusConnection *connection, const char *name, gpointer user_data)
{
  ScBusCall *call = user_data;

  g_cancellable_cancel (call->caller->gone);
}

static void
on_credentials (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  GDBusMessage *message = g_dbus_method_invocation_get_message (call->invocation);
  const char *sender = g_dbus_method_invocation_get_sender (call->invocation);
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) credentials = NULL;
  guint32 uid = 0, pid = 0;

  if (reply != NULL)
    g_variant_get (reply, "(@a{sv})", &credentials);
  if (credentials == NULL || !g_variant_lookup (credentials, "UnixUserID", "u", &uid))
    {
      sc_bus_call_fail (call, g_error_new (LP_ERROR, LP_ERROR_CANCELLED, "the caller left the bus"));
      return;
    }
  g_variant_lookup (credentials, "ProcessID", "u", &pid);
  call->caller = sc_caller_new (sender, uid, pid,
                                (g_dbus_message_get_flags (message)
                                 & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION)
                                    != 0);
  if (count_call (call, 1) > CALLS_PER_USER)
    {
      sc_bus_call_fail (call, g_error_new (LP_ERROR, LP_ERROR_LIMITS_EXCEEDED,
                                           "uid %u has too many calls under way", uid));
      return;
    }
  call->watch = g_bus_watch_name_on_connection (call->bus->connection, sender, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                NULL, on_vanished, call, NULL);
  call->handler (call);
}

void
sc_bus_call_begin (ScBus *bus, GDBusMethodInvocation *invocation, GVariant *options, ScOptionFlags allowed,
                   ScBusHandler handler)
{
  g_autoptr (GError) error = NULL;
  ScCallOptions *parsed = sc_call_options_parse (options, allowed, &error);

  if (parsed == NULL)
    {
      sc_bus_return_error (invocation, error);
      return;
    }
  ScBusCall *call = g_new0 (ScBusCall, 1);
  call->bus = bus;
  call->invocation = invocation;
  call->parameters = g_dbus_method_invocation_get_parameters (invocation);
  call->options = parsed;
  call->handler = handler;
  g_dbus_connection_call (bus->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                          "org.freedesktop.DBus", "GetConnectionCredentials",
                          g_variant_new ("(s)", g_dbus_method_invocation_get_sender (invocation)),
                          G_VARIANT_TYPE ("(a{sv})"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_credentials, call);
}

/* Who was refused what is part of the history; that somebody may not look isn't. */
static void
record_denial (const ScBusCall *call, const GError *error)
{
  GPtrArray *lines = NULL;

  if (call->recorded_as == NULL)
    return;
  lines = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_history_record_free);
  g_ptr_array_add (lines, sc_history_record_new (call->caller, call->recorded_as, NULL, call->options->reason,
                                                 "denied", error));
  sc_records_write_async (call->bus->service->records, NULL, lines, NULL, NULL);
}

static void
on_required (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBusCall *call = user_data;
  GError *error = NULL;

  if (!sc_authority_require_finish (result, &error))
    {
      record_denial (call, error);
      sc_bus_call_fail (call, error);
    }
  else
    call->handler (call);
}

void
sc_bus_call_require (ScBusCall *call, const char *action, const char *verb, ScBusHandler next)
{
  g_autoptr (GPtrArray) questions = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_question_free);

  g_ptr_array_add (questions, sc_question_new_plain (action, verb));
  call->handler = next;
  if (call->recorded_as == NULL && verb[0] != '\0')
    call->recorded_as = verb;
  sc_authority_require_async (call->bus->service->authority, call->caller, questions, sc_questions_merge,
                              NULL, on_required, call);
}

gboolean
sc_bus_call_rate_ok (ScBusCall *call)
{
  gpointer uid = GUINT_TO_POINTER (call->caller->uid);
  ScBusRate *rate = g_hash_table_lookup (call->bus->rates, uid);
  gint64 now = g_get_monotonic_time ();

  if (rate == NULL)
    {
      rate = g_new0 (ScBusRate, 1);
      rate->tokens = RATE;
      rate->time = now;
      g_hash_table_insert (call->bus->rates, uid, rate);
    }
  rate->tokens = MIN (RATE, rate->tokens + (double)(now - rate->time) * RATE / G_USEC_PER_SEC);
  rate->time = now;
  if (rate->tokens < 1)
    return FALSE;
  rate->tokens -= 1;
  return TRUE;
}
