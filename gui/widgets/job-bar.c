/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The strip at the bottom of the window with the jobs that run now; see job-bar.h. */
#include "job-bar.h"

#include "model/verbs.h"
#include "model/words.h"
#include "widgets/parts.h"

#include <glib/gi18n.h>
#include <unistd.h>

#define PULSE_MSEC 120
#define MOST_SHOWN_HEIGHT 160 /* pixels: two jobs, then it scrolls */

struct _ScJobBar {
  AdwBin parent_instance;

  ScJobTracker *tracker;
  ScPatchStore *store;
  ScClient *client;
  GtkRevealer *revealer;
  GtkListBox *list;
};

G_DEFINE_FINAL_TYPE (ScJobBar, sc_job_bar, ADW_TYPE_BIN)

enum { CANCEL_FAILED, N_SIGNALS };

static guint signals[N_SIGNALS];

/* What one job is shown with; lives as long as its row. */
typedef struct {
  ScJobBar *bar; /* borrowed: the row is inside it */
  ScJob *job;
  gulong handler;
  guint pulse;
  GtkLabel *title;
  GtkLabel *phase;
  GtkProgressBar *progress;
  GtkWidget *cancel;
} JobView;

static void
job_view_free (JobView *view)
{
  g_clear_handle_id (&view->pulse, g_source_remove);
  g_clear_signal_handler (&view->handler, view->job);
  g_object_unref (view->job);
  g_free (view);
}

/* "HP001" or "3 patches" */
static char *
object_words (JobView *view)
{
  const char *const *paths = sc_job_get_patches (view->job);
  guint n = g_strv_length ((char **)paths);

  if (n == 1)
    {
      ScPatch *patch = sc_patch_store_find (view->bar->store, paths[0]);
      return g_strdup (patch ? sc_patch_get_title (patch) : _ ("a patch"));
    }
  return g_strdup_printf (ngettext ("%u patch", "%u patches", n), n);
}

static gboolean
on_pulse (gpointer user_data)
{
  JobView *view = user_data;

  gtk_progress_bar_pulse (view->progress);
  return G_SOURCE_CONTINUE;
}

static void
show_fraction (JobView *view, double fraction)
{
  if (fraction >= 0)
    {
      g_clear_handle_id (&view->pulse, g_source_remove);
      gtk_progress_bar_set_fraction (view->progress, fraction);
    }
  else if (view->pulse == 0)
    view->pulse = g_timeout_add (PULSE_MSEC, on_pulse, view);
}

static void
update (JobView *view)
{
  g_autofree char *object = object_words (view);
  g_autofree char *title = sc_verb_doing (sc_job_get_verb (view->job), object);
  const char *phase = sc_words_phase (sc_job_get_phase (view->job), sc_job_get_state (view->job));
  gboolean foreign = sc_job_is_known (view->job) && sc_job_get_uid (view->job) != getuid ();
  g_autofree char *who
      = foreign ? g_strdup_printf (_ ("%s · started by user id %u"), phase, sc_job_get_uid (view->job))
                : g_strdup (phase);

  gtk_label_set_label (view->title, sc_job_is_known (view->job) ? title : _ ("Working"));
  gtk_label_set_label (view->phase, who);
  gtk_widget_set_tooltip_text (GTK_WIDGET (view->title), title);
  gtk_widget_set_tooltip_text (GTK_WIDGET (view->phase), who);
  gtk_widget_set_sensitive (view->cancel, sc_job_is_cancelable (view->job));
  gtk_widget_set_tooltip_text (view->cancel, sc_job_is_cancelable (view->job)
                                                 ? _ ("Cancel and undo what was done")
                                                 : _ ("It can’t be cancelled any more"));
  show_fraction (view, sc_job_get_fraction (view->job));
  gtk_accessible_update_property (GTK_ACCESSIBLE (view->progress), GTK_ACCESSIBLE_PROPERTY_LABEL, title,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, who, -1);
}

static void
on_cancelled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (ScJobBar) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);

  if (!reply)
    g_signal_emit (self, signals[CANCEL_FAILED], 0, error);
}

