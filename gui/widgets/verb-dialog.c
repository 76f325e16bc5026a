/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The question before a verb is done; see verb-dialog.h. */
#include "verb-dialog.h"

#include "model/words.h"
#include "widgets/parts.h"

#include <glib/gi18n.h>

#define MOST_FINDINGS 100 /* rows that are made; the most serious come first */

struct _ScVerbDialog {
  AdwWindow parent_instance;

  ScClient *client;
  ScPatchStore *store;
  GCancellable *cancellable;
  ScVerb verb;
  GPtrArray *patches; /* ScPatch */

  AdwWindowTitle *header_title;
  GtkButton *confirm_button;
  GtkLabel *question_label;
  GtkLabel *consequence_label;
  GtkStack *stack;
  GtkListBox *findings;
};

G_DEFINE_FINAL_TYPE (ScVerbDialog, sc_verb_dialog, ADW_TYPE_WINDOW)

enum { CONFIRMED, N_SIGNALS };

static guint signals[N_SIGNALS];

/* What changes for the processes and for the protection. */
static char *
consequence (ScVerbDialog *self)
{
  guint processes = 0;
  g_autoptr (GPtrArray) issues = g_ptr_array_new ();

  for (guint i = 0; i < self->patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (self->patches, i);
      const char *const *fixed = sc_patch_get_issues (patch);
      processes += sc_patch_get_patched (patch);
      for (guint j = 0; fixed[j] && issues->len < 5; j++)
        g_ptr_array_add (issues, (char *)fixed[j]);
    }
  g_ptr_array_add (issues, NULL);
  g_autofree char *list = g_strjoinv (", ", (char **)issues->pdata);
  const char *unfixed = *list ? _ ("Then this is open again:") : "";

  if (self->verb == SC_VERB_APPLY)
    return g_strdup (
        _ ("The new code is put in effect in every running process of the target. They keep running; "
           "connections and data stay."));
  if (self->verb == SC_VERB_REVOKE)
    return g_strdup (_ ("The patch stays active now, but it doesn’t come back after a reboot."));
  g_autofree char *where
      = processes > 0
            ? g_strdup_printf (ngettext ("The original code runs again in %u process. It keeps running.",
                                         "The original code runs again in %u processes. They keep running.",
                                         processes),
                               processes)
            : g_strdup (_ ("The original code is in effect again."));
  return g_strstrip (g_strdup_printf ("%s %s %s", where, unfixed, list));
}

static void
add_finding (ScVerbDialog *self, GVariant *finding)
{
  const char *severity = "info", *message = "", *path = "", *command = "", *detail = "";
  guint pid = 0;

  g_variant_lookup (finding, "Severity", "&s", &severity);
  g_variant_lookup (finding, "Message", "&s", &message);
  g_variant_lookup (finding, "Patch", "&o", &path);
  g_variant_lookup (finding, "Command", "&s", &command);
  g_variant_lookup (finding, "Detail", "&s", &detail);
  g_variant_lookup (finding, "Pid", "u", &pid);

  ScPatch *patch = self->patches->len > 1 ? sc_patch_store_find (self->store, path) : NULL;
  g_autofree char *process = pid > 0 ? g_strdup_printf (_ ("%s, PID %u"), command, pid) : g_strdup ("");
  const char *parts[4] = { NULL };
  guint n = 0;
  if (patch)
    parts[n++] = sc_patch_get_title (patch);
  if (*process)
    parts[n++] = process;
  if (*detail)
    parts[n++] = detail;
  g_autofree char *second = g_strjoinv (" · ", (char **)parts);
  ScWord word = sc_word_finding (severity);
  gtk_list_box_append (self->findings, sc_word_row_new (word, *message ? message : word.word, second));
}

static void
on_findings (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  ScVerbDialog *self = user_data;
  gboolean refused = FALSE;

  gtk_stack_set_visible_child_name (self->stack, "findings");
  if (!reply)
    {
      g_autoptr (ScFailure) failure = sc_failure_from_error (error);
      g_autofree char *second = g_strdup_printf ("%s\n%s", failure->advice, failure->detail);
      gtk_list_box_append (self->findings,
                           sc_word_row_new (sc_word_finding ("error"), failure->sentence, second));
      return;
    }
  g_autoptr (GVariant) findings = g_variant_get_child_value (reply, 0);
  gsize n = g_variant_n_children (findings);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) finding = g_variant_get_child_value (findings, i);
      const char *severity = "";
      g_variant_lookup (finding, "Severity", "&s", &severity);
      refused |= g_str_equal (severity, "error");
      if (i < MOST_FINDINGS)
        add_finding (self, finding);
    }
  if (n == 0)
    gtk_list_box_append (self->findings,
                         sc_word_row_new (sc_word_finding ("ok"), _ ("Nothing speaks against it"), ""));
  gtk_widget_set_sensitive (GTK_WIDGET (self->confirm_button), !refused);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->confirm_button),
                               refused ? _ ("The dry run found an error") : NULL);
}

