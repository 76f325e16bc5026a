/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watches over syscare-trigger: what it was told last, whether it still answers, when to start it again. Must
 * not know which patches are wished or why. */
#include "trigger-client.h"

#include "base/error.h"
#include "helper.h"
#include "log.h"
#include "patch-info.h"
#include "trigger-lock.h"
#include "wire.h"

#include <errno.h>
#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* A trigger that doesn't answer holds up every start of a target: it is asked this often, and killed when the
 * answer isn't there by the second question after. Only while something is bound. */
#define PING_INTERVAL 500 /* milliseconds */
#define PINGS_UNANSWERED_MAX 2
/* The service manager has to start it, maybe while the machine boots. */
#define START_PATIENCE 30000 /* milliseconds */
/* A file that was written to may be the same as before when that is over. */
#define WRITTEN_PAUSE 2 /* seconds */
/* Until it is started again after it ended unasked, doubled each time. */
#define FIRST_RESTART 100     /* milliseconds */
#define LONGEST_RESTART 30000 /* milliseconds */

struct ScTrigger {
  char *program;
  char *lock_path;
  ScTriggerLock *lock; /* looked at while there is no child */
  const ScTriggerListener *listener;
  gpointer user_data;
  GPtrArray *infos; /* ScPatchInfo: what shall be bound */
  GArray *files;    /* ScFileIdentity: what lay at their paths when the child was told */
  char *problem;
  GPtrArray *lacks; /* utf8: "WORD: reason" of each mechanism that this machine's trigger is without */
  gint64 old_calls; /* of the present child */
  gint64 earlier_old_calls; /* of those before */
  guint restart_pause;
  guint restart_timer;
  guint ping_timer;
  guint written_timer;
  guint unanswered;
  guint64 serial; /* of the last bind that was sent */
  GQueue waiting; /* ScWait */
  /* the child, when there is one */
  ScHelper *helper;
  GInputStream *input;
  int fd;
  GByteArray *unsent; /* for it, whole messages or the rest of one */
  guint writing;      /* source that waits until it takes more */
  GCancellable *reading;
  guint8 header[SC_WIRE_HEADER];
  char *body;
  gsize body_size;
};

typedef struct {
  guint64 device, inode;
  gint64 changed; /* nanoseconds: it may have been written to */
} ScFileIdentity;

/* Somebody who waits for a bind to be answered. */
typedef struct {
  GTask *task;
  guint64 serial;
  guint timer;
} ScWait;

static void read_header (ScTrigger *trigger);
static void start_child (ScTrigger *trigger);
static void send_bind (ScTrigger *trigger, gboolean look);
static gboolean on_writable (int fd, GIOCondition condition, gpointer data);

static void
set_problem (ScTrigger *trigger, const char *problem)
{
  if (g_strcmp0 (trigger->problem, problem) == 0)
    return;
  if (problem != NULL)
    sc_log (G_LOG_LEVEL_WARNING, SC_MESSAGE_GATE, NULL, "gate: %s", problem);
  g_free (trigger->problem);
  trigger->problem = g_strdup (problem);
  trigger->listener->changed (trigger->user_data);
}

static void
wait_end (ScWait *wait)
{
  g_task_return_boolean (wait->task, TRUE);
  g_object_unref (wait->task);
  if (wait->timer != 0)
    g_source_remove (wait->timer);
  g_free (wait);
}

/* Ends the waits for all binds up to @serial. */
static void
end_waits (ScTrigger *trigger, guint64 serial)
{
  while (!g_queue_is_empty (&trigger->waiting)
         && ((ScWait *)g_queue_peek_head (&trigger->waiting))->serial <= serial)
    wait_end (g_queue_pop_head (&trigger->waiting));
}

/* No trigger is left, and nobody who acts for one. */
static void
on_clear (gpointer user_data)
{
  end_waits (user_data, G_MAXUINT64);
}

/* Without a child: ends all waits once no tracer of an earlier one acts any more. */
static void
end_waits_when_clear (ScTrigger *trigger)
{
  sc_trigger_lock_forget (trigger->lock);
  sc_trigger_lock_await (trigger->lock, on_clear, trigger);
}

