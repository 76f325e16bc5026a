/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes that run one patch's target; see process-list.h. */
#include "process-list.h"

#include <glib/gi18n.h>

struct _ScProcess {
  GObject parent_instance;

  GVariant *values; /* a{sv} as it came */
  guint pid;
  guint uid;
  const char *command; /* all of these are borrowed from @values */
  const char *status;
  const char *unit;
  const char *container;
  const char *reason;
  const char *detail;
};

G_DEFINE_FINAL_TYPE (ScProcess, sc_process, G_TYPE_OBJECT)

struct _ScProcessList {
  ScRows parent_instance;

  ScClient *client;
  ScPatch *patch;
  GCancellable *cancellable; /* non-NULL while an answer is awaited */
};

G_DEFINE_FINAL_TYPE (ScProcessList, sc_process_list, SC_TYPE_ROWS)

enum { REFRESHED, FAILED, N_SIGNALS };

static guint signals[N_SIGNALS];

/* -------------------------------------------------------------------------------------------------- one
 * process */

static ScProcess *
process_new (GVariant *values)
{
  ScProcess *self = g_object_new (SC_TYPE_PROCESS, NULL);

  self->values = g_variant_ref (values);
  g_variant_lookup (values, "Pid", "u", &self->pid);
  g_variant_lookup (values, "Uid", "u", &self->uid);
  g_variant_lookup (values, "Command", "&s", &self->command);
  g_variant_lookup (values, "Status", "&s", &self->status);
  g_variant_lookup (values, "Unit", "&s", &self->unit);
  g_variant_lookup (values, "Container", "&s", &self->container);
  g_variant_lookup (values, "Reason", "&s", &self->reason);
  g_variant_lookup (values, "Detail", "&s", &self->detail);
  return self;
}

guint
sc_process_get_pid (ScProcess *self)
{
  return self->pid;
}

const char *
sc_process_get_command (ScProcess *self)
{
  return self->command;
}

const char *
sc_process_get_status (ScProcess *self)
{
  return self->status;
}

char *
sc_process_get_place (ScProcess *self)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, _ ("PID %u"), self->pid);
  if (*self->unit)
    g_string_append_printf (text, " · %s", self->unit);
  if (*self->container)
    {
      g_string_append (text, " · ");
      g_string_append_printf (text, _ ("container %s"), self->container);
    }
  if (self->uid != G_MAXUINT)
    {
      g_string_append (text, " · ");
      g_string_append_printf (text, _ ("user id %u"), self->uid);
    }
  return g_string_free (text, FALSE);
}

char *
sc_process_get_explanation (ScProcess *self)
{
  if (*self->reason && *self->detail)
    return g_strdup_printf (_ ("%s: %s"), self->reason, self->detail);
  if (*self->reason || *self->detail)
    return g_strdup (*self->reason ? self->reason : self->detail);
  if (g_str_equal (self->status, "patched") || g_str_equal (self->status, "unpatched"))
    return g_strdup ("");
  return g_strdup (_ ("Why is told only to the process’s own user and to the administrator."));
}

static void
sc_process_finalize (GObject *object)
{
  g_clear_pointer (&SC_PROCESS (object)->values, g_variant_unref);
  G_OBJECT_CLASS (sc_process_parent_class)->finalize (object);
}

static void
sc_process_class_init (ScProcessClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = sc_process_finalize;
}

static void
sc_process_init (ScProcess *self)
{
  self->uid = G_MAXUINT;
  self->command = self->status = self->unit = self->container = self->reason = self->detail = "";
}

/* ------------------------------------------------------------------------------------------------------ the
 * list */

static int
compare (gconstpointer a, gconstpointer b)
{
  ScProcess *first = *(ScProcess **)a, *second = *(ScProcess **)b;
  int patched_first = g_str_equal (first->status, "patched");
  int patched_second = g_str_equal (second->status, "patched");

  if (patched_first != patched_second)
    return patched_first - patched_second;
  return (first->pid > second->pid) - (first->pid < second->pid);
}

