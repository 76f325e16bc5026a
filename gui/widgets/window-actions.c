/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user wishes of a window; see window-actions.h. */
#include "window-actions.h"

#include "widgets/install-dialog.h"
#include "widgets/parts.h"
#include "widgets/result-dialog.h"
#include "widgets/verb-dialog.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#define UNDO_TOAST_SECONDS 10
/* Beside “Undo” and the button that closes it; at 360 pixels there is room for the former. */
#define NARROW_TOAST_CHARS 20
#define WIDE_TOAST_CHARS 60

/* -------------------------------------------------------------------------------------------------------
 * telling it */

/* On the desktop when nobody looks at the window. */
static void
notify (ScWindow *self, const char *title, const char *body, const char *path)
{
  GApplication *application = G_APPLICATION (gtk_window_get_application (GTK_WINDOW (self)));

  if (!application || gtk_window_is_active (GTK_WINDOW (self))
      || !g_settings_get_boolean (self->settings, "notifications"))
    return;
  g_autoptr (GNotification) notification = g_notification_new (title);
  if (*body)
    g_notification_set_body (notification, body);
  if (path)
    g_notification_set_default_action_and_target (notification, "app.show-patch", "s", path);
  g_application_send_notification (application, "result", notification);
}

static void
toast (ScWindow *self, const char *text, gboolean offer_undo)
{
  AdwToast *item = adw_toast_new ("");
  GtkWidget *label = sc_text_new (text, "heading");

  /* A toast cuts its own title off instead of wrapping it, and gives any other all the width that it likes.
   */
  gtk_label_set_max_width_chars (GTK_LABEL (label), adw_leaflet_get_folded (self->leaflet)
                                                        ? NARROW_TOAST_CHARS
                                                        : WIDE_TOAST_CHARS);
  adw_toast_set_custom_title (item, label);
  if (offer_undo)
    {
      adw_toast_set_button_label (item, _ ("_Undo"));
      adw_toast_set_action_name (item, "win.undo");
      adw_toast_set_timeout (item, UNDO_TOAST_SECONDS);
    }
  if (self->last_toast)
    adw_toast_dismiss (self->last_toast);
  g_set_object (&self->last_toast, item);
  adw_toast_overlay_add_toast (self->toasts, item);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->toasts), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
}

void
sc_window_tell_failure (ScWindow *self, ScFailure *failure, const char *heading)
{
  if (failure->kind == SC_FAILURE_REAL)
    sc_failure_show (failure, heading, GTK_WIDGET (self));
  else
    toast (self, failure->kind == SC_FAILURE_CANCELLED ? _ ("Cancelled") : failure->sentence, FALSE);
}

void
sc_window_tell_foreign_job (ScWindow *self, ScJob *job)
{
  const char *const *paths = sc_job_get_patches (job);
  ScPatch *patch = paths[0] ? sc_patch_store_find (self->store, paths[0]) : NULL;
  g_autofree char *noun = sc_verb_noun (sc_job_get_verb (job));
  gboolean failed = *sc_job_get_error_name (job) != '\0';
  /* Patch and end first: a narrow window cuts the rest off. */
  g_autofree char *text = g_strdup_printf (failed ? _ ("%s: %s failed for another client")
                                                  : _ ("%s: %s done by another client"),
                                           patch ? sc_patch_get_title (patch) : _ ("A patch"), noun);

  toast (self, text, FALSE);
  notify (self, text, "", patch ? sc_patch_get_path (patch) : NULL);
}

/* ------------------------------------------------------------------------------------------------ running
 * operations */

static void run (ScWindow *self, ScOperation *operation);

/* "HP001 applied" */
static char *
success_words (ScOperation *operation, ScOutcome *outcome)
{
  GPtrArray *patches = sc_operation_get_patches (operation);
  g_autofree char *object = patches ? sc_words_patches (patches) : NULL;
  ScVerb verb;

  if (!patches)
    return g_strdup (outcome->changed ? _ ("Patch installed; it isn’t applied yet")
                                      : _ ("The patch was installed already"));
  if (sc_operation_is_undo (operation))
    return g_strdup_printf (_ ("%s: as it was before"), object);
  if (!sc_operation_get_verb (operation, &verb))
    return g_strdup_printf (_ ("%s uninstalled"), object);
  return outcome->changed ? sc_verb_done (verb, object) : g_strdup_printf (_ ("%s: nothing to do"), object);
}

