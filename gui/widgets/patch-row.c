/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One patch in the list; see patch-row.h. */
#include "patch-row.h"

#include "model/words.h"

#include <glib/gi18n.h>
#include <string.h>

struct _ScPatchRow {
  GtkWidget parent_instance;

  ScPatch *patch;
  gulong changed_handler;
  gboolean grouped;
  gboolean selecting;
  struct {
    guint kind;
    guint state;
    guint severity;
    guint harmless;
  } shown; /* what the widgets below show now, G_MAXUINT for nothing yet */

  GtkLabel *group_label;
  GtkWidget *body;
  GtkCheckButton *check;
  GtkImage *kind_icon;
  GtkLabel *title_label;
  GtkLabel *subtitle_label;
  GtkWidget *state_box;
  GtkImage *problem_icon;
  GtkImage *state_icon;
  GtkSpinner *spinner;
  GtkLabel *state_label;
  GtkLabel *severity_label;
};

G_DEFINE_FINAL_TYPE (ScPatchRow, sc_patch_row, GTK_TYPE_WIDGET)

enum { OPENED, TOGGLED, N_SIGNALS };

static guint signals[N_SIGNALS];

/* "redis 7.0.15 · CVE-2026-1 and 2 more"; the target is left out where the group's title says it. */
static char *
subtitle (ScPatchRow *self)
{
  const char *const *issues = sc_patch_get_issues (self->patch);
  guint n = g_strv_length ((char **)issues);
  g_autofree char *cves = NULL;
  g_auto (GStrv) lines = g_strsplit (sc_patch_get_description (self->patch), "\n", 2);
  const char *about = lines[0] ? lines[0] : "";

  if (n == 1)
    cves = g_strdup (issues[0]);
  else if (n > 1)
    cves = g_strdup_printf (ngettext ("%s and %u more", "%s and %u more", n - 1), issues[0], n - 1);

  const char *first = self->grouped ? (cves ? cves : about) : sc_patch_get_target (self->patch);
  const char *second = self->grouped ? (cves ? about : "") : (cves ? cves : about);
  if (!*first || !*second)
    return g_strdup (*first ? first : second);
  return g_strdup_printf ("%s · %s", first, second);
}

static void
set_style (GtkWidget *widget, const char *base, const char *style)
{
  const char *classes[] = { base, style, NULL };

  gtk_widget_set_css_classes (widget, *base ? classes : classes + 1);
}

/* Those of the three that aren't empty; caller frees. */
static char *
join (const char *separator, const char *a, const char *b, const char *c)
{
  const char *all[] = { a, b, c };
  const char *parts[G_N_ELEMENTS (all) + 1] = { NULL };
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (*all[i])
      parts[n++] = all[i];
  return g_strjoinv (separator, (char **)parts);
}

/* Rows of a list view have no name of their own for screen readers: the list item around this widget gets it.
 */
static void
describe (ScPatchRow *self, ScWord state)
{
  GtkWidget *item = gtk_widget_get_parent (GTK_WIDGET (self));
  const char *const *problems = sc_patch_get_problems (self->patch);
  const char *severity = sc_word_severity (sc_patch_get_severity (self->patch)).word;
  const char *problem
      = problems[0] ? sc_words_problem (problems[0], sc_patch_get_kind (self->patch), NULL) : "";
  g_autofree char *issues = g_strjoinv (", ", (char **)sc_patch_get_issues (self->patch));
  g_autofree char *label
      = join (", ", sc_patch_get_title (self->patch), sc_patch_get_target (self->patch), state.word);
  g_autofree char *description = join (". ", issues, severity, problem);

  if (item)
    gtk_accessible_update_property (GTK_ACCESSIBLE (item), GTK_ACCESSIBLE_PROPERTY_LABEL, label,
                                    GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, description, -1);
}

/* Takes @value over; TRUE when that is another one. A row that scrolls by mostly looks like the one before in
 * its place, and a style set anew costs as much as a new one. */
