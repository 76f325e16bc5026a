/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that is to be known of one patch; see overview-page.h. */
#include "overview-page.h"

#include "model/words.h"
#include "widgets/parts.h"

#include <glib/gi18n.h>

struct _ScOverviewPage {
  AdwBin parent_instance;

  ScClient *client;
  ScPatch *patch;
  gulong changed_handler;
  GCancellable *cancellable; /* of the question for the details */
  char *rows_shown;          /* what the rows were made from: they are only made anew when that changes */

  GtkScrolledWindow *scroller;
  GtkLabel *title_label;
  GtkLabel *target_label;
  GtkImage *state_icon;
  GtkLabel *state_label;
  GtkLabel *summary_label;
  GtkLabel *change_label;
  GtkBox *problems;
  ScActionBox *actions;
  GtkWidget *fixes_group;
  GtkListBox *fixes;
  GtkWidget *target_group;
  GtkListBox *target;
  GtkListBox *patch_rows;
};

G_DEFINE_FINAL_TYPE (ScOverviewPage, sc_overview_page, ADW_TYPE_BIN)

/* -------------------------------------------------------------------------------------------------------------
 * rows */

static void
clear_list (GtkListBox *list)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (list))))
    gtk_list_box_remove (list, child);
}

static void
add_row (GtkListBox *list, const char *title, const char *value)
{
  if (value && *value)
    gtk_list_box_append (list, sc_property_row_new (title, value));
}

static char *
detail_string (ScOverviewPage *self, const char *property)
{
  g_autoptr (GVariant) value = sc_patch_get_detail (self->patch, property, G_VARIANT_TYPE_STRING);

  return value ? g_variant_dup_string (value, NULL) : g_strdup ("");
}

static void
add_detail (ScOverviewPage *self, GtkListBox *list, const char *title, const char *property)
{
  g_autofree char *value = detail_string (self, property);

  add_row (list, title, value);
}

/* One line for each string of the property. */
static char *
detail_lines (ScOverviewPage *self, const char *property)
{
  g_autoptr (GVariant) value = sc_patch_get_detail (self->patch, property, G_VARIANT_TYPE_STRING_ARRAY);
  g_autofree const char **lines = value ? g_variant_get_strv (value, NULL) : NULL;

  return lines ? g_strjoinv ("\n", (char **)lines) : g_strdup ("");
}

static char *
source_patch_lines (ScOverviewPage *self)
{
  g_autoptr (GVariant) value = sc_patch_get_detail (self->patch, "SourcePatches", G_VARIANT_TYPE ("a(ss)"));
  GString *text = g_string_new (NULL);

  for (gsize i = 0; value && i < g_variant_n_children (value); i++)
    {
      const char *name, *digest;
      g_variant_get_child (value, i, "(&s&s)", &name, &digest);
      g_string_append_printf (text, "%s%s\n%s", i > 0 ? "\n" : "", name, digest);
    }
  return g_string_free (text, FALSE);
}

static void
on_cve_clicked (GtkButton *button)
{
  const char *issue = g_object_get_data (G_OBJECT (button), "issue");
  g_autofree char *uri = g_strconcat ("https://www.cve.org/CVERecord?id=", issue, NULL);

  gtk_show_uri (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (button))), uri, GDK_CURRENT_TIME);
}

static GtkWidget *
issue_row_new (const char *issue)
{
  GtkWidget *row = adw_action_row_new ();
  GtkWidget *button = gtk_button_new_from_icon_name ("syscare-external-symbolic");
  g_autofree char *label = g_strdup_printf (_ ("Open the record of %s in the browser"), issue);

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), issue);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_set_tooltip_text (button, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_object_set_data_full (G_OBJECT (button), "issue", g_strdup (issue), g_free);
  g_signal_connect (button, "clicked", G_CALLBACK (on_cve_clicked), NULL);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  return row;
}

static void
fill_fixes (ScOverviewPage *self)
{
  const char *const *issues = sc_patch_get_issues (self->patch);

  clear_list (self->fixes);
  add_row (self->fixes, _ ("Description"), sc_patch_get_description (self->patch));
  for (guint i = 0; issues[i]; i++)
    {
      if (g_str_has_prefix (issues[i], "CVE-"))
        gtk_list_box_append (self->fixes, issue_row_new (issues[i]));
      else
        add_row (self->fixes, _ ("Issue"), issues[i]);
    }
  if (sc_patch_get_severity (self->patch) != SC_SEVERITY_NONE)
    add_row (self->fixes, _ ("Severity"), sc_word_severity (sc_patch_get_severity (self->patch)).word);
  gtk_widget_set_visible (self->fixes_group, gtk_widget_get_first_child (GTK_WIDGET (self->fixes)) != NULL);
}

