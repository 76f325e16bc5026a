/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes run the new code, which don't, and why; see processes-page.h. */
#include "processes-page.h"

#include "model/errors.h"
#include "model/words.h"
#include "widgets/parts.h"

#include <glib/gi18n.h>

/* The service answers 10 questions a second for each user; this leaves most of them to others. */
#define REFRESH_SECONDS 2

struct _ScProcessesPage {
  AdwBin parent_instance;

  ScPatch *patch;
  gulong changed_handler;
  ScProcessList *processes;
  guint timer; /* runs while the page is on screen */

  GtkStack *stack;
  GtkSpinner *spinner;
  GtkLabel *summary_label;
  GtkListView *list;
  AdwStatusPage *none_page;
  AdwStatusPage *failed_page;
};

G_DEFINE_FINAL_TYPE (ScProcessesPage, sc_processes_page, ADW_TYPE_BIN)

/* -------------------------------------------------------------------------------------------------------------
 * rows */

static void
on_bind (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer user_data)
{
  ScProcess *process = gtk_list_item_get_item (item);
  ScWord status = sc_word_process (sc_process_get_status (process));
  g_autofree char *place = sc_process_get_place (process);
  g_autofree char *explanation = sc_process_get_explanation (process);
  g_autofree char *second = *explanation ? g_strdup_printf ("%s\n%s", place, explanation) : g_strdup (place);
  GtkWidget *content = sc_word_content_new (status, sc_process_get_command (process), second);
  g_autofree char *label = g_strdup_printf ("%s, %s", sc_process_get_command (process), status.word);

  gtk_list_item_set_child (item, content);
  gtk_list_item_set_activatable (item, FALSE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (gtk_widget_get_parent (content)),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, label, GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                  second, -1);
}

static void
on_unbind (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer user_data)
{
  gtk_list_item_set_child (item, NULL);
}

/* ----------------------------------------------------------------------------------------------------------
 * content */

static char *
summary (ScProcessesPage *self)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->processes));
  guint patched = 0;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (ScProcess) process = g_list_model_get_item (G_LIST_MODEL (self->processes), i);
      patched += g_str_equal (sc_process_get_status (process), "patched");
    }
  if (sc_patch_get_kind (self->patch) == SC_KIND_KERNEL)
    return g_strdup_printf (ngettext ("%u task holds the kernel’s transition up",
                                      "%u tasks hold the kernel’s transition up", n - patched),
                            n - patched);
  return g_strdup_printf (ngettext ("%u of %u process runs the new code",
                                    "%u of %u processes run the new code", n),
                          patched, n);
}

static void
on_refreshed (ScProcessesPage *self)
{
  g_autofree char *text = summary (self);
  gboolean any = g_list_model_get_n_items (G_LIST_MODEL (self->processes)) > 0;

  if (sc_patch_get_kind (self->patch) == SC_KIND_KERNEL)
    {
      adw_status_page_set_title (self->none_page, _ ("No stalled tasks"));
      adw_status_page_set_description (self->none_page,
                                       _ ("Nothing holds the kernel up in switching over to other code."));
    }
  else
    {
      adw_status_page_set_title (self->none_page, _ ("No processes"));
      adw_status_page_set_description (self->none_page,
                                       _ ("Nothing runs the target of this patch at the moment."));
    }
  gtk_label_set_label (self->summary_label, text);
  gtk_stack_set_visible_child_name (self->stack, any ? "list" : "none");
  gtk_spinner_stop (self->spinner);
}

static void
on_failed (ScProcessesPage *self, const GError *error)
{
  g_autoptr (ScFailure) failure = sc_failure_from_error (error);
  g_autofree char *text = g_markup_printf_escaped ("%s %s", failure->sentence, failure->advice);

  /* Asked too often, maybe by another client of the same user: what is shown is a moment old, that is all. */
  if (g_str_has_suffix (failure->name, ".LimitsExceeded"))
    return;
  adw_status_page_set_description (self->failed_page, text);
  gtk_stack_set_visible_child_name (self->stack, "failed");
}

static void
refresh (ScProcessesPage *self)
{
  if (gtk_widget_get_mapped (GTK_WIDGET (self)))
    sc_process_list_refresh (self->processes);
}

static gboolean
on_timer (gpointer user_data)
{
  refresh (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_map (GtkWidget *widget)
{
  ScProcessesPage *self = SC_PROCESSES_PAGE (widget);

  GTK_WIDGET_CLASS (sc_processes_page_parent_class)->map (widget);
  refresh (self);
  self->timer = g_timeout_add_seconds (REFRESH_SECONDS, on_timer, self);
}

static void
on_unmap (GtkWidget *widget)
{
  g_clear_handle_id (&SC_PROCESSES_PAGE (widget)->timer, g_source_remove);
  GTK_WIDGET_CLASS (sc_processes_page_parent_class)->unmap (widget);
}

void
sc_processes_page_connect (ScProcessesPage *self, ScClient *client)
{
  g_autoptr (GtkListItemFactory) factory = gtk_signal_list_item_factory_new ();

  self->processes = sc_process_list_new (client);
  g_signal_connect_object (self->processes, "refreshed", G_CALLBACK (on_refreshed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->processes, "failed", G_CALLBACK (on_failed), self, G_CONNECT_SWAPPED);
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind), NULL);
  g_signal_connect (factory, "unbind", G_CALLBACK (on_unbind), NULL);
  gtk_list_view_set_factory (self->list, factory);
  GtkNoSelection *selection = gtk_no_selection_new (g_object_ref (G_LIST_MODEL (self->processes)));
  gtk_list_view_set_model (self->list, GTK_SELECTION_MODEL (selection));
  g_object_unref (selection);
}

void
sc_processes_page_set_patch (ScProcessesPage *self, ScPatch *patch)
{
  if (self->patch == patch)
    return;
  if (self->patch)
    g_clear_signal_handler (&self->changed_handler, self->patch);
  g_set_object (&self->patch, patch);
  sc_process_list_set_patch (self->processes, patch);
  if (!patch)
    return;
  gtk_stack_set_visible_child_name (self->stack, "wait");
  gtk_spinner_start (self->spinner);
  self->changed_handler = g_signal_connect_swapped (patch, "changed", G_CALLBACK (refresh), self);
  refresh (self);
}

static void
sc_processes_page_dispose (GObject *object)
{
  ScProcessesPage *self = SC_PROCESSES_PAGE (object);

  if (self->patch)
    g_clear_signal_handler (&self->changed_handler, self->patch);
  g_clear_object (&self->patch);
  g_clear_object (&self->processes);
  g_clear_handle_id (&self->timer, g_source_remove);
  G_OBJECT_CLASS (sc_processes_page_parent_class)->dispose (object);
}

static void
sc_processes_page_class_init (ScProcessesPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_processes_page_dispose;
  widget_class->map = on_map;
  widget_class->unmap = on_unmap;
  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/processes-page.ui");
  gtk_widget_class_bind_template_child (widget_class, ScProcessesPage, stack);
  gtk_widget_class_bind_template_child (widget_class, ScProcessesPage, spinner);
  gtk_widget_class_bind_template_child (widget_class, ScProcessesPage, summary_label);
  gtk_widget_class_bind_template_child (widget_class, ScProcessesPage, list);
  gtk_widget_class_bind_template_child (widget_class, ScProcessesPage, none_page);
  gtk_widget_class_bind_template_child (widget_class, ScProcessesPage, failed_page);
}

static void
sc_processes_page_init (ScProcessesPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  sc_stack_hide_pages (GTK_WIDGET (self->stack));
}
