/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The left side of the window; see list-pane.h. */
#include "list-pane.h"

#include "model/patch-filter.h"
#include "model/words.h"
#include "widgets/parts.h"
#include "widgets/patch-row.h"

#include <glib/gi18n.h>

struct _ScListPane {
  AdwBin parent_instance;

  ScClient *client;
  ScPatchStore *store;
  GSettings *settings;
  ScPatchFilter *filter;
  GtkSortListModel *sorted;
  GtkSelectionModel *selection;
  GHashTable *bound; /* GtkListItem that show a patch now */
  gboolean selecting;
  guint refresh_idle;

  AdwHeaderBar *header;
  GtkWidget *install_button;
  AdwWindowTitle *title;
  GtkSearchEntry *search_entry;
  GtkFlowBox *pills;
  GtkToggleButton *pill[SC_N_SHOWS];
  GtkLabel *pill_count[SC_N_SHOWS];
  GtkRevealer *trouble_revealer;
  GtkLabel *trouble_label;
  GtkStack *stack;
  GtkListView *list;
};

G_DEFINE_FINAL_TYPE (ScListPane, sc_list_pane, ADW_TYPE_BIN)

enum { SELECTION_CHANGED, LIST_CHANGED, OPENED, N_SIGNALS };

static guint signals[N_SIGNALS];

/* ------------------------------------------------------------------------------------------------- rows of
 * the list */

/* A row begins a group when the one above it has another target. */
static void
update_group_start (ScListPane *self, GtkListItem *item)
{
  guint position = gtk_list_item_get_position (item);
  ScPatch *patch = gtk_list_item_get_item (item);
  GtkWidget *row = gtk_list_item_get_child (item);
  g_autoptr (ScPatch) above = NULL;

  if (!patch || !row || position == GTK_INVALID_LIST_POSITION)
    return;
  if (position > 0)
    above = g_list_model_get_item (G_LIST_MODEL (self->selection), position - 1);
  sc_patch_row_set_group_start (SC_PATCH_ROW (row), g_settings_get_boolean (self->settings, "grouped"),
                                !above
                                    || g_strcmp0 (sc_patch_get_target (above), sc_patch_get_target (patch))
                                           != 0);
}

static void
on_item_selected (GtkListItem *item)
{
  GtkWidget *row = gtk_list_item_get_child (item);

  if (row)
    sc_patch_row_set_selected (SC_PATCH_ROW (row), gtk_list_item_get_selected (item));
}

static void
on_row_toggled (GtkListItem *item, ScPatchRow *row)
{
  ScListPane *self = SC_LIST_PANE (gtk_widget_get_ancestor (GTK_WIDGET (row), SC_TYPE_LIST_PANE));
  guint position = gtk_list_item_get_position (item);

  if (gtk_list_item_get_selected (item))
    gtk_selection_model_unselect_item (self->selection, position);
  else
    gtk_selection_model_select_item (self->selection, position, /* unselect_rest= */ FALSE);
}

static void
on_row_opened (ScListPane *self)
{
  g_signal_emit (self, signals[OPENED], 0);
}

static void
on_setup (GtkSignalListItemFactory *factory, GtkListItem *item, ScListPane *self)
{
  GtkWidget *row = sc_patch_row_new ();

  g_signal_connect (item, "notify::selected", G_CALLBACK (on_item_selected), NULL);
  g_signal_connect_object (row, "toggled", G_CALLBACK (on_row_toggled), item, G_CONNECT_SWAPPED);
  g_signal_connect_object (row, "opened", G_CALLBACK (on_row_opened), self, G_CONNECT_SWAPPED);
  gtk_list_item_set_child (item, row);
}

static void
on_bind (GtkSignalListItemFactory *factory, GtkListItem *item, ScListPane *self)
{
  ScPatchRow *row = SC_PATCH_ROW (gtk_list_item_get_child (item));

  g_hash_table_add (self->bound, item);
  sc_patch_row_set_selecting (row, self->selecting);
  update_group_start (self, item);
  sc_patch_row_set_patch (row, gtk_list_item_get_item (item));
  on_item_selected (item);
}