static gboolean
differs (guint *shown, guint value)
{
  if (*shown == value)
    return FALSE;
  *shown = value;
  return TRUE;
}

/* The worst problem decides about the look: one that nobody needs to do anything about isn't red. */
static void
update_problem (ScPatchRow *self)
{
  const char *const *problems = sc_patch_get_problems (self->patch);
  gboolean harmless = TRUE;

  for (guint i = 0; problems[i]; i++)
    harmless &= sc_words_problem_is_harmless (problems[i]);
  gtk_widget_set_visible (GTK_WIDGET (self->problem_icon), problems[0] != NULL);
  if (!problems[0] || !differs (&self->shown.harmless, (guint)harmless))
    return;
  gtk_image_set_from_icon_name (self->problem_icon,
                                harmless ? "syscare-pending-symbolic" : "syscare-problem-symbolic");
  set_style (GTK_WIDGET (self->problem_icon), "", harmless ? "state-pending" : "state-problem");
}

static void
update_state (ScPatchRow *self, ScWord state)
{
  gboolean busy = sc_patch_get_job (self->patch) != NULL;

  gtk_widget_set_visible (GTK_WIDGET (self->state_icon), !busy);
  gtk_widget_set_visible (GTK_WIDGET (self->spinner), busy);
  gtk_spinner_set_spinning (self->spinner, busy);
  if (!differs (&self->shown.state, sc_patch_get_state (self->patch)))
    return;
  gtk_label_set_label (self->state_label, state.word);
  gtk_image_set_from_icon_name (self->state_icon, state.icon);
  set_style (GTK_WIDGET (self->state_icon), "", state.style);
  set_style (GTK_WIDGET (self->state_label), "state-word", state.style);
}

static void
update_severity (ScPatchRow *self)
{
  ScSeverity severity = sc_patch_get_severity (self->patch);
  ScWord word = sc_word_severity (severity);

  if (!differs (&self->shown.severity, severity))
    return;
  gtk_label_set_label (self->severity_label, word.word);
  set_style (GTK_WIDGET (self->severity_label), "caption", word.style);
  gtk_widget_set_visible (GTK_WIDGET (self->severity_label), severity != SC_SEVERITY_NONE);
}

static void
update (ScPatchRow *self)
{
  if (!self->patch)
    return;
  ScWord state = sc_word_state (sc_patch_get_state (self->patch));
  g_autofree char *second_line = subtitle (self);

  gtk_label_set_label (self->group_label, *sc_patch_get_target (self->patch)
                                              ? sc_patch_get_target (self->patch)
                                              : _ ("Unknown target"));
  gtk_label_set_label (self->title_label, sc_patch_get_title (self->patch));
  gtk_label_set_label (self->subtitle_label, second_line);
  gtk_widget_set_visible (GTK_WIDGET (self->subtitle_label), *second_line != '\0');
  if (differs (&self->shown.kind, sc_patch_get_kind (self->patch)))
    gtk_image_set_from_icon_name (self->kind_icon, sc_word_kind (sc_patch_get_kind (self->patch)).icon);
  update_state (self, state);
  update_problem (self);
  update_severity (self);
  describe (self, state);
}

GtkWidget *
sc_patch_row_new (void)
{
  return g_object_new (SC_TYPE_PATCH_ROW, NULL);
}

void
sc_patch_row_set_patch (ScPatchRow *self, ScPatch *patch)
{
  if (self->patch)
    g_clear_signal_handler (&self->changed_handler, self->patch);
  g_set_object (&self->patch, patch);
  if (patch)
    self->changed_handler = g_signal_connect_swapped (patch, "changed", G_CALLBACK (update), self);
  update (self);
}

void
sc_patch_row_set_group_start (ScPatchRow *self, gboolean grouped, gboolean starts)
{
  gtk_widget_set_visible (GTK_WIDGET (self->group_label), grouped && starts);
  if (self->grouped == grouped)
    return;
  self->grouped = grouped;
  update (self);
}