static void
fill_target (ScOverviewPage *self)
{
  g_autofree char *files = detail_lines (self, "TargetFiles");

  clear_list (self->target);
  add_row (self->target, _ ("Package"), sc_patch_get_target (self->patch));
  add_row (self->target, _ ("Object"), sc_patch_get_object (self->patch));
  add_row (self->target, _ ("Files"), files);
  add_detail (self, self->target, _ ("Build-ID"), "TargetBuildId");
  if (sc_patch_get_kind (self->patch) == SC_KIND_KERNEL)
    add_row (self->target, _ ("Running kernel"), sc_client_get_kernel (self->client));
  gtk_widget_set_visible (self->target_group, gtk_widget_get_first_child (GTK_WIDGET (self->target)) != NULL);
}

static void
fill_patch (ScOverviewPage *self)
{
  g_autofree char *functions = detail_lines (self, "Functions");
  g_autofree char *sources = source_patch_lines (self);
  g_autofree char *version = detail_string (self, "Version");
  g_autofree char *release = detail_string (self, "Release");
  g_autofree char *both = *release ? g_strdup_printf ("%s-%s", version, release) : g_strdup (version);
  g_autofree char *signer = detail_string (self, "Signer");
  g_autoptr (GVariant) known = sc_patch_get_detail (self->patch, "Digest", G_VARIANT_TYPE_STRING);

  clear_list (self->patch_rows);
  add_row (self->patch_rows, _ ("Functions replaced or added"), functions);
  add_row (self->patch_rows, _ ("Kind"), sc_word_kind (sc_patch_get_kind (self->patch)).word);
  add_row (self->patch_rows, _ ("Source patches"), sources);
  add_row (self->patch_rows, _ ("Version of the patch"), both);
  add_detail (self, self->patch_rows, _ ("Architecture"), "Architecture");
  if (known)
    add_row (self->patch_rows, _ ("Signed by"), *signer ? signer : _ ("Nobody whom this machine trusts"));
  add_detail (self, self->patch_rows, _ ("License"), "License");
  add_detail (self, self->patch_rows, _ ("Digest (SHA-256)"), "Digest");
  add_row (self->patch_rows, _ ("Full name"), sc_patch_get_name (self->patch));
  add_row (self->patch_rows, _ ("UUID"), sc_patch_get_uuid (self->patch));
  add_detail (self, self->patch_rows, _ ("Bundle"), "Bundle");
}

/* -------------------------------------------------------------------------------------------------- what
 * changes often */

static void
update_state (ScOverviewPage *self)
{
  ScWord state = sc_word_state (sc_patch_get_state (self->patch));
  g_autofree char *summary = sc_words_summary (self->patch);
  g_autofree char *moment = sc_words_time (sc_patch_get_last_change (self->patch));
  g_autofree char *change = *moment ? g_strdup_printf (_ ("Last changed %s"), moment) : g_strdup ("");
  const char *icon_style[] = { state.style, NULL };
  const char *label_style[] = { "title-3", state.style, NULL };

  gtk_label_set_label (self->title_label, sc_patch_get_title (self->patch));
  gtk_label_set_label (self->target_label, sc_patch_get_target (self->patch));
  gtk_image_set_from_icon_name (self->state_icon, state.icon);
  gtk_widget_set_css_classes (GTK_WIDGET (self->state_icon), icon_style);
  gtk_label_set_label (self->state_label, state.word);
  gtk_widget_set_css_classes (GTK_WIDGET (self->state_label), label_style);
  gtk_label_set_label (self->summary_label, summary);
  gtk_label_set_label (self->change_label, change);
  gtk_widget_set_visible (GTK_WIDGET (self->change_label), *change != '\0');
}

static void
update_problems (ScOverviewPage *self)
{
  const char *const *problems = sc_patch_get_problems (self->patch);

  sc_box_clear (self->problems);
  for (guint i = 0; problems[i]; i++)
    {
      const char *advice;
      const char *sentence = sc_words_problem (problems[i], sc_patch_get_kind (self->patch), &advice);
      gtk_box_append (self->problems,
                      sc_problem_card_new (sentence, advice, sc_words_problem_is_harmless (problems[i])));
    }
  gtk_widget_set_visible (GTK_WIDGET (self->problems), problems[0] != NULL);
}