static void
drop_child (ScTrigger *trigger)
{
  g_clear_handle_id (&trigger->writing, g_source_remove);
  g_byte_array_set_size (trigger->unsent, 0);
  g_cancellable_cancel (trigger->reading);
  g_clear_object (&trigger->reading);
  g_clear_object (&trigger->input); /* closes the socket: it ends by itself, and whoever it holds goes on */
  g_clear_pointer (&trigger->helper, sc_helper_free);
  g_clear_pointer (&trigger->body, g_free);
  trigger->fd = -1;
  trigger->earlier_old_calls += trigger->old_calls;
  trigger->old_calls = 0;
  g_clear_handle_id (&trigger->ping_timer, g_source_remove);
}

static gboolean
on_restart_time (gpointer data)
{
  ScTrigger *trigger = data;

  trigger->restart_timer = 0;
  start_child (trigger);
  return G_SOURCE_REMOVE;
}

/* It ended, or talks nonsense, or doesn't answer. */
static void
child_failed (ScTrigger *trigger, const char *why)
{
  if (trigger->helper != NULL)
    sc_helper_kill (trigger->helper);
  drop_child (trigger);
  set_problem (trigger, trigger->infos->len > 0 ? why : NULL);
  end_waits_when_clear (trigger);
  if (trigger->infos->len == 0 || trigger->restart_timer != 0)
    return;
  trigger->restart_timer = g_timeout_add (trigger->restart_pause, on_restart_time, trigger);
  trigger->restart_pause = MIN (trigger->restart_pause * 2, LONGEST_RESTART);
}

/* Sends what waits as far as the socket takes it. */
static void
flush (ScTrigger *trigger)
{
  gsize done = 0;

  while (done < trigger->unsent->len)
    {
      ssize_t n = send (trigger->fd, trigger->unsent->data + done, trigger->unsent->len - done,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0)
        done += (gsize)n;
      else if (errno == EAGAIN)
        break;
      else if (errno != EINTR)
        {
          child_failed (trigger, "syscare-trigger takes no messages; it is started again");
          return;
        }
    }
  g_byte_array_remove_range (trigger->unsent, 0, (guint)done);
  if (trigger->unsent->len > 0 && trigger->writing == 0)
    trigger->writing = g_unix_fd_add (trigger->fd, G_IO_OUT | G_IO_HUP | G_IO_ERR, on_writable, trigger);
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer data)
{
  ScTrigger *trigger = data;

  trigger->writing = 0;
  flush (trigger);
  return G_SOURCE_REMOVE;
}

/* The socket may be smaller than a message that names hundreds of patches: the rest follows as it is read. A
 * reader that hangs answers no ping. */
static void
tell (ScTrigger *trigger, JsonObject *message)
{
  g_autoptr (GBytes) bytes = sc_wire_encode (message);
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  g_byte_array_append (trigger->unsent, data, (guint)size);
  if (trigger->writing == 0)
    flush (trigger);
}

static gboolean
same_lacks (const GPtrArray *lacks, JsonArray *array)
{
  guint n = array != NULL ? json_array_get_length (array) : 0;

  for (guint i = 0; i < n && n == lacks->len; i++)
    if (g_strcmp0 (lacks->pdata[i], json_array_get_string_element (array, i)) != 0)
      return FALSE;
  return n == lacks->len;
}

static void
take_lacks (ScTrigger *trigger, JsonArray *array)
{
  if (same_lacks (trigger->lacks, array))
    return;
  g_ptr_array_set_size (trigger->lacks, 0);
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      const char *lack = json_array_get_string_element (array, i);
      g_ptr_array_add (trigger->lacks, g_strdup (lack != NULL ? lack : ""));
      sc_log (G_LOG_LEVEL_WARNING, SC_MESSAGE_TROUBLE, NULL, "trigger: without the %s",
              (char *)trigger->lacks->pdata[i]);
    }
  trigger->listener->changed (trigger->user_data);
}

