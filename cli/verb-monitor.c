/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor: prints changes as they happen. */
#include "config.h"
#include "commands.h"

#include <glib-unix.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "job.h"
#include "json.h"
#include "patches.h"
#include "report.h"
#include "table.h"

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

typedef struct {
  CliContext *context;
  GHashTable *names; /* object path -> full name: signals name paths only */
} Monitor;

/* One event on one line; @details: a{sv}. */
static void
print_event (Monitor *monitor, const char *event, const char *subject, GVariant *details)
{
  gint64 now = g_get_real_time ();
  g_autofree char *time = cli_format_time (now);

  if (cli_json (monitor->context))
    {
      CliJson *json = cli_json_new ();
      cli_json_number (json, "time", now);
      cli_json_string (json, "event", event);
      cli_json_string (json, "subject", subject);
      cli_json_variant (json, "details", details);
      cli_json_finish (json, FALSE);
      return;
    }

  g_autofree char *shown = cli_escape (subject);
  printf ("%s  %s", time, shown);
  GVariantIter iter;
  const char *key;
  GVariant *value;
  g_variant_iter_init (&iter, details);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      g_autofree char *name = cli_json_key (key);
      g_autofree char *text = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
                                  ? g_variant_dup_string (value, NULL)
                                  : g_variant_print (value, FALSE);
      g_autofree char *safe = cli_escape (text);
      if (*safe != '\0')
        printf ("  %s=%s", name, safe);
      g_variant_unref (value);
    }
  putchar ('\n');
  fflush (stdout);
}

static const char *
subject_of (Monitor *monitor, const char *path)
{
  const char *name = g_hash_table_lookup (monitor->names, path);
  return name != NULL ? name : path;
}

static void
on_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
            const char *signal, GVariant *arguments, gpointer user_data)
{
  if (!g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(sa{sv}as)")))
    return;

  const char *of;
  g_autoptr (GVariant) details = NULL;
  g_variant_get (arguments, "(&s@a{sv}as)", &of, &details, NULL);
  const char *event = g_str_equal (of, CLI_PATCH) ? "patch-changed"
                      : g_str_equal (of, CLI_JOB) ? "job-changed"
                                                  : "service-changed";
  print_event (user_data, event, subject_of (user_data, path), details);
}

static void
learn_names (Monitor *monitor, GPtrArray *patches)
{
  for (guint i = 0; i < patches->len; i++)
    g_hash_table_insert (monitor->names, g_strdup (cli_get_string (patches->pdata[i], "Path")),
                         g_strdup (cli_patch_name (patches->pdata[i])));
}

static void
on_added (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
          const char *signal, GVariant *arguments, gpointer user_data)
{
  Monitor *monitor = user_data;
  if (!g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(oa{sa{sv}})")))
    return;

  const char *object;
  g_autoptr (GVariant) interfaces = NULL;
  g_variant_get (arguments, "(&o@a{sa{sv}})", &object, &interfaces);
  g_autoptr (GVariant) patch = g_variant_lookup_value (interfaces, CLI_PATCH, G_VARIANT_TYPE_VARDICT);
  g_autoptr (GVariant) job = g_variant_lookup_value (interfaces, CLI_JOB, G_VARIANT_TYPE_VARDICT);
  if (patch != NULL)
    {
      g_hash_table_insert (monitor->names, g_strdup (object), g_strdup (cli_patch_name (patch)));
      print_event (monitor, "patch-added", cli_patch_name (patch), patch);
    }
  else if (job != NULL)
    print_event (monitor, "job-added", object, job);
}

static void
on_removed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
            const char *signal, GVariant *arguments, gpointer user_data)
{
  Monitor *monitor = user_data;
  if (!g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(oas)")))
    return;

  const char *object;
  g_variant_get (arguments, "(&oas)", &object, NULL);
  g_autoptr (GVariant) nothing = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  print_event (monitor, strstr (object, "/jobs/") != NULL ? "job-removed" : "patch-removed",
               subject_of (monitor, object), nothing);
  g_hash_table_remove (monitor->names, object);
}

static void
on_job_finished (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                 const char *signal, GVariant *arguments, gpointer user_data)
{
  if (!g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(osss)")))
    return;

  const char *job, *state, *name, *message;
  GVariantDict details;
  g_variant_get (arguments, "(&o&s&s&s)", &job, &state, &name, &message);
  g_variant_dict_init (&details, NULL);
  g_variant_dict_insert (&details, "State", "s", state);
  g_variant_dict_insert (&details, "ErrorName", "s", name);
  g_variant_dict_insert (&details, "ErrorMessage", "s", message);
  g_autoptr (GVariant) dictionary = g_variant_ref_sink (g_variant_dict_end (&details));
  print_event (user_data, "job-finished", job, dictionary);
}

static void
on_owner (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
          const char *signal, GVariant *arguments, gpointer user_data)
{
  const char *owner;
  GVariantDict details;

  g_variant_get (arguments, "(&s&s&s)", NULL, NULL, &owner);
  g_variant_dict_init (&details, NULL);
  g_variant_dict_insert (&details, "Running", "b", *owner != '\0');
  g_autoptr (GVariant) dictionary = g_variant_ref_sink (g_variant_dict_end (&details));
  print_event (user_data, *owner != '\0' ? "service-started" : "service-stopped", CLI_BUS_NAME, dictionary);
}

/* From now on nothing is missed. */
static void
announce (Monitor *monitor)
{
  g_autoptr (GVariant) nothing = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));

  if (cli_json (monitor->context))
    print_event (monitor, "watching", CLI_BUS_NAME, nothing);
  else
    fprintf (stderr, "%s\n", _ ("Watching; Ctrl-C ends it."));
}

static gboolean
on_quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

static void
on_bus_closed (GDBusConnection *bus, gboolean vanished, GError *error, gpointer loop)
{
  g_main_loop_quit (loop);
}

int
cli_monitor (CliContext *context)
{
  static const char *const naming[] = { CLI_NAMING_PROPERTIES, NULL };
  static const struct {
    const char *interface;
    const char *signal;
    GDBusSignalCallback callback;
  } signals[] = {
    { CLI_PROPERTIES, "PropertiesChanged", on_changed },
    { OBJECT_MANAGER, "InterfacesAdded", on_added },
    { OBJECT_MANAGER, "InterfacesRemoved", on_removed },
    { CLI_MANAGER, "JobFinished", on_job_finished },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  Monitor monitor = { context, names };

  if (!cli_bus_open (context, &error))
    return cli_report (context, "monitor", error);
  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    g_dbus_connection_signal_subscribe (context->bus, CLI_BUS_NAME, signals[i].interface, signals[i].signal,
                                        NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE, signals[i].callback, &monitor,
                                        NULL);
  g_dbus_connection_signal_subscribe (context->bus, "org.freedesktop.DBus", "org.freedesktop.DBus",
                                      "NameOwnerChanged", "/org/freedesktop/DBus", CLI_BUS_NAME,
                                      G_DBUS_SIGNAL_FLAGS_NONE, on_owner, &monitor, NULL);
  g_autoptr (GPtrArray) patches = cli_list_patches (context, g_variant_new ("a{sv}", NULL), naming, &error);
  if (patches == NULL)
    return cli_report (context, "monitor", error);
  learn_names (&monitor, patches);

  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_unix_signal_add (SIGINT, on_quit, loop);
  g_unix_signal_add (SIGTERM, on_quit, loop);
  g_signal_connect (context->bus, "closed", G_CALLBACK (on_bus_closed), loop);
  announce (&monitor);
  g_main_loop_run (loop);
  return CLI_EXIT_DONE;
}
