/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How an action on several patches ended, patch by patch; see result-dialog.h. */
#include "result-dialog.h"

#include "model/patch.h"
#include "widgets/parts.h"

#include <glib/gi18n.h>

/* "redis-server (812): thread 815 is in streamAck" for each process that didn't go as wished. */
static char *
troubled_processes (GVariant *entry)
{
  g_autoptr (GVariant) processes = g_variant_lookup_value (entry, "Processes", G_VARIANT_TYPE ("aa{sv}"));
  GString *text = g_string_new (NULL);

  for (gsize i = 0; processes && i < g_variant_n_children (processes); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);
      const char *status = "", *command = "", *reason = "", *detail = "";
      guint pid = 0;
      g_variant_lookup (process, "Status", "&s", &status);
      if (!g_str_equal (status, "failed") && !g_str_equal (status, "unpatchable")
          && !g_str_equal (status, "pending"))
        continue;
      g_variant_lookup (process, "Command", "&s", &command);
      g_variant_lookup (process, "Reason", "&s", &reason);
      g_variant_lookup (process, "Detail", "&s", &detail);
      g_variant_lookup (process, "Pid", "u", &pid);
      g_string_append_printf (text, "%s%s (%u): %s %s", text->len > 0 ? "\n" : "", command, pid, reason,
                              detail);
    }
  return g_string_free (text, FALSE);
}

static GtkWidget *
result_row_new (GVariant *entry)
{
  const char *name = "", *result = "";

  g_variant_lookup (entry, "Name", "&s", &name);
  g_variant_lookup (entry, "Result", "&s", &result);
  g_autofree char *second = troubled_processes (entry);
  g_autofree char *title = sc_patch_title_from_name (name);
  return sc_word_row_new (sc_word_result (result), title ? title : name, second);
}

static char *
heading_of (GVariant *results)
{
  guint good = 0, bad = 0;

  for (gsize i = 0; i < g_variant_n_children (results); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (results, i);
      const char *result = "";
      g_variant_lookup (entry, "Result", "&s", &result);
      if (g_str_equal (result, "succeeded") || g_str_equal (result, "unchanged"))
        good++;
      else
        bad++;
    }
  /* Translators: numbers of patches */
  return g_strdup_printf (_ ("%u done, %u not done"), good, bad);
}

void
sc_result_dialog_show (GtkWindow *parent, ScFailure *failure, GVariant *results)
{
  g_autofree char *heading = heading_of (results);
  GtkWidget *window = adw_window_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *header = adw_header_bar_new ();
  GtkWidget *content = gtk_box_new (GTK_ORIENTATION_VERTICAL, 18);
  GtkWidget *list = gtk_list_box_new ();
  GtkWidget *scroller = gtk_scrolled_window_new ();
  GtkEventController *keys = gtk_shortcut_controller_new ();

  gtk_window_set_title (GTK_WINDOW (window), _ ("Result"));
  gtk_window_set_transient_for (GTK_WINDOW (window), parent);
  gtk_window_set_modal (GTK_WINDOW (window), TRUE);
  gtk_window_set_default_size (GTK_WINDOW (window), 520, 460);
  gtk_widget_add_css_class (content, "page-content");
  gtk_box_append (GTK_BOX (content), sc_text_new (heading, "title-3"));
  if (failure)
    {
      gtk_box_append (GTK_BOX (content), sc_problem_card_new (failure->sentence, failure->advice, FALSE));
      if (*failure->detail)
        gtk_box_append (GTK_BOX (content), sc_text_new (failure->detail, "monospace"));
    }
  gtk_list_box_set_selection_mode (GTK_LIST_BOX (list), GTK_SELECTION_NONE);
  gtk_widget_add_css_class (list, "boxed-list");
  gtk_accessible_update_property (GTK_ACCESSIBLE (list), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Results"), -1);
  for (gsize i = 0; i < g_variant_n_children (results); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (results, i);
      gtk_list_box_append (GTK_LIST_BOX (list), result_row_new (entry));
    }
  gtk_box_append (GTK_BOX (content), list);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), content);
  gtk_widget_set_vexpand (scroller, TRUE);
  gtk_box_append (GTK_BOX (box), header);
  gtk_box_append (GTK_BOX (box), scroller);
  adw_window_set_content (ADW_WINDOW (window), box);
  gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (keys),
                                        gtk_shortcut_new (gtk_keyval_trigger_new (GDK_KEY_Escape, 0),
                                                          gtk_named_action_new ("window.close")));
  gtk_widget_add_controller (window, keys);
  gtk_window_present (GTK_WINDOW (window));
}
