/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The window; see window.h. */
#include "window.h"

#include "widgets/parts.h"
#include "widgets/window-actions.h"
#include "widgets/window-private.h"

#include <glib/gi18n.h>
#include <unistd.h>

/* How often the service is asked to look at the processes while the window can be seen. */
#define LOOK_SECONDS 5

G_DEFINE_FINAL_TYPE (ScWindow, sc_window, ADW_TYPE_APPLICATION_WINDOW)

/* ------------------------------------------------------------------------------------------------------- the
 * selection */

static void
on_selection_changed (ScWindow *self)
{
  g_autoptr (GPtrArray) patches = sc_list_pane_get_selected (self->list_pane);
  GPtrArray *shown = sc_detail_pane_get_patches (self->detail_pane);

  /* A patch that a filter hides, because its state changed say, stays on the right as long as it exists. */
  if (patches->len == 0 && shown->len == 1)
    {
      ScPatch *patch = g_ptr_array_index (shown, 0);
      if (sc_patch_store_find (self->store, sc_patch_get_path (patch)) == patch)
        return;
    }
  sc_detail_pane_show (self->detail_pane, patches);
}

/* A selected patch that a filter takes away leaves without a word of the selection's. The one that is shown
 * is selected again as soon as it is back. */
static void
on_list_changed (ScWindow *self)
{
  g_autoptr (GPtrArray) patches = sc_list_pane_get_selected (self->list_pane);
  GPtrArray *shown = sc_detail_pane_get_patches (self->detail_pane);

  if (patches->len == 0 && shown->len == 1)
    sc_list_pane_select_path (self->list_pane, sc_patch_get_path (g_ptr_array_index (shown, 0)));
  on_selection_changed (self);
}

static void
on_opened (ScWindow *self)
{
  if (adw_leaflet_get_folded (self->leaflet))
    adw_leaflet_set_visible_child_name (self->leaflet, "detail");
}

static void
on_verb (ScWindow *self, guint verb)
{
  sc_window_begin_verb (self, (ScVerb)verb);
}

static void
update_folded (ScWindow *self)
{
  gboolean folded = adw_leaflet_get_folded (self->leaflet);

  sc_list_pane_set_folded (self->list_pane, folded);
  sc_detail_pane_set_folded (self->detail_pane, folded);
  sc_widget_set_told (GTK_WIDGET (self->list_pane),
                      !folded
                          || adw_leaflet_get_visible_child (self->leaflet) == GTK_WIDGET (self->list_pane));
  sc_widget_set_told (GTK_WIDGET (self->detail_pane),
                      !folded
                          || adw_leaflet_get_visible_child (self->leaflet) == GTK_WIDGET (self->detail_pane));
}

static void
show_wanted (ScWindow *self)
{
  if (!self->wanted_path || !sc_patch_store_find (self->store, self->wanted_path))
    return;
  g_autofree char *path = g_steal_pointer (&self->wanted_path);
  sc_list_pane_select_path (self->list_pane, path);
  on_opened (self);
}

void
sc_window_show_patch (ScWindow *self, const char *path)
{
  g_free (self->wanted_path);
  self->wanted_path = g_strdup (path);
  show_wanted (self);
}

/* ----------------------------------------------------------------------------------------------- the
 * service's states */

static void
update_page (ScWindow *self)
{
  ScServiceState state = sc_client_get_state (self->client);

  if (state == SC_SERVICE_READY && sc_patch_store_is_loaded (self->store))
    gtk_stack_set_visible_child_name (self->main_stack, "patches");
  else if (state == SC_SERVICE_READY || state == SC_SERVICE_CONNECTING)
    gtk_stack_set_visible_child_name (self->main_stack, "wait");
  else
    {
      sc_error_page_show (self->error_page, state, sc_client_get_version (self->client),
                          sc_client_get_detail (self->client));
      gtk_stack_set_visible_child_name (self->main_stack, "error");
    }
}

/* Says once that the first patches are on the screen: what tests/bench/gui-start measures. */
static void
on_painted (GdkFrameClock *clock, ScWindow *self)
{
  g_signal_handlers_disconnect_by_func (clock, on_painted, self);
  g_debug ("the first patches are on the screen");
}

static void
on_loaded (ScWindow *self)
{
  GdkFrameClock *clock = gtk_widget_get_frame_clock (GTK_WIDGET (self));

  update_page (self);
  show_wanted (self);
  if (clock && !self->was_filled)
    {
      self->was_filled = TRUE;
      g_signal_connect_object (clock, "after-paint", G_CALLBACK (on_painted), self, 0);
    }
}

static void
on_load_failed (ScWindow *self, const GError *error)
{
  g_autoptr (ScFailure) failure = sc_failure_from_error (error);

  if (sc_patch_store_is_loaded (self->store))
    return; /* what is shown is a moment old; the next change asks again */
  sc_error_page_show (self->error_page,
                      sc_error_is_incompatibility (error) ? SC_SERVICE_INCOMPATIBLE : SC_SERVICE_FAILED,
                      sc_client_get_version (self->client), failure->detail);
  gtk_stack_set_visible_child_name (self->main_stack, "error");
}