static void
handle_pong (ScTrigger *trigger, JsonObject *message)
{
  gint64 old_calls = json_object_has_member (message, "old-calls") ? sc_wire_int (message, "old-calls") : 0;

  trigger->unanswered = 0;
  if (old_calls == trigger->old_calls)
    return;
  trigger->old_calls = old_calls;
  trigger->listener->changed (trigger->user_data);
}

/* Nothing is bound any more, and whoever was being patched is. */
static void
dismiss (ScTrigger *trigger)
{
  drop_child (trigger);
  set_problem (trigger, NULL);
  end_waits (trigger, G_MAXUINT64);
}

static void
handle_bound (ScTrigger *trigger, JsonObject *message)
{
  JsonArray *problems = sc_wire_array (message, "problems");
  guint64 serial = (guint64)sc_wire_int (message, "serial");

  if (serial == trigger->serial && trigger->infos->len == 0)
    {
      dismiss (trigger);
      return;
    }
  if (serial == trigger->serial)
    {
      gboolean well = problems == NULL || json_array_get_length (problems) == 0;
      const char *first = well ? NULL : json_array_get_string_element (problems, 0);
      set_problem (trigger, first);
      trigger->restart_pause = FIRST_RESTART;
      take_lacks (trigger, sc_wire_array (message, "lacks"));
    }
  end_waits (trigger, serial);
}

static gboolean
on_written_time (gpointer data)
{
  ScTrigger *trigger = data;

  trigger->written_timer = 0;
  if (trigger->helper == NULL || trigger->infos->len == 0)
    return G_SOURCE_REMOVE;
  trigger->serial++;
  send_bind (trigger, /* look= */ FALSE);
  return G_SOURCE_REMOVE;
}

/* No process's trouble, but that of all that come. */
static void
handle_trouble (ScTrigger *trigger, const char *reason)
{
  set_problem (trigger, reason);
  if (trigger->written_timer == 0)
    trigger->written_timer = g_timeout_add_seconds (WRITTEN_PAUSE, on_written_time, trigger);
}

static void
handle_met (ScTrigger *trigger, JsonObject *message)
{
  gboolean patched = sc_wire_bool (message, "patched");
  const char *reason = sc_wire_string (message, "reason");

  const ScLogFields fields = { .pid = sc_wire_int (message, "pid") };

  if (fields.pid <= 0)
    {
      handle_trouble (trigger, reason);
      return;
    }
  sc_log (patched ? G_LOG_LEVEL_DEBUG : G_LOG_LEVEL_WARNING, patched ? SC_MESSAGE_STATE : SC_MESSAGE_ESCAPED,
          &fields, "process %" G_GINT64_FORMAT ": %s%s%s", sc_wire_int (message, "pid"),
          patched ? "patched at its start" : "not patched at its start", reason[0] != '\0' ? ": " : "",
          reason);
  if (patched)
    return;
  g_auto (GStrv) lines = g_strsplit (reason, "\n", 2);
  const ScTriggerFailure failure = { .pid = (int)sc_wire_int (message, "pid"),
                                     .start_time = (guint64)sc_wire_int (message, "start-time"),
                                     .may_pass = sc_wire_bool (message, "may-pass"),
                                     .reason = lines[0] != NULL ? lines[0] : "" };
  trigger->listener->failed (&failure, trigger->user_data);
}

static void
handle_message (ScTrigger *trigger, JsonObject *message)
{
  const char *type = sc_wire_string (message, "type");

  if (g_str_equal (type, "pong"))
    handle_pong (trigger, message);
  else if (g_str_equal (type, "bound"))
    handle_bound (trigger, message);
  else if (g_str_equal (type, "met"))
    handle_met (trigger, message);
  else if (g_str_equal (type, "failed"))
    child_failed (trigger, sc_wire_string (message, "reason"));
}

