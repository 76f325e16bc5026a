/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The right side of the window; see detail-pane.h. */
#include "detail-pane.h"

#include "widgets/action-box.h"
#include "widgets/history-page.h"
#include "widgets/overview-page.h"
#include "widgets/parts.h"
#include "widgets/processes-page.h"

#include <glib/gi18n.h>

#define MOST_LISTED 200 /* rows of the page for several patches */

struct _ScDetailPane {
  AdwBin parent_instance;

  ScPermissions *permissions;
  gulong title_handler;
  ScPatch *titled; /* whose name the header shows */

  AdwHeaderBar *header;
  AdwSqueezer
      *squeezer; /* in the header: the switcher when there is room, else the title, and the bar below */
  GtkWidget *switcher;
  AdwWindowTitle *title;
  gboolean folded;
  GtkWidget *no_title;
  GtkWidget *back_button;
  GtkWidget *menu_button;
  GtkStack *stack;
  AdwViewStack *views;
  ScOverviewPage *overview;
  ScProcessesPage *processes;
  ScHistoryPage *history;
  GtkLabel *several_label;
  ScActionBox *several_actions;
  GtkListBox *several_list;
  AdwViewSwitcherBar *switcher_bar;
};

G_DEFINE_FINAL_TYPE (ScDetailPane, sc_detail_pane, ADW_TYPE_BIN)

enum { VERB, N_SIGNALS };

static guint signals[N_SIGNALS];

static void
on_verb (ScDetailPane *self, guint verb)
{
  g_signal_emit (self, signals[VERB], 0, verb);
}

static void
update_title (ScDetailPane *self)
{
  g_autofree char *whole
      = g_strdup_printf ("%s\n%s", sc_patch_get_title (self->titled), sc_patch_get_target (self->titled));

  adw_window_title_set_title (self->title, sc_patch_get_title (self->titled));
  adw_window_title_set_subtitle (self->title, sc_patch_get_target (self->titled));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->title), g_strstrip (whole));
}

static void
set_titled (ScDetailPane *self, ScPatch *patch)
{
  if (self->titled)
    g_clear_signal_handler (&self->title_handler, self->titled);
  g_set_object (&self->titled, patch);
  if (!patch)
    return;
  self->title_handler = g_signal_connect_swapped (patch, "changed", G_CALLBACK (update_title), self);
  update_title (self);
}

static void
update_switchers (ScDetailPane *self)
{
  gboolean one = self->titled != NULL;

  adw_header_bar_set_title_widget (self->header, one ? GTK_WIDGET (self->squeezer) : self->no_title);
  gtk_widget_set_visible (self->switcher, !self->folded);
  adw_view_switcher_bar_set_reveal (self->switcher_bar, one
                                                            && adw_squeezer_get_visible_child (self->squeezer)
                                                                   == GTK_WIDGET (self->title));
  gtk_widget_set_visible (self->menu_button, one);
}

static void
show_several (ScDetailPane *self, GPtrArray *patches)
{
  g_autofree char *text
      = g_strdup_printf (ngettext ("%u patch selected", "%u patches selected", patches->len), patches->len);
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->several_list))))
    gtk_list_box_remove (self->several_list, child);
  for (guint i = 0; i < MIN (patches->len, MOST_LISTED); i++)
    {
      ScPatch *patch = g_ptr_array_index (patches, i);
      gtk_list_box_append (self->several_list,
                           sc_word_row_new (sc_word_state (sc_patch_get_state (patch)),
                                            sc_patch_get_title (patch), sc_patch_get_target (patch)));
    }
  gtk_label_set_label (self->several_label, text);
}

/* States of several selected patches may change while they are shown. */
static void
on_permissions_changed (ScDetailPane *self)
{
  GPtrArray *patches = sc_permissions_get_patches (self->permissions);

  if (patches->len > 1)
    show_several (self, patches);
}