static void
tell_success (ScWindow *self, ScOperation *operation, ScOutcome *outcome)
{
  g_autofree char *words = success_words (operation, outcome);
  GPtrArray *patches = sc_operation_get_patches (operation);
  gboolean can_undo = outcome->changed && sc_operation_changes_state (operation);

  if (can_undo)
    g_set_object (&self->undoable, operation);
  toast (self, words, can_undo);
  notify (self, words, "", patches ? sc_patch_get_path (g_ptr_array_index (patches, 0)) : NULL);
}

static void
on_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScOperation *operation = SC_OPERATION (source);
  g_autoptr (ScWindow) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (ScOutcome) outcome = sc_operation_run_finish (operation, result, &error);
  GPtrArray *patches = sc_operation_get_patches (operation);

  g_hash_table_remove (self->own_jobs, operation);
  if (!outcome || g_cancellable_is_cancelled (self->cancellable))
    return; /* the window is closed */
  if (outcome->failure)
    {
      notify (self, _ ("That didn’t work"), outcome->failure->sentence, NULL);
      if (outcome->failure->kind == SC_FAILURE_REAL && patches && patches->len > 1 && outcome->results)
        sc_result_dialog_show (GTK_WINDOW (self), outcome->failure, outcome->results);
      else
        sc_window_tell_failure (self, outcome->failure, NULL);
      return;
    }
  tell_success (self, operation, outcome);
  if (patches && patches->len > 1 && outcome->results && !sc_operation_is_undo (operation))
    sc_result_dialog_show (GTK_WINDOW (self), NULL, outcome->results);
}

static void
run (ScWindow *self, ScOperation *operation)
{
  g_hash_table_add (self->own_jobs, g_object_ref (operation));
  sc_operation_run (operation, self->cancellable, on_ended, g_object_ref (self));
}

static void
do_verb (ScWindow *self, ScVerb verb, GPtrArray *patches)
{
  g_autoptr (ScOperation) operation = sc_operation_new_verb (self->client, self->tracker, verb, patches);

  run (self, operation);
}

static void
on_confirmed (ScWindow *self, ScVerbDialog *dialog)
{
  do_verb (self, sc_verb_dialog_get_verb (dialog), sc_verb_dialog_get_patches (dialog));
}