void
sc_patch_row_set_selecting (ScPatchRow *self, gboolean selecting)
{
  self->selecting = selecting;
  gtk_widget_set_visible (GTK_WIDGET (self->check), selecting);
}

void
sc_patch_row_set_selected (ScPatchRow *self, gboolean selected)
{
  gtk_check_button_set_active (self->check, selected);
}

/* While selecting, a click anywhere toggles; otherwise the list selects, and a plain click opens as well. */
static void
on_pressed (GtkGestureClick *gesture, int n_press, double x, double y, ScPatchRow *self)
{
  if (!self->selecting)
    return;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  g_signal_emit (self, signals[TOGGLED], 0);
}

static void
on_released (GtkGestureClick *gesture, int n_press, double x, double y, ScPatchRow *self)
{
  GdkModifierType modifiers = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (gesture));

  if (!self->selecting && (modifiers & (GDK_CONTROL_MASK | GDK_SHIFT_MASK)) == 0)
    g_signal_emit (self, signals[OPENED], 0);
}

/* Made when somebody asks for it: setting a tooltip's text asks the display where the pointer is, which for
 * each row that scrolls by took a sixth of all time. */
static gboolean
on_query_tooltip (GtkWidget *widget, int x, int y, gboolean keyboard, GtkTooltip *tooltip, ScPatchRow *self)
{
  if (!self->patch)
    return FALSE;
  g_autofree char *second_line = subtitle (self);
  g_autofree char *text = widget == self->body
                              ? g_strdup_printf ("%s\n%s", sc_patch_get_name (self->patch), second_line)
                              : g_strdup (sc_patch_get_target (self->patch));

  gtk_tooltip_set_text (tooltip, text);
  return *text != '\0';
}

static void
sc_patch_row_dispose (GObject *object)
{
  ScPatchRow *self = SC_PATCH_ROW (object);
  GtkWidget *child;

  sc_patch_row_set_patch (self, NULL);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (sc_patch_row_parent_class)->dispose (object);
}

static void
sc_patch_row_class_init (ScPatchRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = sc_patch_row_dispose;
  signals[OPENED] = g_signal_new ("opened", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[TOGGLED] = g_signal_new ("toggled", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/patch-row.ui");
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, group_label);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, body);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, check);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, kind_icon);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, title_label);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, subtitle_label);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, state_box);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, problem_icon);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, state_icon);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, spinner);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, state_label);
  gtk_widget_class_bind_template_child (widget_class, ScPatchRow, severity_label);
}

static void
sc_patch_row_init (ScPatchRow *self)
{
  GtkGesture *press = gtk_gesture_click_new ();
  GtkGesture *release = gtk_gesture_click_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  self->shown.kind = self->shown.state = self->shown.severity = self->shown.harmless = G_MAXUINT;
  gtk_orientable_set_orientation (GTK_ORIENTABLE (gtk_widget_get_layout_manager (GTK_WIDGET (self))),
                                  GTK_ORIENTATION_VERTICAL);
  gtk_event_controller_set_propagation_phase (GTK_EVENT_CONTROLLER (press), GTK_PHASE_CAPTURE);
  g_signal_connect (press, "pressed", G_CALLBACK (on_pressed), self);
  g_signal_connect (release, "released", G_CALLBACK (on_released), self);
  gtk_widget_set_has_tooltip (self->body, TRUE);
  gtk_widget_set_has_tooltip (GTK_WIDGET (self->group_label), TRUE);
  g_signal_connect (self->body, "query-tooltip", G_CALLBACK (on_query_tooltip), self);
  g_signal_connect (self->group_label, "query-tooltip", G_CALLBACK (on_query_tooltip), self);
  gtk_widget_add_controller (self->body, GTK_EVENT_CONTROLLER (press));
  gtk_widget_add_controller (self->body, GTK_EVENT_CONTROLLER (release));
}
