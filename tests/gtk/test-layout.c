/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks through the widget tree of the real window for text that is clipped, overlaps other text or lies
 * outside, at several widths, on every page, for patches with short and long texts. Needs a display and a
 * service (the mock's) on the system bus. Must not know what the texts say. */
#include "application.h"
#include "widgets/install-dialog.h"
#include "widgets/parts.h"
#include "widgets/result-dialog.h"
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

static GtkWidget *looked_at; /* the window or dialog whose frames are awaited */

static gboolean
is_quiet (int frames)
{
  static gint64 first_frame;
  GdkFrameClock *clock = gtk_widget_get_frame_clock (looked_at);

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
  return is_quiet (frames) && !fades (looked_at);
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
  if (GTK_IS_NATIVE (widget) && widget != window)
    return; /* a tooltip where the pointer happens to be: a window of its own that lies above this one */
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

/* Looks through @top, which is the @window, a dialog of it or a part, and has at least @least texts. */
static void
check_top (ScWindow *window, GtkWidget *top, guint least, const char *name)
{
  g_autoptr (GArray) texts = g_array_new (FALSE, FALSE, sizeof (Text));
  guint before = failures;

  place = name;
  looked_at = top;
  wait_for (is_still, window, 5, "a frame");
  double width = gtk_widget_get_width (top);
  collect (top, top, texts);
  for (guint i = 0; i < texts->len; i++)
    {
      Text *text = &g_array_index (texts, Text, i);
      check_size (text->label);
      if (text->bounds.origin.x < -SLACK || text->bounds.origin.x + text->bounds.size.width > width + SLACK)
        complain (text->label, "lies outside of the window");
    }
  check_overlaps (texts);
  if (texts->len < least)
    {
      failures++;
      g_print ("# %s: only %u texts\n", name, texts->len);
    }
  g_print ("%sok %u no clipped or overlapping text: %s (%u texts)\n", failures > before ? "not " : "",
           ++cases, name, texts->len);
}

static void
check_window (ScWindow *window, const char *name)
{
  check_top (window, GTK_WIDGET (window), 3, name);
}

/* The first widget of @type below @widget. */
static GtkWidget *
find_widget (GtkWidget *widget, GType type)
{
  GtkWidget *found = g_type_is_a (G_OBJECT_TYPE (widget), type) ? widget : NULL;

  for (GtkWidget *child = gtk_widget_get_first_child (widget); child && !found;
       child = gtk_widget_get_next_sibling (child))
    found = find_widget (child, type);
  return found;
}

/* What is folded away has texts, too. */
static void
unfold (GtkWidget *widget)
{
  if (GTK_IS_EXPANDER (widget))
    gtk_expander_set_expanded (GTK_EXPANDER (widget), TRUE);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    unfold (child);
}

static void
check_patch (ScWindow *window, ScPatch *patch, const char *look)
{
  static const char *const pages[] = { "overview", "processes", "history" };

  sc_window_show_patch (window, sc_patch_get_path (patch));
  adw_leaflet_set_visible_child_name (window->leaflet, "detail");
  for (gsize i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      g_autofree char *name = g_strdup_printf ("%s, %s, %s", look, sc_patch_get_title (patch), pages[i]);
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

/* Instead of the patches: one page for each reason why there are none. */
static void
check_error_pages (ScWindow *window, const char *look)
{
  for (guint state = SC_SERVICE_CONNECTING; state < SC_SERVICE_READY; state++)
    {
      g_autofree char *name = g_strdup_printf ("%s, service state %u", look, state);
      sc_error_page_show (
          window->error_page, state, "0.0.1-very.long.version+build.20261126",
          "org.freedesktop.DBus.Error.UnknownMethod: No such method “ListPatches” in interface "
          "org.openeuler.SysCare1.Manager at object path /org/openeuler/SysCare1");
      gtk_stack_set_visible_child_name (window->main_stack, "error");
      unfold (GTK_WIDGET (window->error_page));
      check_window (window, name);
    }
  gtk_stack_set_visible_child_name (window->main_stack, "patches");
}

static gboolean
has_nothing_selected (ScWindow *window, int argument)
{
  g_autoptr (GPtrArray) selected = sc_list_pane_get_selected (window->list_pane);

  return selected->len == 0;
}

static gboolean
has_selected (ScWindow *window, int n)
{
  g_autoptr (GPtrArray) selected = sc_list_pane_get_selected (window->list_pane);

  return selected->len == (guint)n;
}

/* A search that finds nothing, and several patches at once. */
static void
check_other_pages (ScWindow *window, const char *look)
{
  GtkWidget *search = find_widget (GTK_WIDGET (window->list_pane), GTK_TYPE_SEARCH_ENTRY);
  g_autofree char *nothing = g_strconcat (look, ", nothing matches", NULL);
  g_autofree char *several = g_strconcat (look, ", several", NULL);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (window->store));

  gtk_editable_set_text (GTK_EDITABLE (search), "no such patch anywhere");
  wait_for (has_nothing_selected, window, 0, "the empty list");
  check_window (window, nothing);
  sc_list_pane_clear_filter (window->list_pane);
  sc_list_pane_set_selecting (window->list_pane, TRUE);
  do
    {
      g_main_context_iteration (NULL, FALSE);
      sc_list_pane_select_all (window->list_pane);
  } while (!has_selected (window, (int)n));
  adw_leaflet_set_visible_child_name (window->leaflet, "detail");
  unfold (GTK_WIDGET (window->detail_pane));
  check_window (window, several);
  adw_leaflet_set_visible_child_name (window->leaflet, "list");
  sc_list_pane_set_selecting (window->list_pane, FALSE);
}

static void
tell_mock (const char *method, GVariant *arguments)
{
  g_autoptr (GDBusConnection) bus = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_sync (bus, "org.openeuler.SysCare1", "/mock", "org.openeuler.SysCare.Mock",
                                     method, arguments, NULL, G_DBUS_CALL_FLAGS_NONE, WAIT_SECONDS * 1000,
                                     NULL, &error);

  if (!reply)
    {
      g_print ("Bail out! the mock: %s\n", error->message);
      exit (1);
    }
}

static gboolean
has_jobs (ScWindow *window, int n)
{
  return g_list_model_get_n_items (G_LIST_MODEL (window->tracker)) == (guint)n;
}

static gboolean
has_toast (ScWindow *window, int argument)
{
  return has_jobs (window, 0)
         && find_widget (GTK_WIDGET (window->toasts), g_type_from_name ("AdwToastWidget"));
}

static gboolean
has_no_toast (ScWindow *window, int argument)
{
  return !find_widget (GTK_WIDGET (window->toasts), g_type_from_name ("AdwToastWidget"));
}

/* A job of somebody else's in the strip at the bottom, and the toast at its end. */
static void
check_job (ScWindow *window, const char *look)
{
  g_autofree char *running = g_strconcat (look, ", a job", NULL);
  g_autofree char *ended = g_strconcat (look, ", a job's end", NULL);

  tell_mock ("Hold", g_variant_new ("(b)", TRUE));
  tell_mock ("Foreign", g_variant_new ("(ss)", "accept", "HP003"));
  wait_for (has_jobs, window, 1, "the job");
  check_window (window, running);
  tell_mock ("Hold", g_variant_new ("(b)", FALSE));
  wait_for (has_toast, window, 0, "the toast");
  check_top (window, find_widget (GTK_WIDGET (window->toasts), g_type_from_name ("AdwToastWidget")), 1,
             ended);
  adw_toast_dismiss (window->last_toast); /* it hovers above the other texts */
  wait_for (has_no_toast, window, 0, "the end of the toast");
  tell_mock ("SetState", g_variant_new ("(ss)", "HP003", "active"));
}

/* Dialogs are as narrow as the window can be. */
static void
check_dialog (ScWindow *window, GtkWidget *dialog, const char *name)
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
  gtk_window_set_default_size (GTK_WINDOW (dialog), NARROW, -1);
  gtk_window_present (GTK_WINDOW (dialog));
  unfold (dialog);
  check_top (window, dialog, 2, name);
  gtk_window_destroy (GTK_WINDOW (dialog));
}

/* The dialog that was opened last. */
static GtkWidget *
open_dialog (ScWindow *window)
{
  GListModel *tops = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (tops); i++)
    {
      g_autoptr (GtkWindow) top = g_list_model_get_item (tops, i);
      if (gtk_window_get_transient_for (top) == GTK_WINDOW (window)
          && gtk_widget_get_visible (GTK_WIDGET (top)))
        return GTK_WIDGET (top);
    }
  g_print ("Bail out! no dialog\n");
  exit (1);
}

static void
check_endings (ScWindow *window)
{
  g_autoptr (ScFailure) failure = sc_failure_new (
      "org.openeuler.SysCare1.Error.ProcessBusy",
      "redis-server (1207): thread 1211 is in xautoclaimCommand, which has "
      "streamReplyWithRangeFromConsumerPEL below it\nwait until the client's command has ended");
  g_autoptr (GVariant) results = g_variant_ref_sink (g_variant_new_parsed (
      "[{'Name': <'redis-7.0.15-1~deb12u7/HP001/redis-check-rdb'>, 'Result': <'rolled-back'>, 'Processes': "
      "<[{'Pid': "
      "<uint32 1207>, 'Command': <'redis-server'>, 'Status': <'pending'>, 'Reason': <'a thread is in an old "
      "function'>, "
      "'Detail': <'thread 1211, streamReplyWithRangeFromConsumerPEL'>}]>},"
      " {'Name': <'openssl-3.0.17-1~deb12u2/HP004/libcrypto.so.3'>, 'Result': <'unchanged'>},"
      " {'Name': <''>, 'Result': <'from-the-future'>}]"));

  sc_result_dialog_show (GTK_WINDOW (window), failure, results);
  check_dialog (window, open_dialog (window), "result");
  sc_failure_show (failure, gettext ("The job can’t be cancelled"), GTK_WIDGET (window));
  check_dialog (window, open_dialog (window), "failure");
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
          check_dialog (window,
                        sc_verb_dialog_new (GTK_WINDOW (window), window->client, window->store, verb, chosen),
                        sc_verb_info (verb)->word);
    }
  check_dialog (window, sc_install_dialog_new (GTK_WINDOW (window), file), "install");
  check_endings (window);
}

