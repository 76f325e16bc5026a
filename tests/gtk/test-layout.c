/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks through the widget tree of the real window for text that is clipped, overlaps other text or lies
 * outside, at several widths, on every page, for patches with short and long texts. Needs a display and a
 * service (the mock's) on the system bus. Must not know what the texts say. */
#include "application.h"
#include "widgets/install-dialog.h"
#include "widgets/verb-dialog.h"
#include "widgets/window-private.h"

#include <gdk/x11/gdkx.h>
#include <libintl.h>
#include <locale.h>

#define WAIT_SECONDS 120 /* against hanging only: a sanitizer on a busy machine is slow */
#define SLACK 1.0        /* pixels that rounding may take */
#define HEIGHT 720
#define NARROW 360 /* pixels: a phone */

static guint cases, failures;
static const char *place; /* where the tree is looked through now: for messages */

typedef struct {
  GtkWidget *label;
  graphene_rect_t bounds; /* what of it can be seen, in the window's coordinates */
} Text;

static gboolean
on_timeout (gpointer user_data)
{
  *(gboolean *)user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Runs the main loop until @condition holds; ends the program if it never does. */
static void
wait_for (gboolean (*condition) (ScWindow *, int), ScWindow *window, int argument, const char *what)
{
  gboolean late = FALSE;
  guint timer = g_timeout_add_seconds (WAIT_SECONDS, on_timeout, &late);

  while (!late && !condition (window, argument))
    g_main_context_iteration (NULL, TRUE);
  if (late)
    {
      g_print ("Bail out! %s did not come\n", what);
      exit (1);
    }
  g_source_remove (timer);
}

static gboolean
is_quiet (ScWindow *window, int frames)
{
  static gint64 first_frame;
  GdkFrameClock *clock = gtk_widget_get_frame_clock (GTK_WIDGET (window));

  if (first_frame == 0)
    first_frame = gdk_frame_clock_get_frame_counter (clock);
  if (gdk_frame_clock_get_frame_counter (clock) < first_frame + frames)
    {
      gdk_frame_clock_request_phase (clock, GDK_FRAME_CLOCK_PHASE_LAYOUT);
      return FALSE;
    }
  first_frame = 0;
  return TRUE;
}

/* TRUE when a squeezer below @widget still fades from one child to the other: both are there for a moment. */
static gboolean
fades (GtkWidget *widget)
{
  if (ADW_IS_SQUEEZER (widget) && adw_squeezer_get_transition_running (ADW_SQUEEZER (widget)))
    return TRUE;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    if (fades (child))
      return TRUE;
  return FALSE;
}

static gboolean
is_still (ScWindow *window, int frames)
{
  return is_quiet (window, frames) && !fades (GTK_WIDGET (window));
}

static gboolean
is_loaded (ScWindow *window, int argument)
{
  return sc_patch_store_is_loaded (window->store)
         && g_list_model_get_n_items (G_LIST_MODEL (window->store)) > 0;
}

static gboolean
has_width (ScWindow *window, int width)
{
  return gdk_surface_get_width (gtk_native_get_surface (GTK_NATIVE (window))) == width;
}

static void
complain (GtkWidget *label, const char *what)
{
  failures++;
  g_print ("# %s: “%s” %s\n", place, gtk_label_get_text (GTK_LABEL (label)), what);
}

/* An ellipsis is fair only where pointing at it tells the whole text. */
static gboolean
has_tooltip (GtkWidget *widget)
{
  for (; widget; widget = gtk_widget_get_parent (widget))
    if (gtk_widget_get_has_tooltip (widget))
      return TRUE;
  return FALSE;
}

static void
check_size (GtkWidget *label)
{
  int width = gtk_widget_get_width (label), height = gtk_widget_get_height (label), text_width, text_height;

  if (pango_layout_is_ellipsized (gtk_label_get_layout (GTK_LABEL (label))))
    {
      if (!has_tooltip (label))
        complain (label, "is cut off, and no tooltip has the whole text");
      return;
    }
  pango_layout_get_pixel_size (gtk_label_get_layout (GTK_LABEL (label)), &text_width, &text_height);
  if (width + SLACK < text_width)
    complain (label, "is narrower than its text needs");
  if (height + SLACK < text_height)
    complain (label, "is lower than its text needs");
}

/* The part of @label that isn't scrolled out of view; FALSE when there is none. */
static gboolean
visible_bounds (GtkWidget *label, GtkWidget *window, graphene_rect_t *bounds)
{
  graphene_rect_t around;

  if (!gtk_widget_compute_bounds (label, window, bounds))
    return FALSE;
  for (GtkWidget *parent = gtk_widget_get_parent (label); parent; parent = gtk_widget_get_parent (parent))
    if (GTK_IS_SCROLLED_WINDOW (parent)
        && (!gtk_widget_compute_bounds (parent, window, &around)
            || !graphene_rect_intersection (bounds, &around, bounds)))
      return FALSE;
  return bounds->size.width > SLACK && bounds->size.height > SLACK;
}

static void
collect (GtkWidget *widget, GtkWidget *window, GArray *texts)
{
  Text text = { .label = widget };

  if (!gtk_widget_get_mapped (widget) || gtk_widget_get_opacity (widget) < 0.01)
    return;
  if (GTK_IS_LABEL (widget) && *gtk_label_get_text (GTK_LABEL (widget))
      && visible_bounds (widget, window, &text.bounds))
    g_array_append_val (texts, text);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    collect (child, window, texts);
}

static void
check_overlaps (GArray *texts)
{
  for (guint i = 0; i < texts->len; i++)
    for (guint j = i + 1; j < texts->len; j++)
      {
        Text *a = &g_array_index (texts, Text, i), *b = &g_array_index (texts, Text, j);
        graphene_rect_t both;
        if (graphene_rect_intersection (&a->bounds, &b->bounds, &both) && both.size.width > SLACK
            && both.size.height > SLACK)
          complain (a->label, gtk_label_get_text (GTK_LABEL (b->label)));
      }
}

static void
check_window (ScWindow *window, const char *name)
{
  g_autoptr (GArray) texts = g_array_new (FALSE, FALSE, sizeof (Text));
  double width = gtk_widget_get_width (GTK_WIDGET (window));
  guint before = failures;

  place = name;
  wait_for (is_still, window, 8, "a frame");
  collect (GTK_WIDGET (window), GTK_WIDGET (window), texts);
  for (guint i = 0; i < texts->len; i++)
    {
      Text *text = &g_array_index (texts, Text, i);
      check_size (text->label);
      if (text->bounds.origin.x < -SLACK || text->bounds.origin.x + text->bounds.size.width > width + SLACK)
        complain (text->label, "lies outside of the window");
    }
  check_overlaps (texts);
  if (texts->len < 3)
    {
      failures++;
      g_print ("# %s: only %u texts\n", name, texts->len);
    }
  g_print ("%sok %u no clipped or overlapping text: %s (%u texts)\n", failures > before ? "not " : "",
           ++cases, name, texts->len);
}

static void
check_patch (ScWindow *window, ScPatch *patch, int width, int scale)
{
  static const char *const pages[] = { "overview", "processes", "history" };

  sc_window_show_patch (window, sc_patch_get_path (patch));
  adw_leaflet_set_visible_child_name (window->leaflet, "detail");
  for (gsize i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      g_autofree char *name = g_strdup_printf ("%d pixels, text %d %%, %s, %s", width, scale,
                                               sc_patch_get_title (patch), pages[i]);
      sc_detail_pane_show_page (window->detail_pane, pages[i]);
      check_window (window, name);
    }
  adw_leaflet_set_visible_child_name (window->leaflet, "list");
}

/* As a window manager would: a display without one has nobody else to ask. */
static void
resize (ScWindow *window, int width)
{
  GdkSurface *surface = gtk_native_get_surface (GTK_NATIVE (window));
  g_autofree char *command
      = g_strdup_printf ("xdotool windowsize %lu %d %d", gdk_x11_surface_get_xid (surface), width, HEIGHT);
  g_autoptr (GError) error = NULL;

  if (!g_spawn_command_line_async (command, &error))
    g_print ("# %s\n", error->message);
  wait_for (has_width, window, width, "the width");
}

/* Dialogs are as narrow as the window can be. */
static void
check_dialog (GtkWidget *dialog, const char *name)
{
  int least;
  guint before = failures;

  gtk_widget_measure (dialog, GTK_ORIENTATION_HORIZONTAL, -1, &least, NULL, NULL, NULL);
  if (least > NARROW)
    {
      failures++;
      g_print ("# needs %d pixels\n", least);
    }
  g_print ("%sok %u fits into %d pixels: %s\n", failures > before ? "not " : "", ++cases, NARROW, name);
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
check_dialogs (ScWindow *window)
{
  GListModel *patches = G_LIST_MODEL (window->store);
  g_autoptr (GFile) file = g_file_new_for_path ("/etc/passwd");

  for (guint i = 0; i < g_list_model_get_n_items (patches); i += 5)
    {
      g_autoptr (GPtrArray) chosen = g_ptr_array_new_with_free_func (g_object_unref);
      g_ptr_array_add (chosen, g_list_model_get_item (patches, i));
      for (guint verb = 0; verb < SC_N_VERBS; verb++)
        if (verb == SC_VERB_APPLY || sc_verb_info (verb)->confirm)
          check_dialog (sc_verb_dialog_new (GTK_WINDOW (window), window->client, window->store, verb, chosen),
                        sc_verb_info (verb)->word);
    }
  check_dialog (sc_install_dialog_new (GTK_WINDOW (window), file), "install");
}

/* @scale is of the text, in percent; large text is a setting of people who see badly. */
static void
check_width (ScWindow *window, int width, int scale)
{
  GListModel *patches = G_LIST_MODEL (window->store);
  g_autofree char *name = g_strdup_printf ("%d pixels, text %d %%, list", width, scale);

  resize (window, width); /* first, because larger text may want to make the window wider itself */
  g_object_set (gtk_settings_get_default (), "gtk-xft-dpi", scale * 96 * 1024 / 100, NULL);
  check_window (window, name);
  for (guint i = 0; i < g_list_model_get_n_items (patches); i += 3)
    {
      g_autoptr (ScPatch) patch = g_list_model_get_item (patches, i);
      check_patch (window, patch, width, scale);
    }
}

static void
on_activate (GApplication *application, gpointer user_data)
{
  static const struct {
    int width;
    int scale;
  } looks[] = { { NARROW, 100 }, { 760, 100 }, { 1100, 100 }, { 1700, 100 },
                { NARROW, 125 }, { 760, 150 }, { 1100, 200 } };
  ScWindow *window = SC_WINDOW (gtk_application_get_active_window (GTK_APPLICATION (application)));

  g_object_set (gtk_settings_get_default (), "gtk-enable-animations", FALSE, NULL);
  wait_for (is_loaded, window, 0, "the list");
  for (gsize i = 0; i < G_N_ELEMENTS (looks); i++)
    {
      check_width (window, looks[i].width, looks[i].scale);
    }
  g_object_set (gtk_settings_get_default (), "gtk-xft-dpi", 96 * 1024, NULL);
  check_dialogs (window);
  g_print ("1..%u\n", cases);
  gtk_window_close (GTK_WINDOW (window));
}

int
main (int argc, char **argv)
{
  g_autoptr (ScApplication) application = sc_application_new ();

  setlocale (LC_ALL, "");
  bindtextdomain ("syscare", g_getenv ("SYSCARE_LOCALE_DIR"));
  bind_textdomain_codeset ("syscare", "UTF-8");
  textdomain ("syscare");
  g_signal_connect_after (application, "activate", G_CALLBACK (on_activate), NULL);
  g_application_run (G_APPLICATION (application), argc, argv);
  return failures > 0;
}