void
sc_detail_pane_connect (ScDetailPane *self, ScClient *client)
{
  self->permissions = sc_permissions_new (client);
  sc_overview_page_connect (self->overview, client);
  sc_processes_page_connect (self->processes, client);
  sc_history_page_connect (self->history, client);
  sc_action_box_set_permissions (sc_overview_page_get_actions (self->overview), self->permissions);
  sc_action_box_set_permissions (self->several_actions, self->permissions);
  g_signal_connect_object (self->permissions, "changed", G_CALLBACK (on_permissions_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (sc_overview_page_get_actions (self->overview), "verb", G_CALLBACK (on_verb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->several_actions, "verb", G_CALLBACK (on_verb), self, G_CONNECT_SWAPPED);
}

static gboolean
shows_already (ScDetailPane *self, GPtrArray *patches)
{
  GPtrArray *shown = sc_permissions_get_patches (self->permissions);

  for (guint i = 0; i < MIN (shown->len, patches->len); i++)
    if (g_ptr_array_index (shown, i) != g_ptr_array_index (patches, i))
      return FALSE;
  return shown->len == patches->len;
}

void
sc_detail_pane_show (ScDetailPane *self, GPtrArray *patches)
{
  if (shows_already (self, patches))
    return;

  ScPatch *one = patches->len == 1 ? g_ptr_array_index (patches, 0) : NULL;
  gboolean another = one && one != self->titled;

  sc_permissions_set_patches (self->permissions, patches);
  sc_overview_page_set_patch (self->overview, one);
  sc_processes_page_set_patch (self->processes, one);
  sc_history_page_set_patch (self->history, one);
  set_titled (self, one);
  if (another)
    adw_view_stack_set_visible_child_name (self->views, "overview");
  if (patches->len > 1)
    show_several (self, patches);
  gtk_stack_set_visible_child_name (self->stack, one ? "one" : patches->len > 1 ? "several" : "none");
  update_switchers (self);
}

GPtrArray *
sc_detail_pane_get_patches (ScDetailPane *self)
{
  return sc_permissions_get_patches (self->permissions);
}

GPtrArray *
sc_detail_pane_get_possible (ScDetailPane *self, ScVerb verb)
{
  const char *reason;

  return sc_permissions_check (self->permissions, verb, &reason)
             ? sc_permissions_get_fit (self->permissions, verb)
             : NULL;
}

void
sc_detail_pane_set_folded (ScDetailPane *self, gboolean folded)
{
  gtk_widget_set_visible (self->back_button, folded);
  adw_header_bar_set_show_start_title_buttons (self->header, folded);
  self->folded = folded;
  update_switchers (self);
}

void
sc_detail_pane_show_page (ScDetailPane *self, const char *name)
{
  if (self->titled)
    adw_view_stack_set_visible_child_name (self->views, name);
}

char *
sc_detail_pane_to_text (ScDetailPane *self)
{
  return self->titled ? sc_overview_page_to_text (self->overview) : NULL;
}

static void
sc_detail_pane_dispose (GObject *object)
{
  ScDetailPane *self = SC_DETAIL_PANE (object);

  set_titled (self, NULL);
  g_clear_object (&self->permissions);
  g_clear_object (&self->no_title);
  g_clear_object (&self->title);
  g_clear_object (&self->squeezer);
  G_OBJECT_CLASS (sc_detail_pane_parent_class)->dispose (object);
}

static void
sc_detail_pane_class_init (ScDetailPaneClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_detail_pane_dispose;
  signals[VERB] = g_signal_new ("verb", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                G_TYPE_NONE, 1, G_TYPE_UINT);
  g_type_ensure (SC_TYPE_OVERVIEW_PAGE);
  g_type_ensure (SC_TYPE_PROCESSES_PAGE);
  g_type_ensure (SC_TYPE_HISTORY_PAGE);
  g_type_ensure (SC_TYPE_ACTION_BOX);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/detail-pane.ui");
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, header);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, back_button);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, menu_button);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, stack);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, views);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, overview);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, processes);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, history);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, several_label);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, several_actions);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, several_list);
  gtk_widget_class_bind_template_child (widget_class, ScDetailPane, switcher_bar);
}

/* By room, not by the window's fold alone: with large text the switcher is wider than an unfolded pane. */
static void
add_squeezer (ScDetailPane *self)
{
  self->switcher = adw_view_switcher_new ();
  adw_view_switcher_set_policy (ADW_VIEW_SWITCHER (self->switcher), ADW_VIEW_SWITCHER_POLICY_WIDE);
  adw_view_switcher_set_stack (ADW_VIEW_SWITCHER (self->switcher), self->views);
  self->squeezer = g_object_ref_sink (ADW_SQUEEZER (adw_squeezer_new ()));
  adw_squeezer_add (self->squeezer, self->switcher);
  adw_squeezer_add (self->squeezer, GTK_WIDGET (self->title));
  g_signal_connect_object (self->squeezer, "notify::visible-child", G_CALLBACK (update_switchers), self,
                           G_CONNECT_SWAPPED);
}

static void
sc_detail_pane_init (ScDetailPane *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  sc_stack_hide_pages (GTK_WIDGET (self->stack));
  sc_stack_hide_pages (GTK_WIDGET (self->views));
  self->no_title = g_object_ref_sink (adw_window_title_new ("", ""));
  self->title = g_object_ref_sink (ADW_WINDOW_TITLE (adw_window_title_new ("", "")));
  add_squeezer (self);
  update_switchers (self);
}
