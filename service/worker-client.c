/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Follows one worker process from start to end. Must not know what it works on. */
#include "worker-client.h"

#include "base/error.h"
#include "helper.h"
#include "wire.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>

#define CANCEL_PATIENCE 20 /* seconds for undoing */

typedef struct {
  GTask *task; /* borrowed; the operation lives as long as it */
  ScHelper *helper;
  GInputStream *input;
  GOutputStream *output;
  ScWorkerProgress progress;
  gpointer progress_data;
  GCancellable *cancellable;
  gulong cancel_handler;
  guint timer;
  guint8 header[SC_WIRE_HEADER];
  char *body;
  gsize body_size;
  JsonObject *last;
  GError *error; /* ours, when the talk broke */
  gboolean killed;
  GBytes *request;
  gboolean request_written, cancel_wanted;
} ScWorkerRun;

static void read_header (ScWorkerRun *run);

static void
run_free (gpointer data)
{
  ScWorkerRun *run = data;

  if (run->timer != 0)
    g_source_remove (run->timer);
  g_clear_pointer (&run->helper, sc_helper_free);
  g_clear_object (&run->input);
  g_clear_object (&run->output);
  g_clear_object (&run->cancellable);
  g_clear_pointer (&run->request, g_bytes_unref);
  g_free (run->body);
  g_clear_pointer (&run->last, json_object_unref);
  g_clear_error (&run->error);
  g_free (run);
}

static void
describe_death (ScWorkerRun *run, GError **error)
{
  const char *hint = "the processes say what was done; see the journal";

  if (run->killed)
    lp_error_set (error, LP_ERROR_FAILED, hint, "the worker did not end in time and was killed");
  else
    {
      g_autofree char *how = sc_helper_describe_end (run->helper);

      lp_error_set (error, LP_ERROR_FAILED, hint, "the worker %s", how);
    }
}

static void
on_process_ended (gboolean well, gpointer user_data)
{
  ScWorkerRun *run = user_data;
  g_autoptr (GTask) task = run->task;
  GError *error = NULL;

  if (run->cancel_handler != 0)
    g_cancellable_disconnect (run->cancellable, run->cancel_handler);

  if (run->last != NULL)
    error = sc_wire_get_error (run->last);
  else if (run->error != NULL)
    error = g_steal_pointer (&run->error);
  else
    describe_death (run, &error);

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

/* Nothing more will be read: the end of the process is the end of the run. */
static void
wait_for_end (ScWorkerRun *run)
{
  sc_helper_wait (run->helper, on_process_ended, run);
}

static void
break_off (ScWorkerRun *run, GError *error)
{
  if (run->error == NULL)
    run->error = error;
  else
    g_error_free (error);
  sc_helper_kill (run->helper);
  wait_for_end (run);
}

static void
on_body (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScWorkerRun *run = user_data;
  gsize n = 0;
  GError *error = NULL;

  if (!g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error) || n < run->body_size)
    {
      g_clear_error (&error);
      wait_for_end (run);
      return;
    }

  g_autoptr (JsonObject) message = sc_wire_decode (run->body, run->body_size, &error);
  g_clear_pointer (&run->body, g_free);
  if (message == NULL)
    {
      break_off (run, error);
      return;
    }
  if (g_str_equal (sc_wire_string (message, "type"), "result"))
    {
      run->last = g_steal_pointer (&message);
      wait_for_end (run);
      return;
    }
  if (run->progress != NULL)
    run->progress (message, run->progress_data);
  read_header (run);
}

static void
on_header (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScWorkerRun *run = user_data;
  gsize n = 0;

  if (!g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, NULL) || n < SC_WIRE_HEADER)
    {
      wait_for_end (run);
      return;
    }
  run->body_size = sc_wire_length (run->header);
  if (run->body_size == 0)
    {
      break_off (run, g_error_new (LP_ERROR, LP_ERROR_FAILED,
                                   "the worker sent a message with an impossible length"));
      return;
    }
  run->body = g_malloc (run->body_size);
  g_input_stream_read_all_async (run->input, run->body, run->body_size, G_PRIORITY_DEFAULT, NULL, on_body,
                                 run);
}

static void
read_header (ScWorkerRun *run)
{
  g_input_stream_read_all_async (run->input, run->header, SC_WIRE_HEADER, G_PRIORITY_DEFAULT, NULL, on_header,
                                 run);
}

static gboolean
on_late (gpointer data)
{
  ScWorkerRun *run = data;

  run->timer = 0;
  run->killed = TRUE;
  sc_helper_kill (run->helper);
  return G_SOURCE_REMOVE;
}

static void
set_deadline (ScWorkerRun *run, guint seconds)
{
  if (run->timer != 0)
    g_source_remove (run->timer);
  run->timer = g_timeout_add_seconds (seconds, on_late, run);
}

static void
tell_cancel (ScWorkerRun *run)
{
  g_autoptr (JsonObject) message = json_object_new ();

  json_object_set_string_member (message, "type", "cancel");
  g_autoptr (GBytes) bytes = sc_wire_encode (message);
  /* A few bytes into an empty socket buffer: doesn't block; a worker that is gone is noticed by the reader.
   */
  g_output_stream_write_bytes (run->output, bytes, NULL, NULL);
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  ScWorkerRun *run = user_data;

  run->cancel_wanted = TRUE;
  if (run->request_written)
    tell_cancel (run);
  set_deadline (run, CANCEL_PATIENCE);
}

static void
on_request_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  ScWorkerRun *run = g_task_get_task_data (task);

  /* A failure shows as the worker's death. */
  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);
  /* A stream takes one write at a time: a wish to cancel that came meanwhile had to wait. */
  run->request_written = TRUE;
  if (run->cancel_wanted)
    tell_cancel (run);
}

static gboolean
start (ScWorkerRun *run, const char *where, GError **error)
{
  int fd = -1;

  run->helper = sc_helper_start (where, &fd, error);
  if (run->helper == NULL)
    return FALSE;
  run->input = g_unix_input_stream_new (fd, /* close_fd= */ TRUE);
  run->output = g_unix_output_stream_new (fd, /* close_fd= */ FALSE);
  return TRUE;
}

static void
on_there (gboolean well, gpointer user_data)
{
  if (well)
    read_header (user_data);
  else
    wait_for_end (user_data);
}

void
sc_worker_run_async (const char *program, JsonObject *request, guint deadline, ScWorkerProgress progress,
                     gpointer progress_data, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  ScWorkerRun *run = g_new0 (ScWorkerRun, 1);
  GError *error = NULL;

  g_task_set_task_data (task, run, run_free);
  run->task = task;
  run->progress = progress;
  run->progress_data = progress_data;
  if (!start (run, program, &error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }

  set_deadline (run, deadline);
  run->request = sc_wire_encode (request);
  g_output_stream_write_all_async (run->output, g_bytes_get_data (run->request, NULL),
                                   g_bytes_get_size (run->request), G_PRIORITY_DEFAULT, NULL,
                                   on_request_written, g_object_ref (task));
  sc_helper_await (run->helper, on_there, run);
  if (cancellable != NULL)
    {
      run->cancellable = g_object_ref (cancellable);
      run->cancel_handler = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), run, NULL);
    }
}

gboolean
sc_worker_run_finish (GAsyncResult *result, JsonObject **last, GError **error)
{
  ScWorkerRun *run = g_task_get_task_data (G_TASK (result));

  if (last != NULL)
    *last = run->last != NULL ? json_object_ref (run->last) : NULL;
  return g_task_propagate_boolean (G_TASK (result), error);
}
