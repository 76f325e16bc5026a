/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was done to one patch; see history-page.h. */
#include "history-page.h"

#include "model/verbs.h"
#include "widgets/parts.h"

#include <glib/gi18n.h>
#include <unistd.h>

#define MOST_RECORDS 1000 /* of all patches together: the most that one call returns */

struct _ScHistoryPage {
  AdwBin parent_instance;

  ScClient *client;
  ScPatch *patch;
  gulong changed_handler;
  GCancellable *cancellable;
  GVariant *shown; /* what the rows were made from */

  GtkStack *stack;
  GtkListBox *list;
  AdwStatusPage *failed_page;
};

G_DEFINE_FINAL_TYPE (ScHistoryPage, sc_history_page, ADW_TYPE_BIN)

/* "2026-11-23 18:00:01 · by you · for the maintenance window" */
static char *
second_line (GVariant *record)
{
  guint64 moment = 0;
  guint uid = G_MAXUINT;
  const char *reason = "", *message = "";
  GString *text;

  g_variant_lookup (record, "Time", "t", &moment);
  g_variant_lookup (record, "LoginUid", "u", &uid);
  if (uid == G_MAXUINT)
    g_variant_lookup (record, "Uid", "u", &uid);
  g_variant_lookup (record, "Reason", "&s", &reason);
  g_variant_lookup (record, "ErrorMessage", "&s", &message);

  g_autofree char *time = sc_words_time (moment);
  text = g_string_new (time);
  g_string_append (text, " · ");
  if (uid == getuid ())
    g_string_append (text, _ ("by you"));
  else if (uid == G_MAXUINT)
    g_string_append (text, _ ("by the service"));
  else
    g_string_append_printf (text, _ ("by user id %u"), uid);
  if (*reason)
    g_string_append_printf (text, " · %s", reason);
  if (*message)
    g_string_append_printf (text, "\n%s", message);
  return g_string_free (text, FALSE);
}

static void
add_record (ScHistoryPage *self, GVariant *record)
{
  const char *verb = "", *result = "";

  g_variant_lookup (record, "Verb", "&s", &verb);
  g_variant_lookup (record, "Result", "&s", &result);
  g_autofree char *noun = sc_verb_noun (verb);
  g_autofree char *second = second_line (record);
  gtk_list_box_append (self->list, sc_word_row_new (sc_word_result (result), noun, second));
}

static void
fill (ScHistoryPage *self, GVariant *records)
{
  GtkWidget *child;
  gboolean any = FALSE;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->list))))
    gtk_list_box_remove (self->list, child);
  for (gsize i = 0; i < g_variant_n_children (records); i++)
    {
      g_autoptr (GVariant) record = g_variant_get_child_value (records, i);
      const char *uuid;
      if (!g_variant_lookup (record, "Patch", "&s", &uuid)
          || !g_str_equal (uuid, sc_patch_get_uuid (self->patch)))
        continue;
      add_record (self, record);
      any = TRUE;
    }
  gtk_stack_set_visible_child_name (self->stack, any ? "list" : "none");
}

static void
on_history (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  ScHistoryPage *self = user_data;

  g_clear_object (&self->cancellable);
  if (!reply)
    {
      g_autoptr (ScFailure) failure = sc_failure_from_error (error);
      g_autofree char *text = g_markup_printf_escaped ("%s %s", failure->sentence, failure->advice);
      adw_status_page_set_description (self->failed_page, text);
      gtk_stack_set_visible_child_name (self->stack, "failed");
      return;
    }
  g_autoptr (GVariant) records = g_variant_get_child_value (reply, 0);
  if (self->shown && g_variant_equal (self->shown, records))
    return;
  g_clear_pointer (&self->shown, g_variant_unref);
  self->shown = g_steal_pointer (&records);
  fill (self, self->shown);
}

static void
refresh (ScHistoryPage *self)
{
  GVariantBuilder options;

  if (!self->patch || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  sc_client_call (self->client, SC_MANAGER_PATH, SC_MANAGER_INTERFACE, "GetHistory",
                  g_variant_new ("(tua{sv})", (guint64)0, (guint32)MOST_RECORDS, &options),
                  G_VARIANT_TYPE ("(aa{sv})"), SC_CALL_PLAIN, self->cancellable, on_history, self);
}

static void
on_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (sc_history_page_parent_class)->map (widget);
  refresh (SC_HISTORY_PAGE (widget));
}

void
sc_history_page_connect (ScHistoryPage *self, ScClient *client)
{
  self->client = g_object_ref (client);
}

void
sc_history_page_set_patch (ScHistoryPage *self, ScPatch *patch)
{
  if (self->patch == patch)
    return;
  if (self->patch)
    g_clear_signal_handler (&self->changed_handler, self->patch);
  g_set_object (&self->patch, patch);
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->shown, g_variant_unref);
  if (!patch)
    return;
  self->changed_handler = g_signal_connect_swapped (patch, "changed", G_CALLBACK (refresh), self);
  refresh (self);
}

static void
sc_history_page_dispose (GObject *object)
{
  ScHistoryPage *self = SC_HISTORY_PAGE (object);

  sc_history_page_set_patch (self, NULL);
  g_clear_object (&self->client);
  G_OBJECT_CLASS (sc_history_page_parent_class)->dispose (object);
}

static void
sc_history_page_class_init (ScHistoryPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_history_page_dispose;
  widget_class->map = on_map;
  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/history-page.ui");
  gtk_widget_class_bind_template_child (widget_class, ScHistoryPage, stack);
  gtk_widget_class_bind_template_child (widget_class, ScHistoryPage, list);
  gtk_widget_class_bind_template_child (widget_class, ScHistoryPage, failed_page);
}

static void
sc_history_page_init (ScHistoryPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  sc_stack_hide_pages (GTK_WIDGET (self->stack));
}
