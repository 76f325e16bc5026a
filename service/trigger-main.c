/* SPDX-License-Identifier: GPL-2.0-or-later */
/* syscare-trigger: keeps the patches that are in effect bound to their files, so that new processes meet
 * them. One long-lived child of the service; ends when the service does. Must not know the bus, polkit,
 * states or wishes. */
#include "child.h"
#include "entity-file.h"
#include "trigger-lock.h"
#include "trigger-minder.h"
#include "wire.h"

#include "base/error.h"
#include "base/urgent.h"
#include "process/process.h"
#include "user/trigger.h"

#include <errno.h>

/* The service has one trigger at a time. */
#define NET_PIN "/sys/fs/bpf/syscare-net"
/* Messages that wait for a service that doesn't read. Nobody but the journal needs to hear of each process.
 */
#define UNTOLD_MAX 1000

typedef struct {
  GMainLoop *loop;
  LpTrigger *trigger;
  ScTriggerLock *lock; /* NULL before the first "bind" message */
  GThreadPool *opener; /* of one thread */
  GThreadPool *teller; /* of one thread */
} ScKeeper;

/* A message on its way from the reading thread to the loop. */
typedef struct {
  ScKeeper *keeper;
  JsonObject *message; /* NULL: the service is gone */
  GPtrArray *bindings; /* of a "bind" message: LpBinding */
  GPtrArray *unopened; /* of a "bind" message: utf8, what couldn't be opened */
} ScDelivery;

static void
write_message (gpointer data, gpointer user_data)
{
  g_autoptr (JsonObject) message = data;

  lp_urgent_end ();
  sc_wire_write (SC_WIRE_FD, message, NULL);
}

/* In a thread of its own: a service that is frozen, or is slower than processes start, must not keep the loop
 * from answering the kernel. */
static void
tell (ScKeeper *keeper, JsonObject *message)
{
  g_thread_pool_push (keeper->teller, json_object_ref (message), NULL);
}

/* Which mechanisms are missing, and why. */
static JsonArray *
describe_lacks (LpTrigger *trigger)
{
  const GPtrArray *lacks = lp_trigger_lacks (trigger);
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < lacks->len; i++)
    json_array_add_string_element (array, lacks->pdata[i]);
  return array;
}

static void
report_meeting (const LpMeetResult *result, gpointer user_data)
{
  ScKeeper *keeper = user_data;
  g_autoptr (JsonObject) message = json_object_new ();

  if (g_thread_pool_unprocessed (keeper->teller) >= UNTOLD_MAX)
    return;
  json_object_set_string_member (message, "type", "met");
  json_object_set_int_member (message, "pid", result->pid);
  json_object_set_boolean_member (message, "patched", result->outcome == LP_MEET_PATCHED);
  json_object_set_boolean_member (message, "may-pass", result->may_pass);
  if (result->outcome != LP_MEET_PATCHED && result->pid > 0)
    {
      g_autoptr (LpProcess) process = lp_process_open (result->pid, NULL);
      json_object_set_int_member (message, "start-time",
                                  process != NULL ? (gint64)lp_process_start_time (process) : 0);
    }
  json_object_set_string_member (message, "reason", result->reason);
  tell (keeper, message);
}

/* Patches that can't be opened are left out, and named: the others must not suffer. */
static GPtrArray *
open_bindings (JsonObject *request, GPtrArray *problems)
{
  GPtrArray *bindings = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_binding_free);
  JsonArray *patches = sc_wire_array (request, "patches");
  LpBundleFlags flags = sc_wire_bool (request, "check-owner") ? LP_BUNDLE_CHECK_OWNER : 0;

  for (guint i = 0; patches != NULL && i < json_array_get_length (patches); i++)
    {
      JsonObject *patch = sc_wire_element (patches, i);
      g_autoptr (GError) error = NULL;
      g_autoptr (LpEntity) entity
          = patch != NULL ? sc_entity_open (patch, flags, /* keyring= */ NULL, &error) : NULL;
      g_auto (GStrv) files = entity != NULL ? sc_wire_strv (patch, "files") : NULL;

      if (entity != NULL)
        g_ptr_array_add (bindings, lp_binding_new (entity, (const char *const *)files));
      else if (error != NULL)
        g_ptr_array_add (problems, g_strdup (error->message));
    }
  return bindings;
}

typedef struct {
  ScKeeper *keeper;
  JsonObject *reply;
} ScPendingReply;

static void
send_reply (gpointer user_data)
{
  ScPendingReply *pending = user_data;

  tell (pending->keeper, pending->reply);
  json_object_unref (pending->reply);
  g_free (pending);
}

/* None of our tracers acts for an earlier set any more; now those of a trigger before us. */
static void
on_settled (gpointer user_data)
{
  const ScPendingReply *pending = user_data;

  sc_trigger_lock_await (pending->keeper->lock, send_reply, user_data);
}