static void
on_body (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScTrigger *trigger = user_data;
  g_autoptr (GError) error = NULL;
  gsize n = 0;
  gboolean whole = g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* another child runs by now, or the trigger is freed */
  g_autoptr (JsonObject) message
      = whole && n == trigger->body_size ? sc_wire_decode (trigger->body, n, NULL) : NULL;
  g_clear_pointer (&trigger->body, g_free);
  if (message == NULL)
    {
      child_failed (trigger, "syscare-trigger ended or talks nonsense; it is started again");
      return;
    }
  g_autoptr (GCancellable) reading = g_object_ref (trigger->reading);
  handle_message (trigger, message);
  if (!g_cancellable_is_cancelled (reading))
    read_header (trigger);
}

static void
on_header (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScTrigger *trigger = user_data;
  g_autoptr (GError) error = NULL;
  gsize n = 0;
  gboolean whole = g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  trigger->body_size = whole && n == SC_WIRE_HEADER ? sc_wire_length (trigger->header) : 0;
  if (trigger->body_size == 0)
    {
      child_failed (trigger, "syscare-trigger has ended; it is started again");
      return;
    }
  trigger->body = g_malloc (trigger->body_size);
  g_input_stream_read_all_async (trigger->input, trigger->body, trigger->body_size, G_PRIORITY_DEFAULT,
                                 trigger->reading, on_body, trigger);
}

static void
read_header (ScTrigger *trigger)
{
  g_input_stream_read_all_async (trigger->input, trigger->header, SC_WIRE_HEADER, G_PRIORITY_DEFAULT,
                                 trigger->reading, on_header, trigger);
}