static void
on_cancel_clicked (GtkButton *button, JobView *view)
{
  sc_job_tracker_cancel (view->bar->tracker, view->job, NULL, on_cancelled, g_object_ref (view->bar));
}

static GtkLabel *
line_new (const char *style)
{
  GtkWidget *label = gtk_label_new (NULL);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (label, style);
  return GTK_LABEL (label);
}

static GtkWidget *
create_row (gpointer item, gpointer user_data)
{
  JobView *view = g_new0 (JobView, 1);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);

  view->bar = SC_JOB_BAR (user_data);
  view->job = g_object_ref (SC_JOB (item));
  view->title = line_new ("heading");
  view->phase = line_new ("caption");
  view->progress = GTK_PROGRESS_BAR (gtk_progress_bar_new ());
  view->cancel = gtk_button_new_with_mnemonic (_ ("Ca_ncel"));
  gtk_widget_set_valign (view->cancel, GTK_ALIGN_CENTER);
  g_signal_connect (view->cancel, "clicked", G_CALLBACK (on_cancel_clicked), view);
  gtk_widget_set_hexpand (texts, TRUE);
  gtk_box_append (GTK_BOX (texts), GTK_WIDGET (view->title));
  gtk_box_append (GTK_BOX (texts), GTK_WIDGET (view->phase));
  gtk_box_append (GTK_BOX (texts), GTK_WIDGET (view->progress));
  gtk_box_append (GTK_BOX (box), texts);
  gtk_box_append (GTK_BOX (box), view->cancel);
  gtk_widget_add_css_class (box, "row-content");
  g_object_set_data_full (G_OBJECT (box), "view", view, (GDestroyNotify)job_view_free);
  view->handler = g_signal_connect_swapped (view->job, "changed", G_CALLBACK (update), view);
  update (view);
  return box;
}

static void
on_jobs_changed (ScJobBar *self)
{
  gboolean any = g_list_model_get_n_items (G_LIST_MODEL (self->tracker)) > 0;

  gtk_revealer_set_reveal_child (self->revealer, any);
  gtk_widget_set_visible (GTK_WIDGET (self->revealer), any);
}

void
sc_job_bar_connect (ScJobBar *self, ScJobTracker *tracker, ScPatchStore *store, ScClient *client)
{
  self->tracker = g_object_ref (tracker);
  self->store = g_object_ref (store);
  self->client = g_object_ref (client);
  gtk_list_box_bind_model (self->list, G_LIST_MODEL (tracker), create_row, self, NULL);
  g_signal_connect_object (tracker, "items-changed", G_CALLBACK (on_jobs_changed), self, G_CONNECT_SWAPPED);
  on_jobs_changed (self);
}

static void
sc_job_bar_dispose (GObject *object)
{
  ScJobBar *self = SC_JOB_BAR (object);

  if (self->list)
    gtk_list_box_bind_model (self->list, NULL, NULL, NULL, NULL);
  self->list = NULL;
  g_clear_object (&self->tracker);
  g_clear_object (&self->store);
  g_clear_object (&self->client);
  G_OBJECT_CLASS (sc_job_bar_parent_class)->dispose (object);
}

static void
sc_job_bar_class_init (ScJobBarClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = sc_job_bar_dispose;
  signals[CANCEL_FAILED] = g_signal_new ("cancel-failed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0,
                                         NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
sc_job_bar_init (ScJobBar *self)
{
  GtkWidget *scroller = gtk_scrolled_window_new ();

  self->list = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_list_box_set_selection_mode (self->list, GTK_SELECTION_NONE);
  gtk_widget_add_css_class (GTK_WIDGET (self->list), "job-list");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->list), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Running jobs"), -1);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scroller), TRUE);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scroller), MOST_SHOWN_HEIGHT);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->list));
  self->revealer = GTK_REVEALER (gtk_revealer_new ());
  gtk_revealer_set_transition_type (self->revealer, GTK_REVEALER_TRANSITION_TYPE_SLIDE_UP);
  gtk_revealer_set_child (self->revealer, scroller);
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->revealer));
}
