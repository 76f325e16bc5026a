/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls over the bus. */
#include "config.h"
#include "bus.h"

#include <glib-unix.h>
#include <string.h>

#include "agent.h"
#include "base/error.h"
#include "remote.h"
#include "report.h"
#include "text.h"

#define OWN_ERRORS "org.openeuler.SysCare1.Error."
#define STANDARD_ERRORS "org.freedesktop.DBus.Error."

/* A question that takes longer means that the service hangs. */
#define QUESTION_TIMEOUT_MS 25000

gboolean
cli_bus_open (CliContext *context, GError **error)
{
  const char *address = cli_value (context, CLI_OPTION_BUS);
  g_autofree char *system_address = NULL;
  g_autoptr (GError) reason = NULL;

  if (context->bus != NULL)
    return TRUE;
  if (cli_value (context, CLI_OPTION_HOST) != NULL)
    {
      context->bus = cli_remote_connect (context, error);
      return context->bus != NULL;
    }
  if (address == NULL)
    address = system_address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, &reason);
  if (address != NULL)
    context->bus
        = g_dbus_connection_new_for_address_sync (address,
                                                  G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                                      | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                  NULL, NULL, &reason);
  if (context->bus != NULL)
    return TRUE;

  const char *hint = cli_value (context, CLI_OPTION_BUS) != NULL
                         ? _ ("check the address given with --bus")
                         : _ ("is dbus-daemon or dbus-broker running?");
  lp_error_set (error, LP_ERROR_FAILED, hint, _ ("cannot reach the bus: %s"), reason->message);
  return FALSE;
}

/* Names of errors that mean: nobody answers for SysCare on this bus. */
static gboolean
is_service_missing (const char *name)
{
  static const char *const names[]
      = { STANDARD_ERRORS "ServiceUnknown", STANDARD_ERRORS "NameHasNoOwner", STANDARD_ERRORS "TimedOut",
          STANDARD_ERRORS "NoReply",        STANDARD_ERRORS "Disconnected",   NULL };

  return g_strv_contains (names, name) || g_str_has_prefix (name, STANDARD_ERRORS "Spawn.")
         || g_str_has_prefix (name, "org.freedesktop.systemd1.");
}

static const LpErrorInfo *
info_of_name (const char *name)
{
  const LpErrorInfo *info = NULL;

  if (g_str_has_prefix (name, OWN_ERRORS))
    info = lp_error_info_by_name (name + strlen (OWN_ERRORS));
  else if (g_str_has_prefix (name, STANDARD_ERRORS))
    info = lp_error_info_by_name (name + strlen (STANDARD_ERRORS));
  return info != NULL ? info : lp_error_info (LP_ERROR_FAILED);
}

static GError *
service_missing_error (const char *name, const char *message)
{
  GError *error = NULL;
  gboolean lost = g_str_has_suffix (name, ".NoReply") || g_str_has_suffix (name, ".Disconnected");

  lp_error_set (&error, LP_ERROR_FAILED, _ ("is it installed and running? See `systemctl status syscared`"),
                lost ? _ ("the SysCare service stopped answering: %s")
                     : _ ("the SysCare service is not available: %s"),
                message);
  return error;
}

void
cli_bus_translate_error (GError **error)
{
  if (error == NULL || *error == NULL || (*error)->domain == LP_ERROR)
    return;

  g_autoptr (GError) old = g_steal_pointer (error);
  g_autofree char *name = g_dbus_error_get_remote_error (old);
  g_dbus_error_strip_remote_error (old);
  if (name == NULL && g_error_matches (old, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    lp_error_set (error, LP_ERROR_CANCELLED, NULL, "%s", _ ("cancelled"));
  else if (name == NULL)
    *error = service_missing_error (STANDARD_ERRORS "Disconnected", old->message);
  else if (is_service_missing (name))
    *error = service_missing_error (name, old->message);
  else
    {
      *error = g_error_new_literal (LP_ERROR, info_of_name (name)->code, old->message);
      cli_error_explain (error);
    }
}

GVariant *
cli_ask (CliContext *context, const char *path, const char *interface, const char *method,
         GVariant *arguments, const char *reply, GError **error)
{
  g_autoptr (GVariant) owned = arguments != NULL ? g_variant_ref_sink (arguments) : NULL;

  if (!cli_bus_open (context, error))
    return NULL;

  GVariant *answer = g_dbus_connection_call_sync (context->bus, CLI_BUS_NAME, path, interface, method, owned,
                                                  G_VARIANT_TYPE (reply), G_DBUS_CALL_FLAGS_NONE,
                                                  QUESTION_TIMEOUT_MS, NULL, error);
  if (answer == NULL)
    cli_bus_translate_error (error);
  return answer;
}

void
cli_call_async (CliContext *context, const char *path, const char *interface, const char *method,
                GVariant *arguments, const char *reply, GAsyncReadyCallback callback, gpointer user_data)
{
  g_dbus_connection_call (context->bus, CLI_BUS_NAME, path, interface, method, arguments,
                          G_VARIANT_TYPE (reply), G_DBUS_CALL_FLAGS_NONE, QUESTION_TIMEOUT_MS, NULL, callback,
                          user_data);
}

typedef struct {
  GMainLoop *loop;
  GVariant *answer;
  GError *error;
} Order;

static void
on_order_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Order *order = user_data;
  order->answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &order->error);
  g_main_loop_quit (order->loop);
}

static gboolean
on_interrupt (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_CONTINUE;
}

GVariant *
cli_order (CliContext *context, const char *path, const char *interface, const char *method,
           GVariant *arguments, const char *reply, GError **error)
{
  g_autoptr (GVariant) owned = arguments != NULL ? g_variant_ref_sink (arguments) : NULL;

  if (!cli_bus_open (context, error))
    return NULL;
  if (!context->agent)
    context->agent = cli_agent_start (context);

  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  guint interrupt = g_unix_signal_add (SIGINT, on_interrupt, cancellable);
  Order order = { loop };
  g_dbus_connection_call (context->bus, CLI_BUS_NAME, path, interface, method, owned, G_VARIANT_TYPE (reply),
                          context->agent ? G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION
                                         : G_DBUS_CALL_FLAGS_NONE,
                          G_MAXINT /* the user types a password meanwhile */, cancellable, on_order_done,
                          &order);
  g_main_loop_run (loop);
  g_source_remove (interrupt);
  cli_agent_restore_terminal ();

  if (order.answer == NULL)
    {
      g_propagate_error (error, order.error);
      cli_bus_translate_error (error);
    }
  return order.answer;
}

const char *
cli_get_string (GVariant *dictionary, const char *key)
{
  const char *value = "";
  if (!g_variant_lookup (dictionary, key, "&s", &value))
    g_variant_lookup (dictionary, key, "&o", &value);
  return value;
}

guint64
cli_get_number (GVariant *dictionary, const char *key)
{
  guint64 wide = 0;
  guint32 narrow = 0;

  if (g_variant_lookup (dictionary, key, "t", &wide))
    return wide;
  g_variant_lookup (dictionary, key, "u", &narrow);
  return narrow;
}

const char **
cli_get_strings (GVariant *dictionary, const char *key)
{
  const char **values = NULL;

  if (!g_variant_lookup (dictionary, key, "^a&s", &values))
    values = g_new0 (const char *, 1);
  return values;
}