static void
on_job_seen (ScWindow *self, const char *path)
{
  sc_job_tracker_follow (self->tracker, path);
}

static void
on_job_finished (ScWindow *self, ScJob *job)
{
  if (g_hash_table_size (self->own_jobs) == 0)
    sc_window_tell_foreign_job (self, job);
}

static void
on_cancel_failed (ScWindow *self, const GError *error)
{
  g_autoptr (ScFailure) failure = sc_failure_from_error (error);

  sc_window_tell_failure (self, failure, _ ("The job can’t be cancelled"));
}

/* Also without the keyboard: whoever types in the terminal beside it sees what that does. */
static gboolean
is_in_sight (ScWindow *self)
{
  GdkSurface *surface = gtk_native_get_surface (GTK_NATIVE (self));

  return gtk_widget_get_mapped (GTK_WIDGET (self)) && GDK_IS_TOPLEVEL (surface)
         && (gdk_toplevel_get_state (GDK_TOPLEVEL (surface)) & GDK_TOPLEVEL_STATE_MINIMIZED) == 0;
}

/* What changes without being asked for (a process ends, say) is only seen by looking. */
static gboolean
on_look_time (gpointer user_data)
{
  ScWindow *self = user_data;

  if (is_in_sight (self))
    sc_patch_store_look (self->store);
  return G_SOURCE_CONTINUE;
}

/* Whoever comes back to the window needn't wait for the next look. */
static void
on_active (ScWindow *self)
{
  if (self->store && gtk_window_is_active (GTK_WINDOW (self)))
    sc_patch_store_look (self->store);
}

/* ------------------------------------------------------------------------------------------------------------
 * actions */

static void
on_search (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *self = user_data;

  adw_leaflet_set_visible_child_name (self->leaflet, "list");
  sc_list_pane_focus_search (self->list_pane);
}

static void
on_back (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *self = user_data;

  adw_leaflet_set_visible_child_name (self->leaflet, "list");
  sc_list_pane_focus_list (self->list_pane);
}

static void
on_refresh (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *self = user_data;

  if (sc_client_get_state (self->client) == SC_SERVICE_READY)
    sc_patch_store_reload (self->store);
  else
    sc_client_retry (self->client);
}

static void
on_clear_filter (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *self = user_data;
  GAction *kind = g_action_map_lookup_action (G_ACTION_MAP (self), "kind");

  g_action_change_state (kind, g_variant_new_string ("all"));
  sc_list_pane_clear_filter (self->list_pane);
}

static void
on_select_all (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  sc_list_pane_select_all (SC_WINDOW (user_data)->list_pane);
}

static void
on_copy_details (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *self = user_data;
  g_autofree char *text = sc_detail_pane_to_text (self->detail_pane);

  if (!text)
    return;
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), text);
  adw_toast_overlay_add_toast (self->toasts, adw_toast_new (_ ("Details copied")));
}

static void
on_show_page (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  sc_detail_pane_show_page (SC_WINDOW (user_data)->detail_pane, g_variant_get_string (parameter, NULL));
}

static void
on_verb_action (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  const char *word = g_variant_get_string (parameter, NULL);

  for (guint verb = 0; verb < SC_N_VERBS; verb++)
    if (g_str_equal (sc_verb_info (verb)->word, word))
      sc_window_begin_verb (SC_WINDOW (user_data), verb);
}

static void
change_selecting (GSimpleAction *action, GVariant *value, gpointer user_data)
{
  g_simple_action_set_state (action, value);
  sc_list_pane_set_selecting (SC_WINDOW (user_data)->list_pane, g_variant_get_boolean (value));
}

static void
change_kind (GSimpleAction *action, GVariant *value, gpointer user_data)
{
  g_simple_action_set_state (action, value);
  sc_list_pane_set_kind (SC_WINDOW (user_data)->list_pane, g_variant_get_string (value, NULL));
}

static void
add_actions (ScWindow *self)
{
  static const GActionEntry entries[] = {
    { "search", on_search },
    { "back", on_back },
    { "refresh", on_refresh },
    { "retry", on_refresh },
    { "clear-filter", on_clear_filter },
    { "select-all", on_select_all },
    { "copy-details", on_copy_details },
    { "show-page", on_show_page, "s" },
    { "verb", on_verb_action, "s" },
    { "selecting", NULL, NULL, "false", change_selecting },
    { "kind", NULL, "s", "'all'", change_kind },
  };
  static const char *const remembered[] = { "sort", "grouped", "notifications" };

  g_action_map_add_action_entries (G_ACTION_MAP (self), entries, G_N_ELEMENTS (entries), self);
  for (gsize i = 0; i < G_N_ELEMENTS (remembered); i++)
    {
      g_autoptr (GAction) action = g_settings_create_action (self->settings, remembered[i]);
      g_action_map_add_action (G_ACTION_MAP (self), action);
    }
  sc_window_add_wishes (self);
}

