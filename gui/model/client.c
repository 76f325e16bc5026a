/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection to the patch service; see client.h. */
#include "client.h"

#include "errors.h"

#define PLAIN_TIMEOUT_MSEC 30000
#define RECONNECT_SECONDS 3

struct _ScClient {
  GObject parent_instance;

  GCancellable *cancellable;
  GDBusConnection *bus;
  gulong closed_handler;
  guint name_watch;
  guint reconnect_timer;
  guint ask_timer; /* a service that didn't answer is asked again */
  guint subscriptions[4];
  guint authority_subscription; /* to polkit's word that its rules changed */
  char *owner;                  /* unique name of the service, NULL while there is none */
  gboolean start_was_tried;     /* the bus was asked once to start the service */

  ScServiceState state;
  char *detail;
  char *version;
  char *kernel;
  char **degraded;
  guint64 generation;
};

G_DEFINE_FINAL_TYPE (ScClient, sc_client, G_TYPE_OBJECT)

enum { PROP_0, PROP_STATE, PROP_GENERATION, N_PROPS };
enum {
  STATUS_CHANGED,
  AUTHORITY_CHANGED,
  OBJECT_CHANGED,
  OBJECT_ADDED,
  OBJECT_REMOVED,
  JOB_FINISHED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

static void connect_to_bus (ScClient *self);
static void ask_manager (ScClient *self);

static void
set_state (ScClient *self, ScServiceState state, const char *detail)
{
  char *copy = g_strdup (detail ? detail : ""); /* before the old one goes: it may be @detail */

  g_free (self->detail);
  self->detail = copy;
  self->state = state;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
}

/* Takes over what a dictionary of Manager properties says. */
static void
update_manager (ScClient *self, GVariant *values)
{
  const char *text;
  g_autofree const char **words = NULL;
  guint64 generation;

  if (g_variant_lookup (values, "Version", "&s", &text))
    {
      g_free (self->version);
      self->version = g_strdup (text);
    }
  if (g_variant_lookup (values, "KernelRelease", "&s", &text))
    {
      g_free (self->kernel);
      self->kernel = g_strdup (text);
    }
  if (g_variant_lookup (values, "Degraded", "^a&s", &words))
    {
      g_strfreev (self->degraded);
      self->degraded = g_strdupv ((char **)words);
    }
  g_signal_emit (self, signals[STATUS_CHANGED], 0);
  if (g_variant_lookup (values, "Generation", "t", &generation) && generation != self->generation)
    {
      self->generation = generation;
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_GENERATION]);
    }
}

/* TRUE when the Manager's properties have everything that this window relies on. */
static gboolean
has_needed_properties (GVariant *values)
{
  static const struct {
    const char *name;
    const char *type;
  } needed[] = { { "Version", "s" }, { "Generation", "t" }, { "Degraded", "as" }, { "Features", "as" } };

  for (gsize i = 0; i < G_N_ELEMENTS (needed); i++)
    {
      g_autoptr (GVariant) value
          = g_variant_lookup_value (values, needed[i].name, G_VARIANT_TYPE (needed[i].type));
      if (!value)
        return FALSE;
    }
  return TRUE;
}

