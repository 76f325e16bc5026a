/* SPDX-License-Identifier: GPL-2.0-or-later */
/* syscare-worker: does the dangerous work of one job in a process of its own. Reads one request from the
 * socket it was given, does it, answers, ends. Must not know the bus, polkit, states or wishes. */
#include "worker.h"

#include "base/error.h"
#include "base/step.h"
#include "child.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static const struct {
  const char *kind;
  ScWorkFunction work;
} work_table[] = {
  { "change", sc_work_change },
  { "check", sc_work_check },
  { "change-kernel", sc_work_change_kernel },
  { "check-kernel", sc_work_check_kernel },
  { "intake", sc_work_intake },
};

void
sc_work_tell (JsonObject *message)
{
  sc_wire_write (SC_WIRE_FD, message, NULL);
}

LpKeyring *
sc_work_keyring (JsonObject *request)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

  return lp_keyring_load (sc_wire_string (request, "trusted-dir"), sc_wire_bool (request, "check-owner"),
                          problems);
}

/* Whatever comes after the request, a word or the end of the stream, means: undo and end. */
static gpointer
watch_service (gpointer data)
{
  GCancellable *cancellable = data;
  g_autoptr (JsonObject) message G_GNUC_UNUSED = sc_wire_read (SC_WIRE_FD, NULL);

  g_cancellable_cancel (cancellable);
  return NULL;
}

/* Held, shared, as long as the worker lives: a service that was killed and started again waits until the
 * workers of its former life have ended before it starts new ones. */
static void
hold_lock (const char *path)
{
  int fd = path[0] != '\0' ? open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;

  if (fd >= 0)
    (void)!flock (fd, LOCK_SH);
}

static gboolean
work (JsonObject *request, JsonObject *reply, GError **error)
{
  const char *kind = sc_wire_string (request, "kind");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  for (guint i = 0; i < G_N_ELEMENTS (work_table); i++)
    {
      if (!g_str_equal (work_table[i].kind, kind))
        continue;
      /* The thread ends with the process. */
      g_thread_unref (g_thread_new ("watch-service", watch_service, g_object_ref (cancellable)));
      return work_table[i].work (request, reply, cancellable, error);
    }
  lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "syscared and syscare-worker are from different versions",
                "the worker knows no request \"%.32s\"", kind);
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (!sc_child_begin ("syscare-worker"))
    return 2;

  g_autoptr (JsonObject) request = sc_wire_read (SC_WIRE_FD, &error);
  if (request == NULL)
    {
      g_printerr ("syscare-worker: %s\n", error != NULL ? error->message : "no request came");
      return 2;
    }
  hold_lock (sc_wire_string (request, "lock"));
  lp_step ("request read");

  g_autoptr (JsonObject) reply = json_object_new ();
  json_object_set_string_member (reply, "type", "result");
  if (!work (request, reply, &error))
    sc_wire_set_error (reply, error);
  lp_step ("work done");
  return sc_wire_write (SC_WIRE_FD, reply, NULL) ? 0 : 1;
}
