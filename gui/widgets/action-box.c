/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The buttons for what can be done now to some patches; see action-box.h. */
#include "action-box.h"

#include "widgets/parts.h"

#include <glib/gi18n.h>

struct _ScActionBox {
  AdwBin parent_instance;

  ScPermissions *permissions;
  GtkWidget *flow;
  GtkWidget *slot[SC_N_VERBS]; /* GtkFlowBoxChild */
  GtkWidget *button[SC_N_VERBS];
  GtkWidget *expander;
  GtkBox *reasons;
};

G_DEFINE_FINAL_TYPE (ScActionBox, sc_action_box, ADW_TYPE_BIN)

enum { VERB, N_SIGNALS };

static guint signals[N_SIGNALS];

static void
on_clicked (ScActionBox *self, GtkButton *button)
{
  g_signal_emit (self, signals[VERB], 0, GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (button), "verb")));
}

static void
add_reason (ScActionBox *self, ScVerb verb, const char *reason)
{
  g_autofree char *noun = sc_verb_noun (sc_verb_info (verb)->word);
  g_autofree char *line = g_strdup_printf (_ ("%s: %s"), noun, reason);

  gtk_box_append (self->reasons, sc_text_new (line, "caption"));
}

/* The first verb that is possible is the natural next step, unless it takes protection away. What does is
 * plain here: it asks before anything happens, and the button that says yes to that is the red one. */
static void
style_button (ScActionBox *self, ScVerb verb, gboolean first)
{
  gboolean suggest = first && !sc_verb_info (verb)->confirm;
  const char *classes[3] = { "action-button", suggest ? "suggested-action" : NULL, NULL };

  gtk_widget_set_css_classes (self->button[verb], classes);
}

static void
update (ScActionBox *self)
{
  gboolean first = TRUE, any_off = FALSE;

  sc_box_clear (self->reasons);
  for (guint verb = 0; verb < SC_N_VERBS; verb++)
    {
      const char *reason;
      g_autoptr (GPtrArray) fit = sc_permissions_get_fit (self->permissions, verb);
      gboolean possible = sc_permissions_check (self->permissions, verb, &reason);
      gboolean shown = fit->len > 0;

      gtk_widget_set_visible (self->slot[verb], shown);
      gtk_widget_set_sensitive (self->button[verb], possible);
      gtk_widget_set_tooltip_text (self->button[verb],
                                   possible ? _ (sc_verb_info (verb)->explanation) : reason);
      gtk_accessible_update_property (GTK_ACCESSIBLE (self->button[verb]),
                                      GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                      possible ? _ (sc_verb_info (verb)->explanation) : reason, -1);
      style_button (self, verb, first && shown);
      first &= !shown;
      if (!possible && *reason)
        {
          add_reason (self, verb, reason);
          any_off = TRUE;
        }
    }
  gtk_widget_set_visible (self->flow, !first);
  gtk_widget_set_visible (self->expander, any_off);
}

GtkWidget *
sc_action_box_new (void)
{
  return g_object_new (SC_TYPE_ACTION_BOX, NULL);
}

void
sc_action_box_set_permissions (ScActionBox *self, ScPermissions *permissions)
{
  self->permissions = g_object_ref (permissions);
  g_signal_connect_object (permissions, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
}

static void
sc_action_box_dispose (GObject *object)
{
  g_clear_object (&SC_ACTION_BOX (object)->permissions);
  G_OBJECT_CLASS (sc_action_box_parent_class)->dispose (object);
}

static void
sc_action_box_class_init (ScActionBoxClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = sc_action_box_dispose;
  signals[VERB] = g_signal_new ("verb", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                G_TYPE_NONE, 1, G_TYPE_UINT);
}

static void
add_button (ScActionBox *self, ScVerb verb)
{
  GtkWidget *button = gtk_button_new_with_mnemonic (_ (sc_verb_info (verb)->label));
  GtkWidget *child = gtk_flow_box_child_new ();
  g_autofree char *noun = sc_verb_noun (sc_verb_info (verb)->word);

  g_object_set_data (G_OBJECT (button), "verb", GUINT_TO_POINTER (verb));
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, noun, -1);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_clicked), self, G_CONNECT_SWAPPED);
  gtk_flow_box_child_set_child (GTK_FLOW_BOX_CHILD (child), button);
  gtk_widget_set_focusable (child, FALSE);
  gtk_flow_box_append (GTK_FLOW_BOX (self->flow), child);
  self->slot[verb] = child;
  self->button[verb] = button;
}

static void
sc_action_box_init (ScActionBox *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);

  self->flow = gtk_flow_box_new ();
  gtk_flow_box_set_selection_mode (GTK_FLOW_BOX (self->flow), GTK_SELECTION_NONE);
  gtk_flow_box_set_homogeneous (GTK_FLOW_BOX (self->flow), TRUE);
  gtk_flow_box_set_column_spacing (GTK_FLOW_BOX (self->flow), 6);
  gtk_flow_box_set_row_spacing (GTK_FLOW_BOX (self->flow), 6);
  gtk_flow_box_set_max_children_per_line (GTK_FLOW_BOX (self->flow), 4);
  for (guint verb = 0; verb < SC_N_VERBS; verb++)
    add_button (self, verb);

  self->reasons = GTK_BOX (gtk_box_new (GTK_ORIENTATION_VERTICAL, 6));
  gtk_widget_add_css_class (GTK_WIDGET (self->reasons), "reasons");
  self->expander = gtk_expander_new_with_mnemonic (_ ("_Why other actions are off"));
  gtk_expander_set_child (GTK_EXPANDER (self->expander), GTK_WIDGET (self->reasons));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->expander), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Why other actions are off"), -1);
  gtk_box_append (GTK_BOX (box), self->flow);
  gtk_box_append (GTK_BOX (box), self->expander);
  adw_bin_set_child (ADW_BIN (self), box);
}