static void
on_manager_properties (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree char *owner = user_data;
  g_autoptr (GError) error = NULL;
  ScClient *self = SC_CLIENT (source);
  g_autoptr (GVariant) reply = sc_client_call_finish (self, result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (g_strcmp0 (owner, self->owner) != 0)
    return; /* the answer of a service that is gone */

  if (!reply)
    {
      ScServiceState state
          = sc_error_is_incompatibility (error) ? SC_SERVICE_INCOMPATIBLE : SC_SERVICE_FAILED;
      g_dbus_error_strip_remote_error (error);
      if (self->state != state)
        set_state (self, state, error->message);
      g_clear_handle_id (&self->ask_timer, g_source_remove);
      self->ask_timer = g_timeout_add_once (RECONNECT_SECONDS * 1000, (GSourceOnceFunc)ask_manager, self);
      return;
    }
  g_autoptr (GVariant) values = g_variant_get_child_value (reply, 0);
  update_manager (self, values);
  set_state (self, has_needed_properties (values) ? SC_SERVICE_READY : SC_SERVICE_INCOMPATIBLE, NULL);
}

/* The first question to a service, and the one whose answer shows that a silent one is back. */
static void
ask_manager (ScClient *self)
{
  g_clear_handle_id (&self->ask_timer, g_source_remove);
  if (self->owner)
    sc_client_call (self, SC_MANAGER_PATH, SC_PROPERTIES_INTERFACE, "GetAll",
                    g_variant_new ("(s)", SC_MANAGER_INTERFACE), G_VARIANT_TYPE ("(a{sv})"), SC_CALL_PLAIN,
                    self->cancellable, on_manager_properties, g_strdup (self->owner));
}

void
sc_client_tell_silent (ScClient *self, const GError *error)
{
  if (self->state != SC_SERVICE_READY || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return;
  set_state (self, SC_SERVICE_FAILED, error->message);
  ask_manager (self);
}

static void
on_signal (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
           const char *member, GVariant *parameters, gpointer user_data)
{
  ScClient *self = user_data;

  if (g_str_equal (member, "PropertiesChanged")
      && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sa{sv}as)")))
    {
      const char *changed_interface;
      g_autoptr (GVariant) values = NULL;
      g_variant_get (parameters, "(&s@a{sv}as)", &changed_interface, &values, NULL);
      if (g_str_equal (changed_interface, SC_MANAGER_INTERFACE))
        update_manager (self, values);
      else
        g_signal_emit (self, signals[OBJECT_CHANGED], 0, path, changed_interface, values);
    }
  else if (g_str_equal (member, "InterfacesAdded")
           && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(oa{sa{sv}})")))
    {
      const char *added;
      g_variant_get_child (parameters, 0, "&o", &added);
      g_signal_emit (self, signals[OBJECT_ADDED], 0, added);
    }
  else if (g_str_equal (member, "InterfacesRemoved")
           && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(oas)")))
    {
      const char *removed;
      g_variant_get_child (parameters, 0, "&o", &removed);
      g_signal_emit (self, signals[OBJECT_REMOVED], 0, removed);
    }
  else if (g_str_equal (member, "JobFinished")
           && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(osss)")))
    {
      const char *job;
      g_variant_get_child (parameters, 0, "&o", &job);
      g_signal_emit (self, signals[JOB_FINISHED], 0, job);
    }
}

static void
unsubscribe (ScClient *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (self->subscriptions); i++)
    {
      if (self->subscriptions[i] != 0)
        g_dbus_connection_signal_unsubscribe (self->bus, self->subscriptions[i]);
      self->subscriptions[i] = 0;
    }
}

/* By the unique name, so that nobody else's signals are taken for the service's. */
static void
subscribe (ScClient *self)
{
  static const struct {
    const char *interface;
    const char *member;
  } wanted[] = { { SC_PROPERTIES_INTERFACE, "PropertiesChanged" },
                 { "org.freedesktop.DBus.ObjectManager", "InterfacesAdded" },
                 { "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved" },
                 { SC_MANAGER_INTERFACE, "JobFinished" } };

  unsubscribe (self);
  for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++)
    self->subscriptions[i]
        = g_dbus_connection_signal_subscribe (self->bus, self->owner, wanted[i].interface, wanted[i].member,
                                              NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, self, NULL);
}

static void
on_name_appeared (GDBusConnection *bus, const char *name, const char *owner, gpointer user_data)
{
  ScClient *self = user_data;

  g_free (self->owner);
  self->owner = g_strdup (owner);
  self->start_was_tried = TRUE;
  self->generation = 0;
  subscribe (self);
  set_state (self, SC_SERVICE_CONNECTING, NULL);
  ask_manager (self);
}

/* The service isn't there: is it stopped, or not installed at all? */
static void
on_activatable_names (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  ScClient *self = user_data;
  if (self->owner)
    return;

  g_autofree const char **names = NULL;
  if (reply)
    g_variant_get (reply, "(^a&s)", &names);
  gboolean known = names && g_strv_contains (names, SC_BUS_NAME);
  set_state (self, known ? SC_SERVICE_STOPPED : SC_SERVICE_MISSING, self->detail);
}

static void
find_out_why_absent (ScClient *self)
{
  g_dbus_connection_call (self->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "ListActivatableNames", NULL, G_VARIANT_TYPE ("(as)"), G_DBUS_CALL_FLAGS_NONE,
                          PLAIN_TIMEOUT_MSEC, self->cancellable, on_activatable_names, self);
}

static void
on_start_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  ScClient *self = user_data;
  if (reply || self->owner)
    return; /* the name watch tells the rest */

  g_dbus_error_strip_remote_error (error);
  g_free (self->detail);
  self->detail = g_steal_pointer (&error->message);
  find_out_why_absent (self);
}

static void
start_service (ScClient *self)
{
  self->start_was_tried = TRUE;
  set_state (self, SC_SERVICE_CONNECTING, NULL);
  g_dbus_connection_call (self->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "StartServiceByName", g_variant_new ("(su)", SC_BUS_NAME, 0),
                          G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, PLAIN_TIMEOUT_MSEC,
                          self->cancellable, on_start_answer, self);
}

static void
on_name_vanished (GDBusConnection *bus, const char *name, gpointer user_data)
{
  ScClient *self = user_data;

  if (!bus)
    return; /* on_bus_closed() says it */
  unsubscribe (self);
  g_clear_pointer (&self->owner, g_free);
  /* Once, at the beginning: afterwards an administrator may have stopped it on purpose. */
  if (!self->start_was_tried)
    {
      start_service (self);
      return;
    }
  set_state (self, SC_SERVICE_STOPPED, NULL);
  find_out_why_absent (self);
}

static void
on_authority_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                      const char *member, GVariant *parameters, gpointer user_data)
{
  g_signal_emit (user_data, signals[AUTHORITY_CHANGED], 0);
}

static void
drop_bus (ScClient *self)
{
  if (!self->bus)
    return;
  g_dbus_connection_signal_unsubscribe (self->bus, self->authority_subscription);
  unsubscribe (self);
  g_clear_handle_id (&self->name_watch, g_bus_unwatch_name);
  g_clear_handle_id (&self->ask_timer, g_source_remove);
  g_clear_signal_handler (&self->closed_handler, self->bus);
  g_clear_object (&self->bus);
  g_clear_pointer (&self->owner, g_free);
}

static gboolean
on_reconnect_time (gpointer user_data)
{
  ScClient *self = user_data;

  self->reconnect_timer = 0;
  connect_to_bus (self);
  return G_SOURCE_REMOVE;
}

static void
lose_bus (ScClient *self, const char *detail)
{
  drop_bus (self);
  set_state (self, SC_SERVICE_NO_BUS, detail);
  if (self->reconnect_timer == 0)
    self->reconnect_timer = g_timeout_add_seconds (RECONNECT_SECONDS, on_reconnect_time, self);
}

static void
on_bus_closed (GDBusConnection *bus, gboolean remote_peer_vanished, GError *error, gpointer user_data)
{
  lose_bus (user_data, error ? error->message : NULL);
}

static void
on_bus_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_dbus_connection_new_for_address_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  ScClient *self = user_data;

  if (!bus)
    {
      lose_bus (self, error->message);
      return;
    }
  drop_bus (self);
  self->bus = g_steal_pointer (&bus);
  self->start_was_tried = FALSE;
  self->closed_handler = g_signal_connect (self->bus, "closed", G_CALLBACK (on_bus_closed), self);
  self->authority_subscription
      = g_dbus_connection_signal_subscribe (self->bus, "org.freedesktop.PolicyKit1",
                                            "org.freedesktop.PolicyKit1.Authority", "Changed", NULL, NULL,
                                            G_DBUS_SIGNAL_FLAGS_NONE, on_authority_changed, self, NULL);
  self->name_watch = g_bus_watch_name_on_connection (self->bus, SC_BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                     on_name_appeared, on_name_vanished, self, NULL);
}

