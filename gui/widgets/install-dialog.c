/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The question before a patch bundle is installed; see install-dialog.h. */
#include "install-dialog.h"

#include "model/bundle-file.h"
#include "widgets/parts.h"

#include <glib/gi18n.h>

struct _ScInstallDialog {
  AdwWindow parent_instance;

  GCancellable *cancellable;
  char *path; /* to install, once the file was read */

  GtkWidget *install_button;
  GtkStack *stack;
  GtkListBox *rows;
  AdwStatusPage *failed_page;
};

G_DEFINE_FINAL_TYPE (ScInstallDialog, sc_install_dialog, ADW_TYPE_WINDOW)

enum { CONFIRMED, N_SIGNALS };

static guint signals[N_SIGNALS];

static void
add_row (ScInstallDialog *self, const char *title, const char *value)
{
  if (*value)
    gtk_list_box_append (self->rows, sc_property_row_new (title, value));
}

static ScSeverity
severity_of (const char *word)
{
  static const char *const words[] = { "", "low", "medium", "high", "critical" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (words[i], word))
      return i;
  return SC_SEVERITY_NONE;
}

static void
show_summary (ScInstallDialog *self, ScBundleFile *file)
{
  g_autofree char *functions = g_strdup_printf ("%u", file->functions);
  ScSeverity severity = severity_of (file->severity);

  add_row (self, _ ("Patch"), file->name);
  add_row (self, _ ("Target"), file->target);
  add_row (self, _ ("Kind"),
           sc_word_kind (g_str_equal (file->kind, "kernel") ? SC_KIND_KERNEL : SC_KIND_USER).word);
  add_row (self, _ ("Fixes"), file->issues);
  if (severity != SC_SEVERITY_NONE)
    add_row (self, _ ("Severity"), sc_word_severity (severity).word);
  add_row (self, _ ("Description"), file->description);
  add_row (self, _ ("Objects"), file->objects);
  add_row (self, _ ("Functions replaced or added"), functions);
  add_row (self, _ ("File"), file->path);
  gtk_stack_set_visible_child_name (self->stack, "summary");
  gtk_widget_set_sensitive (self->install_button, TRUE);
  gtk_widget_grab_focus (self->install_button);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ScBundleFile) file = sc_bundle_file_read_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  ScInstallDialog *self = user_data;

  if (!file)
    {
      g_autofree char *text = g_markup_escape_text (error->message, -1);
      adw_status_page_set_description (self->failed_page, text);
      gtk_stack_set_visible_child_name (self->stack, "failed");
      return;
    }
  self->path = g_strdup (file->path);
  show_summary (self, file);
}

static void
on_install_clicked (ScInstallDialog *self)
{
  g_signal_emit (self, signals[CONFIRMED], 0, self->path);
  gtk_window_close (GTK_WINDOW (self));
}

GtkWidget *
sc_install_dialog_new (GtkWindow *parent, GFile *file)
{
  ScInstallDialog *self = g_object_new (SC_TYPE_INSTALL_DIALOG, "transient-for", parent, NULL);

  sc_bundle_file_read (file, self->cancellable, on_read, self);
  return GTK_WIDGET (self);
}

static void
sc_install_dialog_dispose (GObject *object)
{
  g_cancellable_cancel (SC_INSTALL_DIALOG (object)->cancellable);
  G_OBJECT_CLASS (sc_install_dialog_parent_class)->dispose (object);
}

static void
sc_install_dialog_finalize (GObject *object)
{
  ScInstallDialog *self = SC_INSTALL_DIALOG (object);

  g_clear_object (&self->cancellable);
  g_free (self->path);
  G_OBJECT_CLASS (sc_install_dialog_parent_class)->finalize (object);
}

static void
sc_install_dialog_class_init (ScInstallDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_install_dialog_dispose;
  G_OBJECT_CLASS (klass)->finalize = sc_install_dialog_finalize;
  signals[CONFIRMED] = g_signal_new ("confirmed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                     NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/install-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, ScInstallDialog, install_button);
  gtk_widget_class_bind_template_child (widget_class, ScInstallDialog, stack);
  gtk_widget_class_bind_template_child (widget_class, ScInstallDialog, rows);
  gtk_widget_class_bind_template_child (widget_class, ScInstallDialog, failed_page);
}

static void
sc_install_dialog_init (ScInstallDialog *self)
{
  self->cancellable = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  sc_stack_hide_pages (GTK_WIDGET (self->stack));
  g_signal_connect_object (self->install_button, "clicked", G_CALLBACK (on_install_clicked), self,
                           G_CONNECT_SWAPPED);
}