static void
check (ScVerbDialog *self)
{
  GVariantBuilder paths, options;

  g_variant_builder_init (&paths, G_VARIANT_TYPE_OBJECT_PATH_ARRAY);
  for (guint i = 0; i < self->patches->len; i++)
    g_variant_builder_add (&paths, "o", sc_patch_get_path (g_ptr_array_index (self->patches, i)));
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  sc_client_call (self->client, SC_MANAGER_PATH, SC_MANAGER_INTERFACE, "Check",
                  g_variant_new ("(saoa{sv})", sc_verb_info (self->verb)->word, &paths, &options),
                  G_VARIANT_TYPE ("(aa{sv})"), SC_CALL_PLAIN, self->cancellable, on_findings, self);
}

static void
on_confirm_clicked (ScVerbDialog *self)
{
  g_signal_emit (self, signals[CONFIRMED], 0);
  gtk_window_close (GTK_WINDOW (self));
}

GtkWidget *
sc_verb_dialog_new (GtkWindow *parent, ScClient *client, ScPatchStore *store, ScVerb verb, GPtrArray *patches)
{
  ScVerbDialog *self = g_object_new (SC_TYPE_VERB_DIALOG, "transient-for", parent, NULL);
  g_autofree char *object = sc_words_patches (patches);
  g_autofree char *noun = sc_verb_noun (sc_verb_info (verb)->word);
  g_autofree char *question
      = verb == SC_VERB_APPLY ? g_strdup_printf (_ ("Apply %s?"), object) : sc_verb_question (verb, object);

  self->client = g_object_ref (client);
  self->store = g_object_ref (store);
  self->verb = verb;
  self->patches = g_ptr_array_ref (patches);
  g_autofree char *text = consequence (self);
  gtk_window_set_title (GTK_WINDOW (self), noun);
  adw_window_title_set_title (self->header_title, noun);
  gtk_button_set_label (self->confirm_button, noun);
  gtk_widget_add_css_class (GTK_WIDGET (self->confirm_button),
                            sc_verb_info (verb)->confirm ? "destructive-action" : "suggested-action");
  gtk_label_set_label (self->question_label, question);
  gtk_label_set_label (self->consequence_label, text);
  check (self);
  return GTK_WIDGET (self);
}

ScVerb
sc_verb_dialog_get_verb (ScVerbDialog *self)
{
  return self->verb;
}

GPtrArray *
sc_verb_dialog_get_patches (ScVerbDialog *self)
{
  return self->patches;
}

static void
sc_verb_dialog_dispose (GObject *object)
{
  ScVerbDialog *self = SC_VERB_DIALOG (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->client);
  g_clear_object (&self->store);
  G_OBJECT_CLASS (sc_verb_dialog_parent_class)->dispose (object);
}

static void
sc_verb_dialog_finalize (GObject *object)
{
  ScVerbDialog *self = SC_VERB_DIALOG (object);

  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->patches, g_ptr_array_unref);
  G_OBJECT_CLASS (sc_verb_dialog_parent_class)->finalize (object);
}

static void
sc_verb_dialog_class_init (ScVerbDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_verb_dialog_dispose;
  G_OBJECT_CLASS (klass)->finalize = sc_verb_dialog_finalize;
  signals[CONFIRMED] = g_signal_new ("confirmed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                     NULL, G_TYPE_NONE, 0);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/verb-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, ScVerbDialog, header_title);
  gtk_widget_class_bind_template_child (widget_class, ScVerbDialog, confirm_button);
  gtk_widget_class_bind_template_child (widget_class, ScVerbDialog, question_label);
  gtk_widget_class_bind_template_child (widget_class, ScVerbDialog, consequence_label);
  gtk_widget_class_bind_template_child (widget_class, ScVerbDialog, stack);
  gtk_widget_class_bind_template_child (widget_class, ScVerbDialog, findings);
}

static void
sc_verb_dialog_init (ScVerbDialog *self)
{
  self->cancellable = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  sc_stack_hide_pages (GTK_WIDGET (self->stack));
  g_signal_connect_object (self->confirm_button, "clicked", G_CALLBACK (on_confirm_clicked), self,
                           G_CONNECT_SWAPPED);
}