/* --------------------------------------------------------------------------------------------------------
 * open and close */

static gboolean
on_drop (ScWindow *self, const GValue *value)
{
  GSList *files = g_value_get_boxed (value);

  if (!files)
    return FALSE;
  sc_window_open_file (self, G_FILE (files->data));
  return TRUE;
}

static void
accept_drops (ScWindow *self)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  g_signal_connect_object (target, "drop", G_CALLBACK (on_drop), self, G_CONNECT_SWAPPED);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (target));
}

static void
bind_settings (ScWindow *self)
{
  g_settings_bind (self->settings, "window-width", self, "default-width", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (self->settings, "window-height", self, "default-height", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (self->settings, "window-maximized", self, "maximized", G_SETTINGS_BIND_DEFAULT);
}

/* Everything that was asked for is given up; jobs go on in the service. */
static gboolean
on_close_request (GtkWindow *window)
{
  ScWindow *self = SC_WINDOW (window);

  g_cancellable_cancel (self->cancellable);
  sc_client_stop (self->client);
  return GTK_WINDOW_CLASS (sc_window_parent_class)->close_request (window);
}

ScWindow *
sc_window_new (AdwApplication *application)
{
  return g_object_new (SC_TYPE_WINDOW, "application", application, NULL);
}

static void
sc_window_dispose (GObject *object)
{
  ScWindow *self = SC_WINDOW (object);

  g_clear_handle_id (&self->look_timer, g_source_remove);
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->undoable);
  g_clear_object (&self->last_toast);
  g_clear_object (&self->tracker);
  g_clear_object (&self->store);
  g_clear_object (&self->client);
  g_clear_object (&self->settings);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->own_jobs, g_hash_table_unref);
  g_clear_pointer (&self->wanted_path, g_free);
  G_OBJECT_CLASS (sc_window_parent_class)->dispose (object);
}

static void
sc_window_class_init (ScWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_window_dispose;
  GTK_WINDOW_CLASS (klass)->close_request = on_close_request;
  g_type_ensure (SC_TYPE_ERROR_PAGE);
  g_type_ensure (SC_TYPE_LIST_PANE);
  g_type_ensure (SC_TYPE_DETAIL_PANE);
  g_type_ensure (SC_TYPE_JOB_BAR);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/window.ui");
  gtk_widget_class_bind_template_child (widget_class, ScWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, ScWindow, main_stack);
  gtk_widget_class_bind_template_child (widget_class, ScWindow, error_page);
  gtk_widget_class_bind_template_child (widget_class, ScWindow, leaflet);
  gtk_widget_class_bind_template_child (widget_class, ScWindow, list_pane);
  gtk_widget_class_bind_template_child (widget_class, ScWindow, detail_pane);
  gtk_widget_class_bind_template_child (widget_class, ScWindow, job_bar);
}

static void
connect_model (ScWindow *self)
{
  sc_list_pane_connect (self->list_pane, self->client, self->store, self->settings);
  sc_detail_pane_connect (self->detail_pane, self->client);
  sc_job_bar_connect (self->job_bar, self->tracker, self->store, self->client);
  g_signal_connect_object (self->client, "notify::state", G_CALLBACK (update_page), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->store, "loaded", G_CALLBACK (on_loaded), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->store, "load-failed", G_CALLBACK (on_load_failed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->store, "job-seen", G_CALLBACK (on_job_seen), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->tracker, "finished", G_CALLBACK (on_job_finished), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->job_bar, "cancel-failed", G_CALLBACK (on_cancel_failed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->list_pane, "selection-changed", G_CALLBACK (on_selection_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->list_pane, "list-changed", G_CALLBACK (on_list_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->list_pane, "opened", G_CALLBACK (on_opened), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->detail_pane, "verb", G_CALLBACK (on_verb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->leaflet, "notify::folded", G_CALLBACK (update_folded), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->leaflet, "notify::visible-child", G_CALLBACK (update_folded), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect (self, "notify::is-active", G_CALLBACK (on_active), NULL);
}

static void
sc_window_init (ScWindow *self)
{

  self->cancellable = g_cancellable_new ();
  self->own_jobs = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  self->settings = g_settings_new ("org.openeuler.SysCare");
  self->client = sc_client_new ();
  self->store = sc_patch_store_new (self->client);
  self->tracker = sc_job_tracker_new (self->client);
  gtk_widget_init_template (GTK_WIDGET (self));
  sc_stack_hide_pages (GTK_WIDGET (self->main_stack));
  add_actions (self);
  connect_model (self);
  bind_settings (self);
  accept_drops (self);
  sc_list_pane_capture_keys (self->list_pane, GTK_WIDGET (self->list_pane));

  update_folded (self);
  self->look_timer = g_timeout_add_seconds (LOOK_SECONDS, on_look_time, self);
  sc_client_start (self->client);
}