/* A connection of our own: the shared one can't be replaced after the bus was restarted. */
static void
connect_to_bus (ScClient *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *address
      = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, &error); /* only looks it up */

  if (!address)
    {
      lose_bus (self, error->message);
      return;
    }
  g_dbus_connection_new_for_address (address,
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                         | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                     NULL, self->cancellable, on_bus_connected, self);
}

ScClient *
sc_client_new (void)
{
  return g_object_new (SC_TYPE_CLIENT, NULL);
}

void
sc_client_start (ScClient *self)
{
  g_return_if_fail (!self->bus);
  connect_to_bus (self);
}

void
sc_client_stop (ScClient *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->reconnect_timer, g_source_remove);
  drop_bus (self);
}

void
sc_client_retry (ScClient *self)
{
  if (!self->bus)
    {
      g_clear_handle_id (&self->reconnect_timer, g_source_remove);
      set_state (self, SC_SERVICE_CONNECTING, NULL);
      connect_to_bus (self);
    }
  else if (self->owner)
    {
      g_autofree char *owner = g_strdup (self->owner);
      on_name_appeared (self->bus, SC_BUS_NAME, owner, self);
    }
  else
    start_service (self);
}

ScServiceState
sc_client_get_state (ScClient *self)
{
  return self->state;
}