static void
on_unbind (GtkSignalListItemFactory *factory, GtkListItem *item, ScListPane *self)
{
  g_hash_table_remove (self->bound, item);
  sc_patch_row_set_patch (SC_PATCH_ROW (gtk_list_item_get_child (item)), NULL);
}

static gboolean
on_refresh_idle (gpointer user_data)
{
  ScListPane *self = user_data;
  GHashTableIter iter;
  gpointer item;
  guint shown = g_list_model_get_n_items (G_LIST_MODEL (self->selection));
  guint all = g_list_model_get_n_items (G_LIST_MODEL (self->store));

  self->refresh_idle = 0;
  g_hash_table_iter_init (&iter, self->bound);
  while (g_hash_table_iter_next (&iter, &item, NULL))
    update_group_start (self, item);
  gtk_stack_set_visible_child_name (self->stack, shown > 0 ? "list" : all > 0 ? "no-match" : "empty");

  g_autofree char *text = shown == all ? g_strdup_printf (ngettext ("%u patch", "%u patches", all), all)
                                       : g_strdup_printf (_ ("%u of %u"), shown, all);
  adw_window_title_set_subtitle (self->title, text);
  g_signal_emit (self, signals[LIST_CHANGED], 0);
  return G_SOURCE_REMOVE;
}

static void
refresh_soon (ScListPane *self)
{
  if (self->refresh_idle == 0)
    self->refresh_idle = g_idle_add (on_refresh_idle, self);
}

static void
on_selection_changed (ScListPane *self)
{
  g_signal_emit (self, signals[SELECTION_CHANGED], 0);
}

/* ------------------------------------------------------------------------------------------------- search
 * and filters */

static void
on_search_changed (ScListPane *self)
{
  sc_patch_filter_set_text (self->filter, gtk_editable_get_text (GTK_EDITABLE (self->search_entry)));
  refresh_soon (self);
}

static void
on_stop_search (ScListPane *self)
{
  gtk_editable_set_text (GTK_EDITABLE (self->search_entry), "");
  sc_list_pane_focus_list (self);
}

/* Enter in the search entry opens the first match. */
static void
on_search_activate (ScListPane *self)
{
  if (g_list_model_get_n_items (G_LIST_MODEL (self->selection)) == 0)
    return;
  gtk_selection_model_select_item (self->selection, 0, /* unselect_rest= */ TRUE);
  sc_list_pane_focus_list (self);
  g_signal_emit (self, signals[OPENED], 0);
}

static void
on_pill_toggled (ScListPane *self, GtkToggleButton *pill)
{
  if (!gtk_toggle_button_get_active (pill))
    return;
  sc_patch_filter_set_show (self->filter,
                            (ScShow)GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (pill), "show")));
  refresh_soon (self);
}

static const char *
show_word (ScShow show)
{
  switch (show)
    {
    case SC_SHOW_NOT_APPLIED:
      return sc_word_state (SC_STATE_NOT_APPLIED).word;
    case SC_SHOW_DEACTIVATED:
      return sc_word_state (SC_STATE_DEACTIVATED).word;
    case SC_SHOW_ACTIVE:
      return sc_word_state (SC_STATE_ACTIVE).word;
    case SC_SHOW_ACCEPTED:
      return sc_word_state (SC_STATE_ACCEPTED).word;
    case SC_SHOW_TROUBLED:
      return _ ("With problems");
    case SC_SHOW_ALL:
    default:
      return _ ("All");
    }
}