static gboolean
on_ping_time (gpointer data)
{
  ScTrigger *trigger = data;
  g_autoptr (JsonObject) message = json_object_new ();

  if (trigger->unanswered++ >= PINGS_UNANSWERED_MAX)
    {
      trigger->ping_timer = 0;
      child_failed (trigger, "syscare-trigger did not answer and was killed; it is started again");
      return G_SOURCE_REMOVE;
    }
  guint timer = trigger->ping_timer;
  json_object_set_string_member (message, "type", "ping");
  tell (trigger, message);
  return trigger->ping_timer == timer ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* What lies at the paths of all patches now, in their order. */
static GArray *
identify_files (const ScTrigger *trigger)
{
  GArray *files = g_array_new (FALSE, /* clear= */ TRUE, sizeof (ScFileIdentity));

  for (guint i = 0; i < trigger->infos->len; i++)
    {
      const ScPatchInfo *info = trigger->infos->pdata[i];
      for (guint j = 0; info->files != NULL && info->files[j] != NULL; j++)
        {
          struct stat status = { 0 };
          ScFileIdentity identity = { 0 };
          if (stat (info->files[j], &status) == 0)
            identity = (ScFileIdentity){ status.st_dev, status.st_ino,
                                         status.st_ctim.tv_sec * G_GINT64_CONSTANT (1000000000)
                                             + status.st_ctim.tv_nsec };
          g_array_append_val (files, identity);
        }
    }
  return files;
}

static gboolean
same_files (const GArray *a, const GArray *b)
{
  return a->len == b->len
         && (a->len == 0 || memcmp (a->data, b->data, a->len * sizeof (ScFileIdentity)) == 0);
}

static JsonObject *
describe (const ScPatchInfo *info)
{
  JsonObject *patch = json_object_new ();
  JsonArray *files = json_array_new ();

  json_object_set_string_member (patch, "uuid", info->uuid);
  json_object_set_string_member (patch, "name", info->name);
  json_object_set_string_member (patch, "bundle", info->bundle_path);
  json_object_set_string_member (patch, "digest", info->digest);
  json_object_set_string_member (patch, "build-id", info->build_id);
  for (guint i = 0; info->files != NULL && info->files[i] != NULL; i++)
    json_array_add_string_element (files, info->files[i]);
  json_object_set_array_member (patch, "files", files);
  return patch;
}

static void
send_bind (ScTrigger *trigger, gboolean look)
{
  g_autoptr (JsonObject) message = json_object_new ();
  JsonArray *patches = json_array_new ();

  g_array_unref (trigger->files);
  trigger->files = identify_files (trigger);
  for (guint i = 0; i < trigger->infos->len; i++)
    json_array_add_object_element (patches, describe (trigger->infos->pdata[i]));
  json_object_set_string_member (message, "type", "bind");
  json_object_set_int_member (message, "serial", (gint64)trigger->serial);
  json_object_set_boolean_member (message, "check-owner", TRUE);
  json_object_set_array_member (message, "patches", patches);
  json_object_set_string_member (message, "lock", trigger->lock_path);
  json_object_set_boolean_member (message, "look", look);
  tell (trigger, message);
}

static gboolean
spawn (ScTrigger *trigger, GError **error)
{
  trigger->helper = sc_helper_start (trigger->program, &trigger->fd, error);
  if (trigger->helper == NULL)
    return FALSE;
  trigger->input = g_unix_input_stream_new (trigger->fd, /* close_fd= */ TRUE);
  trigger->reading = g_cancellable_new ();
  return TRUE;
}

static gboolean
on_start_late (gpointer data)
{
  ScTrigger *trigger = data;

  trigger->ping_timer = 0;
  child_failed (trigger, "syscare-trigger did not start in time; it is started again");
  return G_SOURCE_REMOVE;
}

static void
on_there (gboolean well, gpointer user_data)
{
  ScTrigger *trigger = user_data;

  g_clear_handle_id (&trigger->ping_timer, g_source_remove);
  if (!well)
    {
      child_failed (trigger, "syscare-trigger was not started by the service manager; it is tried again");
      return;
    }
  trigger->ping_timer = g_timeout_add (PING_INTERVAL, on_ping_time, trigger);
  read_header (trigger);
}

static void
start_child (ScTrigger *trigger)
{
  g_autoptr (GError) error = NULL;

  if (trigger->helper != NULL || trigger->infos->len == 0)
    return;
  if (!spawn (trigger, &error))
    {
      g_autofree char *why = g_strdup_printf ("syscare-trigger can't be started: %s", error->message);
      child_failed (trigger, why);
      return;
    }
  sc_trigger_lock_forget (trigger->lock); /* it does the same, before it answers */
  trigger->unanswered = 0;
  trigger->ping_timer = g_timeout_add (START_PATIENCE, on_start_late, trigger);
  sc_helper_await (trigger->helper, on_there, trigger);
  if (trigger->helper != NULL)
    send_bind (trigger, /* look= */ FALSE);
}

ScTrigger *
sc_trigger_new (const char *program, const char *lock, const ScTriggerListener *listener, gpointer user_data)
{
  ScTrigger *trigger = g_new0 (ScTrigger, 1);

  trigger->program = g_strdup (program != NULL ? program : "");
  trigger->lock_path = g_strdup (lock);
  trigger->lock = sc_trigger_lock_new (lock, /* is_trigger= */ FALSE);
  trigger->listener = listener;
  trigger->user_data = user_data;
  trigger->infos = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);
  trigger->lacks = g_ptr_array_new_with_free_func (g_free);
  trigger->files = g_array_new (FALSE, FALSE, sizeof (ScFileIdentity));
  trigger->restart_pause = FIRST_RESTART;
  trigger->fd = -1;
  trigger->unsent = g_byte_array_new ();
  g_queue_init (&trigger->waiting);
  return trigger;
}

void
sc_trigger_free (ScTrigger *trigger)
{
  if (trigger == NULL)
    return;
  drop_child (trigger);
  end_waits (trigger, G_MAXUINT64);
  g_clear_handle_id (&trigger->restart_timer, g_source_remove);
  g_clear_handle_id (&trigger->written_timer, g_source_remove);
  g_ptr_array_unref (trigger->infos);
  g_ptr_array_unref (trigger->lacks);
  g_array_unref (trigger->files);
  g_byte_array_unref (trigger->unsent);
  g_free (trigger->problem);
  g_free (trigger->lock_path);
  sc_trigger_lock_free (trigger->lock);
  g_free (trigger->program);
  g_free (trigger);
}

