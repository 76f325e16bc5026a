/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small building blocks that several pages share; see parts.h. */
#include "parts.h"

#include <glib/gi18n.h>

GtkWidget *
sc_text_new (const char *text, const char *style)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  if (style)
    gtk_widget_add_css_class (label, style);
  return label;
}

/* A row that is only looked at. Screen readers say @name for it. */
static GtkWidget *
plain_row (GtkWidget *child, const char *name)
{
  GtkWidget *row = gtk_list_box_row_new ();

  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);

  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_widget_set_focusable (row, FALSE);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), child);
  return row;
}

GtkWidget *
sc_property_row_new (const char *title, const char *value)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  GtkWidget *caption = sc_text_new (title, "caption");
  GtkWidget *text = sc_text_new (value, NULL);
  g_autofree char *name = g_strdup_printf (_ ("%s: %s"), title, value);

  gtk_widget_add_css_class (caption, "dim-label");
  gtk_widget_add_css_class (box, "row-content");
  gtk_label_set_selectable (GTK_LABEL (text), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (text), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, title, -1);
  gtk_box_append (GTK_BOX (box), caption);
  gtk_box_append (GTK_BOX (box), text);
  return plain_row (box, name);
}

GtkWidget *
sc_word_content_new (ScWord word, const char *title, const char *subtitle)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  GtkWidget *icon = gtk_image_new_from_icon_name (word.icon);
  GtkWidget *label = gtk_label_new (word.word);

  gtk_widget_set_valign (icon, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (icon, word.style);
  gtk_widget_add_css_class (label, word.style);
  gtk_widget_add_css_class (label, "state-word");
  gtk_widget_add_css_class (box, "row-content");
  gtk_widget_set_hexpand (texts, TRUE);
  gtk_widget_set_valign (texts, GTK_ALIGN_CENTER);
  gtk_box_append (GTK_BOX (texts), sc_text_new (title, NULL));
  if (*subtitle)
    {
      GtkWidget *second = sc_text_new (subtitle, "caption");
      gtk_label_set_selectable (GTK_LABEL (second), TRUE);
      gtk_widget_add_css_class (second, "dim-label");
      gtk_box_append (GTK_BOX (texts), second);
    }
  gtk_box_append (GTK_BOX (box), icon);
  gtk_box_append (GTK_BOX (box), texts);
  gtk_box_append (GTK_BOX (box), label);
  return box;
}

GtkWidget *
sc_word_row_new (ScWord word, const char *title, const char *subtitle)
{
  g_autofree char *name = g_strdup_printf ("%s, %s", title, word.word);

  return plain_row (sc_word_content_new (word, title, subtitle), name);
}

GtkWidget *
sc_problem_card_new (const char *sentence, const char *advice, gboolean harmless)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  GtkWidget *icon
      = gtk_image_new_from_icon_name (harmless ? "syscare-pending-symbolic" : "syscare-problem-symbolic");

  gtk_widget_set_valign (icon, GTK_ALIGN_START);
  gtk_widget_add_css_class (icon, harmless ? "state-pending" : "state-problem");
  gtk_widget_add_css_class (box, "card");
  gtk_widget_add_css_class (box, "problem-card");
  gtk_widget_set_hexpand (texts, TRUE);
  gtk_box_append (GTK_BOX (texts), sc_text_new (sentence, "heading"));
  if (*advice)
    gtk_box_append (GTK_BOX (texts), sc_text_new (advice, NULL));
  gtk_box_append (GTK_BOX (box), icon);
  gtk_box_append (GTK_BOX (box), texts);
  return box;
}

void
sc_box_clear (GtkBox *box)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (box))))
    gtk_box_remove (box, child);
}

static void
on_failure_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  if (g_str_equal (response, "copy"))
    gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (dialog)),
                            g_object_get_data (G_OBJECT (dialog), "details"));
}

void
sc_failure_show (ScFailure *failure, const char *heading, GtkWidget *parent)
{
  GtkRoot *root = gtk_widget_get_root (parent);
  GtkWidget *dialog
      = adw_message_dialog_new (GTK_WINDOW (root), heading ? heading : _ ("That didn’t work"), NULL);
  g_autofree char *body = g_strdup_printf ("%s %s", failure->sentence, failure->advice);
  GtkWidget *expander = gtk_expander_new_with_mnemonic (_ ("_Details"));
  GtkWidget *text = sc_text_new (failure->detail, "monospace");

  adw_message_dialog_set_body (ADW_MESSAGE_DIALOG (dialog), body);
  gtk_label_set_selectable (GTK_LABEL (text), TRUE);
  gtk_widget_add_css_class (text, "caption");
  gtk_expander_set_child (GTK_EXPANDER (expander), text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (expander), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Details"),
                                  -1);
  if (*failure->detail)
    adw_message_dialog_set_extra_child (ADW_MESSAGE_DIALOG (dialog), expander);
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "copy", _ ("C_opy Details"), "close",
                                    _ ("_Close"), NULL);
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "close");
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "close");
  g_object_set_data_full (G_OBJECT (dialog), "details",
                          g_strdup_printf ("%s\n%s\n%s", failure->name, body, failure->detail), g_free);
  g_signal_connect (dialog, "response", G_CALLBACK (on_failure_response), NULL);
  gtk_window_present (GTK_WINDOW (dialog));
}

void
sc_widget_set_told (GtkWidget *widget, gboolean told)
{
  gtk_accessible_update_state (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_STATE_HIDDEN, !told, -1);
}

static void
update_told_pages (GtkWidget *stack)
{
  g_autoptr (GtkWidget) shown = NULL;
  g_autoptr (GListModel) pages = NULL;

  g_object_get (stack, "visible-child", &shown, "pages", &pages, NULL);
  for (guint i = 0; i < g_list_model_get_n_items (pages); i++)
    {
      g_autoptr (GObject) page = g_list_model_get_item (pages, i);
      g_autoptr (GtkWidget) child = NULL;
      g_object_get (page, "child", &child, NULL);
      sc_widget_set_told (child, child == shown);
    }
}

void
sc_stack_hide_pages (GtkWidget *stack)
{
  g_signal_connect (stack, "notify::visible-child", G_CALLBACK (update_told_pages), NULL);
  update_told_pages (stack);
}