static void
add_pill (ScListPane *self, ScShow show)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *word = gtk_label_new (show_word (show));
  GtkWidget *count = gtk_label_new ("0");
  GtkWidget *pill = gtk_toggle_button_new ();

  gtk_widget_add_css_class (count, "numeric");
  gtk_widget_add_css_class (count, "pill-count");
  gtk_box_append (GTK_BOX (box), word);
  gtk_box_append (GTK_BOX (box), count);
  gtk_widget_set_halign (box, GTK_ALIGN_CENTER);
  gtk_button_set_child (GTK_BUTTON (pill), box);
  gtk_widget_add_css_class (pill, "filter-pill");
  g_object_set_data (G_OBJECT (pill), "show", GUINT_TO_POINTER (show));
  if (show != SC_SHOW_ALL)
    gtk_toggle_button_set_group (GTK_TOGGLE_BUTTON (pill), self->pill[SC_SHOW_ALL]);
  g_signal_connect_object (pill, "toggled", G_CALLBACK (on_pill_toggled), self, G_CONNECT_SWAPPED);
  gtk_flow_box_append (self->pills, pill);
  gtk_widget_set_focusable (gtk_widget_get_parent (pill), FALSE);
  self->pill[show] = GTK_TOGGLE_BUTTON (pill);
  self->pill_count[show] = GTK_LABEL (count);
}

static guint
count_of (ScListPane *self, ScShow show)
{
  switch (show)
    {
    case SC_SHOW_NOT_APPLIED:
      return sc_patch_store_count_state (self->store, SC_STATE_NOT_APPLIED);
    case SC_SHOW_DEACTIVATED:
      return sc_patch_store_count_state (self->store, SC_STATE_DEACTIVATED);
    case SC_SHOW_ACTIVE:
      return sc_patch_store_count_state (self->store, SC_STATE_ACTIVE);
    case SC_SHOW_ACCEPTED:
      return sc_patch_store_count_state (self->store, SC_STATE_ACCEPTED);
    case SC_SHOW_TROUBLED:
      return sc_patch_store_count_troubled (self->store);
    case SC_SHOW_ALL:
    default:
      return g_list_model_get_n_items (G_LIST_MODEL (self->store));
    }
}

static void
on_counts_changed (ScListPane *self)
{
  for (guint show = 0; show < SC_N_SHOWS; show++)
    {
      g_autofree char *number = g_strdup_printf ("%u", count_of (self, show));
      g_autofree char *name = g_strdup_printf ("%s: %s", show_word (show), number);
      gtk_label_set_label (self->pill_count[show], number);
      gtk_accessible_update_property (GTK_ACCESSIBLE (self->pill[show]), GTK_ACCESSIBLE_PROPERTY_LABEL, name,
                                      -1);
    }
  refresh_soon (self);
}

static void
on_order_changed (ScListPane *self)
{
  g_autofree char *key = g_settings_get_string (self->settings, "sort");
  g_autoptr (GtkSorter) sorter
      = sc_patch_sorter_new (key, g_settings_get_boolean (self->settings, "grouped"));

  gtk_sort_list_model_set_sorter (self->sorted, sorter);
  refresh_soon (self);
}

/* ---------------------------------------------------------------------------------------------------- the
 * service */

static void
on_status_changed (ScListPane *self)
{
  const char *const *troubles = sc_client_get_degraded (self->client);
  GString *text = g_string_new (NULL);

  for (guint i = 0; troubles[i]; i++)
    {
      g_autofree char *sentence = sc_words_degraded (troubles[i]);
      g_string_append_printf (text, "%s%s", i > 0 ? "\n" : "", sentence);
    }
  gtk_label_set_label (self->trouble_label, text->str);
  gtk_revealer_set_reveal_child (self->trouble_revealer, text->len > 0);
  gtk_widget_set_visible (GTK_WIDGET (self->trouble_revealer), text->len > 0);
  g_string_free (text, TRUE);
}