static gboolean
on_bind_late (gpointer data)
{
  ScWait *wait = data;
  ScTrigger *trigger = g_task_get_task_data (wait->task);

  wait->timer = 0;
  if (wait->serial == trigger->serial && trigger->infos->len == 0)
    {
      dismiss (trigger);
      return G_SOURCE_REMOVE;
    }
  g_queue_remove (&trigger->waiting, wait);
  wait_end (wait);
  return G_SOURCE_REMOVE;
}

/* Whether both name the same patches in the same order. */
static gboolean
same_infos (const GPtrArray *a, const GPtrArray *b)
{
  for (guint i = 0; a->len == b->len && i < a->len; i++)
    if (!sc_patch_info_equal (a->pdata[i], b->pdata[i]))
      return FALSE;
  return a->len == b->len;
}

static void
take_infos (ScTrigger *trigger, GPtrArray *infos)
{
  GPtrArray *taken = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);

  for (guint i = 0; i < infos->len; i++)
    g_ptr_array_add (taken, sc_patch_info_ref (infos->pdata[i]));
  g_ptr_array_unref (trigger->infos);
  trigger->infos = taken;
}

/* @task (given away) ends when the bind that is sent next is answered. */
static void
await_bind (ScTrigger *trigger, GTask *task)
{
  ScWait *wait = g_new0 (ScWait, 1);

  wait->task = task;
  wait->serial = trigger->serial;
  wait->timer = g_timeout_add_seconds (SC_TRIGGER_PATIENCE, on_bind_late, wait);
  g_queue_push_tail (&trigger->waiting, wait);
}

void
sc_trigger_recheck_async (ScTrigger *trigger, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  g_autoptr (GArray) files = identify_files (trigger);

  g_task_set_task_data (task, trigger, NULL);
  if (trigger->helper == NULL || (same_files (files, trigger->files) && g_queue_is_empty (&trigger->waiting)))
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }
  /* Somebody else may have seen the same files a moment ago, and still wait for them to be bound. */
  trigger->serial++;
  await_bind (trigger, task);
  send_bind (trigger, /* look= */ FALSE);
}

void
sc_trigger_look_again (ScTrigger *trigger)
{
  if (trigger->helper == NULL || trigger->infos->len == 0)
    return; /* one that is started looks at nobody, and its uprobes are new ones in all processes */
  trigger->serial++;
  send_bind (trigger, /* look= */ TRUE);
}

void
sc_trigger_bind_async (ScTrigger *trigger, GPtrArray *infos, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);

  gboolean is_done
      = same_infos (infos, trigger->infos) && trigger->helper != NULL && g_queue_is_empty (&trigger->waiting);
  gboolean is_pointless = trigger->program[0] == '\0' || (infos->len == 0 && trigger->helper == NULL);

  g_task_set_task_data (task, trigger, NULL);
  take_infos (trigger, infos);
  if (is_done)
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }
  trigger->serial++;
  await_bind (trigger, task);
  if (is_pointless)
    {
      drop_child (trigger);
      set_problem (trigger, NULL);
      end_waits_when_clear (trigger);
    }
  else if (trigger->helper != NULL)
    send_bind (trigger, /* look= */ FALSE);
  else
    start_child (trigger);
}

void
sc_trigger_bind_finish (ScTrigger *trigger, GAsyncResult *result)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
}

const char *
sc_trigger_problem (ScTrigger *trigger)
{
  return trigger->problem;
}

gboolean
sc_trigger_is_enabled (ScTrigger *trigger)
{
  return trigger->program[0] != '\0';
}

const GPtrArray *
sc_trigger_lacks (ScTrigger *trigger)
{
  return trigger->lacks;
}

gboolean
sc_trigger_has (ScTrigger *trigger, const char *mechanism)
{
  g_autofree char *prefix = g_strconcat (mechanism, ":", NULL);

  for (guint i = 0; i < trigger->lacks->len; i++)
    if (g_str_has_prefix (trigger->lacks->pdata[i], prefix))
      return FALSE;
  return sc_trigger_is_enabled (trigger);
}

guint64
sc_trigger_old_calls (ScTrigger *trigger)
{
  return (guint64)(trigger->earlier_old_calls + trigger->old_calls);
}