/* @scale is of the text, in percent; large text is a setting of people who see badly. */
static void
check_width (ScWindow *window, int width, int scale, GtkTextDirection direction)
{
  GListModel *patches = G_LIST_MODEL (window->store);
  g_autofree char *look = g_strdup_printf ("%d pixels, text %d %%%s", width, scale,
                                           direction == GTK_TEXT_DIR_RTL ? ", right to left" : "");
  g_autofree char *name = g_strconcat (look, ", list", NULL);

  gtk_widget_set_default_direction (direction);
  resize (window, width); /* first, because larger text may want to make the window wider itself */
  g_object_set (gtk_settings_get_default (), "gtk-xft-dpi", scale * 96 * 1024 / 100, NULL);
  check_window (window, name);
  unfold (GTK_WIDGET (window->detail_pane));
  for (guint i = 0; i < g_list_model_get_n_items (patches); i += 3)
    {
      g_autoptr (ScPatch) patch = g_list_model_get_item (patches, i);
      check_patch (window, patch, look);
    }
  check_error_pages (window, look);
  check_other_pages (window, look);
  check_job (window, look);
}

static void
on_activate (GApplication *application, gpointer user_data)
{
  static const struct {
    int width;
    int scale;
    GtkTextDirection direction;
  } looks[] = { { NARROW, 100, GTK_TEXT_DIR_LTR }, { 760, 100, GTK_TEXT_DIR_LTR },
                { 1100, 100, GTK_TEXT_DIR_LTR },   { 1700, 100, GTK_TEXT_DIR_LTR },
                { NARROW, 125, GTK_TEXT_DIR_LTR }, { 760, 150, GTK_TEXT_DIR_LTR },
                { 1100, 200, GTK_TEXT_DIR_LTR },   { 1100, 100, GTK_TEXT_DIR_RTL },
                { NARROW, 100, GTK_TEXT_DIR_RTL } };
  ScWindow *window = SC_WINDOW (gtk_application_get_active_window (GTK_APPLICATION (application)));

  g_object_set (gtk_settings_get_default (), "gtk-enable-animations", FALSE, NULL);
  looked_at = GTK_WIDGET (window);
  wait_for (is_loaded, window, 0, "the list");
  for (gsize i = 0; i < G_N_ELEMENTS (looks); i++)
    check_width (window, looks[i].width, looks[i].scale, looks[i].direction);
  gtk_widget_set_default_direction (GTK_TEXT_DIR_LTR);
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