void
sc_list_pane_connect (ScListPane *self, ScClient *client, ScPatchStore *store, GSettings *settings)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();

  self->client = g_object_ref (client);
  self->store = g_object_ref (store);
  self->settings = g_object_ref (settings);
  GtkFilterListModel *filtered = gtk_filter_list_model_new (g_object_ref (G_LIST_MODEL (store)),
                                                            g_object_ref (GTK_FILTER (self->filter)));
  self->sorted = gtk_sort_list_model_new (G_LIST_MODEL (filtered), NULL);
  on_order_changed (self);
  self->selection
      = GTK_SELECTION_MODEL (gtk_multi_selection_new (g_object_ref (G_LIST_MODEL (self->sorted))));
  g_signal_connect_object (self->selection, "items-changed", G_CALLBACK (refresh_soon), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->selection, "selection-changed", G_CALLBACK (on_selection_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (factory, "setup", G_CALLBACK (on_setup), self, 0);
  g_signal_connect_object (factory, "bind", G_CALLBACK (on_bind), self, 0);
  g_signal_connect_object (factory, "unbind", G_CALLBACK (on_unbind), self, 0);
  gtk_list_view_set_factory (self->list, factory);
  gtk_list_view_set_model (self->list, self->selection);
  g_object_unref (factory);

  g_signal_connect_object (store, "counts-changed", G_CALLBACK (on_counts_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (store, "loaded", G_CALLBACK (refresh_soon), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (settings, "changed::sort", G_CALLBACK (on_order_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (settings, "changed::grouped", G_CALLBACK (on_order_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "status-changed", G_CALLBACK (on_status_changed), self, G_CONNECT_SWAPPED);
  on_counts_changed (self);
  on_status_changed (self);
}

/* -------------------------------------------------------------------------------------------------------
 * selection */

GPtrArray *
sc_list_pane_get_selected (ScListPane *self)
{
  GPtrArray *patches = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GtkBitset) set = gtk_selection_model_get_selection (self->selection);
  GtkBitsetIter iter;
  guint position;

  for (gboolean more = gtk_bitset_iter_init_first (&iter, set, &position); more;
       more = gtk_bitset_iter_next (&iter, &position))
    g_ptr_array_add (patches, g_list_model_get_item (G_LIST_MODEL (self->selection), position));
  return patches;
}

void
sc_list_pane_select_path (ScListPane *self, const char *path)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->selection));

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (ScPatch) patch = g_list_model_get_item (G_LIST_MODEL (self->selection), i);
      if (!g_str_equal (sc_patch_get_path (patch), path))
        continue;
      gtk_selection_model_select_item (self->selection, i, /* unselect_rest= */ TRUE);
      gtk_widget_activate_action (GTK_WIDGET (self->list), "list.scroll-to-item", "u", i);
      return;
    }
}

void
sc_list_pane_select_all (ScListPane *self)
{
  gtk_selection_model_select_all (self->selection);
}

void
sc_list_pane_set_selecting (ScListPane *self, gboolean selecting)
{
  GHashTableIter iter;
  gpointer item;

  self->selecting = selecting;
  g_hash_table_iter_init (&iter, self->bound);
  while (g_hash_table_iter_next (&iter, &item, NULL))
    sc_patch_row_set_selecting (SC_PATCH_ROW (gtk_list_item_get_child (item)), selecting);
  if (!selecting)
    gtk_selection_model_unselect_all (self->selection);
}

void
sc_list_pane_set_kind (ScListPane *self, const char *kind)
{
  sc_patch_filter_set_kind (self->filter, kind);
  refresh_soon (self);
}

void
sc_list_pane_clear_filter (ScListPane *self)
{
  gtk_editable_set_text (GTK_EDITABLE (self->search_entry), "");
  gtk_toggle_button_set_active (self->pill[SC_SHOW_ALL], TRUE);
  sc_patch_filter_set_text (self->filter, "");
  refresh_soon (self);
}

void
sc_list_pane_focus_search (ScListPane *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self->search_entry));
}

void
sc_list_pane_focus_list (ScListPane *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self->list));
}