static gboolean
is_same (ScProcess *a, ScProcess *b)
{
  return g_variant_equal (a->values, b->values);
}

/* Replaces the list; the parts at its ends that stay the same keep their objects and are not announced.
 * Takes over the array. */
static void
replace (ScProcessList *self, GPtrArray *processes)
{
  ScRows *old = SC_ROWS (self);
  guint old_length = sc_rows_get_length (old), new_length = processes->len;
  guint shorter = MIN (old_length, new_length);
  guint head = 0, tail = 0;

  while (head < shorter && is_same (sc_rows_get (old, head), processes->pdata[head]))
    {
      g_set_object ((ScProcess **)&processes->pdata[head], sc_rows_get (old, head));
      head++;
    }
  while (tail < shorter - head
         && is_same (sc_rows_get (old, old_length - 1 - tail), processes->pdata[new_length - 1 - tail]))
    {
      tail++;
      g_set_object ((ScProcess **)&processes->pdata[new_length - tail], sc_rows_get (old, old_length - tail));
    }
  sc_rows_replace (old, processes, head, tail);
}

static void
on_processes (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  ScProcessList *self = user_data;

  g_clear_object (&self->cancellable);
  if (!reply)
    {
      g_signal_emit (self, signals[FAILED], 0, error);
      return;
    }
  g_autoptr (GVariant) list = g_variant_get_child_value (reply, 0);
  GPtrArray *processes = g_ptr_array_new_with_free_func (g_object_unref);
  for (gsize i = 0; i < g_variant_n_children (list); i++)
    {
      g_autoptr (GVariant) values = g_variant_get_child_value (list, i);
      g_ptr_array_add (processes, process_new (values));
    }
  g_ptr_array_sort (processes, compare);
  replace (self, processes);
  g_signal_emit (self, signals[REFRESHED], 0);
}

ScProcessList *
sc_process_list_new (ScClient *client)
{
  ScProcessList *self = g_object_new (SC_TYPE_PROCESS_LIST, NULL);

  self->client = g_object_ref (client);
  return self;
}

static void
forget_question (ScProcessList *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
}

void
sc_process_list_set_patch (ScProcessList *self, ScPatch *patch)
{
  if (self->patch == patch)
    return;
  forget_question (self);
  g_set_object (&self->patch, patch);
  replace (self, g_ptr_array_new_with_free_func (g_object_unref));
}

void
sc_process_list_refresh (ScProcessList *self)
{
  GVariantBuilder options;

  if (!self->patch || self->cancellable)
    return;
  self->cancellable = g_cancellable_new ();
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  sc_client_call (self->client, sc_patch_get_path (self->patch), SC_PATCH_INTERFACE, "ListProcesses",
                  g_variant_new ("(a{sv})", &options), G_VARIANT_TYPE ("(aa{sv})"), SC_CALL_PLAIN,
                  self->cancellable, on_processes, self);
}

static void
sc_process_list_dispose (GObject *object)
{
  forget_question (SC_PROCESS_LIST (object));
  G_OBJECT_CLASS (sc_process_list_parent_class)->dispose (object);
}

static void
sc_process_list_finalize (GObject *object)
{
  ScProcessList *self = SC_PROCESS_LIST (object);

  g_clear_object (&self->client);
  g_clear_object (&self->patch);
  G_OBJECT_CLASS (sc_process_list_parent_class)->finalize (object);
}

static void
sc_process_list_class_init (ScProcessListClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_process_list_dispose;
  G_OBJECT_CLASS (klass)->finalize = sc_process_list_finalize;
  SC_ROWS_CLASS (klass)->item_type = SC_TYPE_PROCESS;
  signals[REFRESHED]
      = g_signal_new ("refreshed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FAILED]
      = g_signal_new ("failed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
sc_process_list_init (ScProcessList *self)
{
}