static void
bind (ScDelivery *delivery)
{
  ScKeeper *keeper = delivery->keeper;
  const GPtrArray *unopened = delivery->unopened;
  JsonObject *reply = json_object_new ();
  ScPendingReply *pending = g_new (ScPendingReply, 1);
  g_autoptr (GPtrArray) unwatched = NULL;
  g_autoptr (GError) error = NULL;
  JsonArray *problems = json_array_new ();

  if (keeper->lock == NULL)
    keeper->lock = sc_trigger_lock_new (sc_wire_string (delivery->message, "lock"), /* is_trigger= */ TRUE);
  json_object_set_string_member (reply, "type", "bound");
  json_object_set_int_member (reply, "serial", sc_wire_int (delivery->message, "serial"));
  if (!lp_trigger_bind (keeper->trigger, delivery->bindings, &unwatched, &error))
    json_array_add_string_element (problems, error->message);
  if (sc_wire_bool (delivery->message, "look"))
    lp_trigger_look_at_all (keeper->trigger);
  for (guint i = 0; i < unopened->len; i++)
    json_array_add_string_element (problems, unopened->pdata[i]);
  for (guint i = 0; i < unwatched->len; i++)
    json_array_add_string_element (problems, unwatched->pdata[i]);
  json_object_set_array_member (reply, "problems", problems);
  json_object_set_array_member (reply, "lacks", describe_lacks (keeper->trigger));
  *pending = (ScPendingReply){ keeper, reply };
  /* The service looks at the running processes next, and nobody may come to have a patch behind its back. */
  lp_trigger_settle (keeper->trigger, on_settled, pending);
}

static gboolean
handle_message (gpointer data)
{
  ScDelivery *delivery = data;
  ScKeeper *keeper = delivery->keeper;
  const char *type = delivery->message != NULL ? sc_wire_string (delivery->message, "type") : "";

  if (delivery->message == NULL)
    g_main_loop_quit (keeper->loop);
  else if (g_str_equal (type, "bind"))
    bind (delivery);
  else if (g_str_equal (type, "ping"))
    {
      g_autoptr (JsonObject) pong = json_object_new ();
      json_object_set_string_member (pong, "type", "pong");
      json_object_set_int_member (pong, "old-calls", (gint64)lp_trigger_counts (keeper->trigger).old_calls);
      tell (keeper, pong);
    }
  g_clear_pointer (&delivery->message, json_object_unref);
  g_clear_pointer (&delivery->bindings, g_ptr_array_unref);
  g_clear_pointer (&delivery->unopened, g_ptr_array_unref);
  g_free (delivery);
  return G_SOURCE_REMOVE;
}

static void
deliver (ScDelivery *delivery)
{
  /* Not g_main_context_invoke(), which calls it in this thread when the loop doesn't run yet. */
  g_idle_add_full (G_PRIORITY_DEFAULT, handle_message, delivery, NULL);
}

/* Many bundles take a while, in which questions are answered, and disks may be slow. One after another. */
static void
open_and_deliver (gpointer data, gpointer user_data)
{
  ScDelivery *delivery = data;

  lp_urgent_end ();
  delivery->unopened = g_ptr_array_new_with_free_func (g_free);
  delivery->bindings = open_bindings (delivery->message, delivery->unopened);
  deliver (delivery);
}

/* Reads in a thread of its own: the loop, which answers the kernel, waits for nobody. */
static gpointer
read_messages (gpointer data)
{
  ScKeeper *keeper = data;
  JsonObject *message;

  lp_urgent_end ();
  do
    {
      ScDelivery *delivery = g_new0 (ScDelivery, 1);
      message = sc_wire_read (SC_WIRE_FD, NULL);
      delivery->keeper = keeper;
      delivery->message = message;
      if (message != NULL && g_strcmp0 (sc_wire_string (message, "type"), "bind") == 0)
        g_thread_pool_push (keeper->opener, delivery, NULL);
      else
        deliver (delivery);
  } while (message != NULL);
  return NULL;
}

/* "--without=WORD" switches a mechanism off, for tests. */
static LpTriggerFlags
parse_arguments (int argc, char **argv)
{
  LpTriggerFlags without = 0;

  for (int i = 1; i < argc; i++)
    without |= g_str_equal (argv[i], "--without=gate")      ? LP_TRIGGER_GATE
               : g_str_equal (argv[i], "--without=net")     ? LP_TRIGGER_NET
               : g_str_equal (argv[i], "--without=events")  ? LP_TRIGGER_EVENTS
               : g_str_equal (argv[i], "--without=lookout") ? LP_TRIGGER_LOOKOUT
                                                            : 0;
  return without;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  ScKeeper keeper = { 0 };

  if (!sc_child_begin ("syscare-trigger"))
    return 2;
  if (!sc_trigger_minder_start ())
    {
      g_printerr ("syscare-trigger: %s\n", g_strerror (errno));
      return 1;
    }
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  keeper.loop = loop;
  keeper.teller = g_thread_pool_new (write_message, NULL, /* max_threads= */ 1, /* exclusive= */ TRUE, NULL);
  keeper.trigger = lp_trigger_new (parse_arguments (argc, argv), NET_PIN, report_meeting, &keeper, &error);
  if (keeper.trigger == NULL)
    {
      g_autoptr (JsonObject) message = json_object_new ();
      json_object_set_string_member (message, "type", "failed");
      json_object_set_string_member (message, "reason", error->message);
      sc_wire_write (SC_WIRE_FD, message, NULL);
      return 1;
    }
  lp_trigger_spare (keeper.trigger, sc_child_service ());
  keeper.opener
      = g_thread_pool_new (open_and_deliver, NULL, /* max_threads= */ 1, /* exclusive= */ FALSE, NULL);
  g_thread_unref (g_thread_new ("messages", read_messages, &keeper));
  g_main_loop_run (keeper.loop);
  lp_trigger_close (keeper.trigger);
  sc_trigger_lock_free (
      keeper.lock); /* nobody acts any more: the next one need not wait for what is left to do */
  lp_trigger_free (keeper.trigger);
  return 0;
}