void
sc_list_pane_capture_keys (ScListPane *self, GtkWidget *widget)
{
  gtk_search_entry_set_key_capture_widget (self->search_entry, widget);
}

void
sc_list_pane_set_folded (ScListPane *self, gboolean folded)
{
  adw_header_bar_set_show_end_title_buttons (self->header, folded);
  gtk_widget_set_visible (self->install_button, !folded); /* the main menu has it, too */
}

static void
sc_list_pane_dispose (GObject *object)
{
  ScListPane *self = SC_LIST_PANE (object);

  g_clear_handle_id (&self->refresh_idle, g_source_remove);
  g_clear_object (&self->client);
  g_clear_object (&self->store);
  g_clear_object (&self->settings);
  g_clear_object (&self->filter);
  g_clear_object (&self->sorted);
  g_clear_object (&self->selection);
  G_OBJECT_CLASS (sc_list_pane_parent_class)->dispose (object);
}

static void
sc_list_pane_finalize (GObject *object)
{
  g_hash_table_unref (SC_LIST_PANE (object)->bound);
  G_OBJECT_CLASS (sc_list_pane_parent_class)->finalize (object);
}

static void
sc_list_pane_class_init (ScListPaneClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_list_pane_dispose;
  G_OBJECT_CLASS (klass)->finalize = sc_list_pane_finalize;
  signals[SELECTION_CHANGED]
      = g_signal_new ("selection-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[LIST_CHANGED]
      = g_signal_new ("list-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[OPENED] = g_signal_new ("opened", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/list-pane.ui");
  gtk_widget_class_bind_template_child (widget_class, ScListPane, header);
  gtk_widget_class_bind_template_child (widget_class, ScListPane, install_button);
  gtk_widget_class_bind_template_child (widget_class, ScListPane, title);
  gtk_widget_class_bind_template_child (widget_class, ScListPane, search_entry);
  gtk_widget_class_bind_template_child (widget_class, ScListPane, pills);
  gtk_widget_class_bind_template_child (widget_class, ScListPane, trouble_revealer);
  gtk_widget_class_bind_template_child (widget_class, ScListPane, trouble_label);
  gtk_widget_class_bind_template_child (widget_class, ScListPane, stack);
  gtk_widget_class_bind_template_child (widget_class, ScListPane, list);
}

/* On the list only: in an entry the key deletes text. */
static void
add_list_keys (ScListPane *self)
{
  static const guint keys[] = { GDK_KEY_Delete, GDK_KEY_KP_Delete };
  GtkEventController *controller = gtk_shortcut_controller_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (controller),
                                          gtk_shortcut_new_with_arguments (gtk_keyval_trigger_new (keys[i],
                                                                                                   0),
                                                                           gtk_named_action_new ("win.verb"),
                                                                           "s", "remove"));
  gtk_widget_add_controller (GTK_WIDGET (self->list), controller);
}

static void
sc_list_pane_init (ScListPane *self)
{
  static const ScShow order[SC_N_SHOWS] = { SC_SHOW_ALL,         SC_SHOW_ACTIVE,      SC_SHOW_ACCEPTED,
                                            SC_SHOW_DEACTIVATED, SC_SHOW_NOT_APPLIED, SC_SHOW_TROUBLED };

  self->bound = g_hash_table_new (NULL, NULL);
  self->filter = sc_patch_filter_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  sc_stack_hide_pages (GTK_WIDGET (self->stack));
  for (guint i = 0; i < SC_N_SHOWS; i++)
    add_pill (self, order[i]);
  gtk_toggle_button_set_active (self->pill[SC_SHOW_ALL], TRUE);
  g_signal_connect_object (self->search_entry, "search-changed", G_CALLBACK (on_search_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->search_entry, "activate", G_CALLBACK (on_search_activate), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->search_entry, "stop-search", G_CALLBACK (on_stop_search), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->list, "activate", G_CALLBACK (on_row_opened), self, G_CONNECT_SWAPPED);
  add_list_keys (self);
}