/* What the rows are made from, so that a selection in them isn't lost when only the state changes. */
static char *
rows_signature (ScOverviewPage *self)
{
  g_autofree char *digest = detail_string (self, "Digest");
  g_autofree char *functions = detail_lines (self, "Functions");

  return g_strjoin ("\n", sc_patch_get_uuid (self->patch), sc_patch_get_haystack (self->patch), digest,
                    functions, NULL);
}

static void
update (ScOverviewPage *self)
{
  g_autofree char *signature = rows_signature (self);

  update_state (self);
  update_problems (self);
  if (g_strcmp0 (signature, self->rows_shown) == 0)
    return;
  g_free (self->rows_shown);
  self->rows_shown = g_steal_pointer (&signature);
  fill_fixes (self);
  fill_target (self);
  fill_patch (self);
}

static void
on_details (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (ScPatch) patch = user_data;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, NULL);

  if (!reply)
    return; /* the list has all that is needed to act; the service's absence shows elsewhere */
  g_autoptr (GVariant) values = g_variant_get_child_value (reply, 0);
  sc_patch_update (patch, values);
}

static void
ask_for_details (ScOverviewPage *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  if (!self->patch)
    return;
  self->cancellable = g_cancellable_new ();
  sc_client_get_all (self->client, sc_patch_get_path (self->patch), SC_PATCH_INTERFACE, self->cancellable,
                     on_details, g_object_ref (self->patch));
}

void
sc_overview_page_connect (ScOverviewPage *self, ScClient *client)
{
  self->client = g_object_ref (client);
}

void
sc_overview_page_set_patch (ScOverviewPage *self, ScPatch *patch)
{
  if (self->patch == patch)
    return;
  if (self->patch)
    g_clear_signal_handler (&self->changed_handler, self->patch);
  g_set_object (&self->patch, patch);
  ask_for_details (self);
  if (!patch)
    return;
  self->changed_handler = g_signal_connect_swapped (patch, "changed", G_CALLBACK (update), self);
  update (self);
  gtk_adjustment_set_value (gtk_scrolled_window_get_vadjustment (self->scroller), 0);
}

ScActionBox *
sc_overview_page_get_actions (ScOverviewPage *self)
{
  return self->actions;
}

char *
sc_overview_page_to_text (ScOverviewPage *self)
{
  g_autofree char *issues = g_strjoinv (" ", (char **)sc_patch_get_issues (self->patch));
  g_autofree char *problems = g_strjoinv (" ", (char **)sc_patch_get_problems (self->patch));
  g_autofree char *digest = detail_string (self, "Digest");
  g_autofree char *build_id = detail_string (self, "TargetBuildId");

  return g_strdup_printf ("%s\n%s: %s\n%s: %s\n%s: %s (%u/%u)\n%s: %s\n%s: %s\n%s: %s\n%s: %s\n",
                          sc_patch_get_name (self->patch), _ ("UUID"), sc_patch_get_uuid (self->patch),
                          _ ("Package"), sc_patch_get_target (self->patch), _ ("State"),
                          sc_word_state (sc_patch_get_state (self->patch)).word,
                          sc_patch_get_patched (self->patch), sc_patch_get_total (self->patch), _ ("Issue"),
                          issues, _ ("Problems"), problems, _ ("Digest (SHA-256)"), digest, _ ("Build-ID"),
                          build_id);
}

static void
sc_overview_page_dispose (GObject *object)
{
  ScOverviewPage *self = SC_OVERVIEW_PAGE (object);

  sc_overview_page_set_patch (self, NULL);
  g_clear_object (&self->client);
  G_OBJECT_CLASS (sc_overview_page_parent_class)->dispose (object);
}

static void
sc_overview_page_finalize (GObject *object)
{
  g_free (SC_OVERVIEW_PAGE (object)->rows_shown);
  G_OBJECT_CLASS (sc_overview_page_parent_class)->finalize (object);
}

static void
sc_overview_page_class_init (ScOverviewPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_overview_page_dispose;
  G_OBJECT_CLASS (klass)->finalize = sc_overview_page_finalize;
  g_type_ensure (SC_TYPE_ACTION_BOX);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/overview-page.ui");
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, scroller);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, title_label);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, target_label);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, state_icon);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, state_label);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, summary_label);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, change_label);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, problems);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, actions);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, fixes_group);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, fixes);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, target_group);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, target);
  gtk_widget_class_bind_template_child (widget_class, ScOverviewPage, patch_rows);
}

static void
sc_overview_page_init (ScOverviewPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