const char *
sc_client_get_detail (ScClient *self)
{
  return self->detail ? self->detail : "";
}

const char *
sc_client_get_version (ScClient *self)
{
  return self->version ? self->version : "";
}

const char *
sc_client_get_kernel (ScClient *self)
{
  return self->kernel ? self->kernel : "";
}

const char *const *
sc_client_get_degraded (ScClient *self)
{
  return (const char *const *)self->degraded;
}

guint64
sc_client_get_generation (ScClient *self)
{
  return self->generation;
}

static void
on_call_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  GVariant *reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply)
    g_task_return_pointer (task, reply, (GDestroyNotify)g_variant_unref);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

void
sc_client_call (ScClient *self, const char *path, const char *interface, const char *method,
                GVariant *parameters, const GVariantType *reply, ScCallKind kind, GCancellable *cancellable,
                GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr (GVariant) arguments = parameters ? g_variant_ref_sink (parameters) : NULL;
  GDBusCallFlags flags = G_DBUS_CALL_FLAGS_NO_AUTO_START;

  if (!self->owner)
    {
      g_task_return_new_error (task, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN,
                               "the patch service isn't running");
      return;
    }
  if (kind == SC_CALL_INTERACTIVE)
    flags |= G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION;
  g_dbus_connection_call (self->bus, self->owner, path, interface, method, arguments, reply, flags,
                          kind == SC_CALL_INTERACTIVE ? G_MAXINT : PLAIN_TIMEOUT_MSEC, cancellable,
                          on_call_answer, g_steal_pointer (&task));
}

GVariant *
sc_client_call_finish (ScClient *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
sc_client_get_all (ScClient *self, const char *path, const char *interface, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  sc_client_call (self, path, SC_PROPERTIES_INTERFACE, "GetAll", g_variant_new ("(s)", interface),
                  G_VARIANT_TYPE ("(a{sv})"), SC_CALL_PLAIN, cancellable, callback, user_data);
}

static void
sc_client_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ScClient *self = SC_CLIENT (object);

  if (id == PROP_STATE)
    g_value_set_int (value, (int)self->state);
  else
    g_value_set_uint64 (value, self->generation);
}

static void
sc_client_dispose (GObject *object)
{
  sc_client_stop (SC_CLIENT (object));
  G_OBJECT_CLASS (sc_client_parent_class)->dispose (object);
}

static void
sc_client_finalize (GObject *object)
{
  ScClient *self = SC_CLIENT (object);

  g_clear_object (&self->cancellable);
  g_free (self->detail);
  g_free (self->version);
  g_free (self->kernel);
  g_strfreev (self->degraded);
  G_OBJECT_CLASS (sc_client_parent_class)->finalize (object);
}

static void
sc_client_class_init (ScClientClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = sc_client_get_property;
  object_class->dispose = sc_client_dispose;
  object_class->finalize = sc_client_finalize;
  props[PROP_STATE] = g_param_spec_int ("state", NULL, NULL, 0, SC_SERVICE_READY, SC_SERVICE_CONNECTING,
                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_GENERATION] = g_param_spec_uint64 ("generation", NULL, NULL, 0, G_MAXUINT64, 0,
                                                G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  GType type = G_TYPE_FROM_CLASS (klass);
  signals[STATUS_CHANGED]
      = g_signal_new ("status-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[AUTHORITY_CHANGED]
      = g_signal_new ("authority-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[OBJECT_CHANGED] = g_signal_new ("object-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                          G_TYPE_NONE, 3, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_VARIANT);
  signals[OBJECT_ADDED] = g_signal_new ("object-added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                        G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[OBJECT_REMOVED] = g_signal_new ("object-removed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                          G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[JOB_FINISHED] = g_signal_new ("job-finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                        G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
sc_client_init (ScClient *self)
{
  self->cancellable = g_cancellable_new ();
  self->degraded = g_new0 (char *, 1);
}