void
sc_window_begin_verb (ScWindow *self, ScVerb verb)
{
  g_autoptr (GPtrArray) patches = sc_detail_pane_get_possible (self->detail_pane, verb);

  if (!patches || patches->len == 0)
    return;
  if (verb != SC_VERB_APPLY && !sc_verb_info (verb)->confirm)
    {
      do_verb (self, verb, patches);
      return;
    }
  GtkWidget *dialog = sc_verb_dialog_new (GTK_WINDOW (self), self->client, self->store, verb, patches);
  g_signal_connect_object (dialog, "confirmed", G_CALLBACK (on_confirmed), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

/* ---------------------------------------------------------------------------------------------------- the
 * other wishes */

static void
on_undo (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *self = user_data;
  g_autoptr (ScOperation) done = g_steal_pointer (&self->undoable);
  g_autoptr (ScOperation) undo = done ? sc_operation_new_undo (done) : NULL;

  if (undo)
    run (self, undo);
  else
    toast (self, _ ("There is nothing to undo"), FALSE);
}

static void
on_rescan_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (ScWindow) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (reply)
    {
      toast (self, _ ("The patches were read anew"), FALSE);
      return;
    }
  g_autoptr (ScFailure) failure = sc_failure_from_error (error);
  sc_window_tell_failure (self, failure, NULL);
}

static void
on_rescan (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *self = user_data;
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  sc_client_call (self->client, SC_MANAGER_PATH, SC_MANAGER_INTERFACE, "Rescan",
                  g_variant_new ("(a{sv})", &options), NULL, SC_CALL_INTERACTIVE, self->cancellable,
                  on_rescan_answer, g_object_ref (self));
}

static void
on_install_confirmed (ScWindow *self, const char *path)
{
  g_autoptr (ScOperation) operation = sc_operation_new_install (self->client, self->tracker, path);

  run (self, operation);
}

void
sc_window_open_file (ScWindow *self, GFile *file)
{
  GtkWidget *dialog = sc_install_dialog_new (GTK_WINDOW (self), file);

  g_signal_connect_object (dialog, "confirmed", G_CALLBACK (on_install_confirmed), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_file_chosen (ScWindow *self, int response, GtkNativeDialog *dialog)
{
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));

  if (response == GTK_RESPONSE_ACCEPT && file)
    sc_window_open_file (self, file);
  gtk_native_dialog_destroy (dialog);
  g_object_unref (dialog);
}

static void
on_install (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *self = user_data;
  GtkFileChooserNative *dialog
      = gtk_file_chooser_native_new (_ ("Install Patch"), GTK_WINDOW (self), GTK_FILE_CHOOSER_ACTION_OPEN,
                                     _ ("_Open"), _ ("_Cancel"));
  g_autoptr (GtkFileFilter) patches = gtk_file_filter_new ();
  g_autoptr (GtkFileFilter) all = gtk_file_filter_new ();

  gtk_file_filter_set_name (patches, _ ("Patches"));
  gtk_file_filter_add_mime_type (patches, "application/vnd.openeuler.syscare-patch");
  gtk_file_filter_add_pattern (patches, "patch.json");
  gtk_file_filter_add_pattern (patches, "*.tar*");
  gtk_file_filter_set_name (all, _ ("All files"));
  gtk_file_filter_add_pattern (all, "*");
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), patches);
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), all);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_file_chosen), self, G_CONNECT_SWAPPED);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

typedef struct {
  ScWindow *window;
  GPtrArray *patches;
} UninstallQuestion;

static void
uninstall_question_free (gpointer data, GClosure *closure)
{
  UninstallQuestion *question = data;

  g_object_unref (question->window);
  g_ptr_array_unref (question->patches);
  g_free (question);
}

static void
on_uninstall_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  UninstallQuestion *question = user_data;
  ScWindow *self = question->window;

  if (!g_str_equal (response, "uninstall"))
    return;
  g_autoptr (ScOperation) operation
      = sc_operation_new_uninstall (self->client, self->tracker, question->patches);
  run (self, operation);
}

static void
on_uninstall (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *self = user_data;
  GPtrArray *shown = sc_detail_pane_get_patches (self->detail_pane);

  if (shown->len != 1)
    return;
  ScPatch *patch = g_ptr_array_index (shown, 0);
  if (sc_patch_get_state (patch) != SC_STATE_NOT_APPLIED)
    {
      toast (self, _ ("Remove the patch first: its files are in use"), FALSE);
      return;
    }
  g_autofree char *heading = g_strdup_printf (_ ("Uninstall %s?"), sc_patch_get_title (patch));
  GtkWidget *dialog
      = adw_message_dialog_new (GTK_WINDOW (self), heading,
                                _ ("Its files are deleted from this machine. The programs aren’t touched."));
  UninstallQuestion *question = g_new0 (UninstallQuestion, 1);
  question->window = g_object_ref (self);
  question->patches = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (question->patches, g_object_ref (patch));
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "uninstall",
                                    _ ("_Uninstall"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "uninstall",
                                              ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  g_signal_connect_data (dialog, "response", G_CALLBACK (on_uninstall_response), question,
                         uninstall_question_free, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

void
sc_window_add_wishes (ScWindow *self)
{
  static const GActionEntry entries[] = {
    { "install", on_install },
    { "uninstall", on_uninstall },
    { "rescan", on_rescan },
    { "undo", on_undo },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (self), entries, G_N_ELEMENTS (entries), self);
}
