/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much processor time a frame takes while the real window's list is scrolled: median, 99th percentile and
 * most, in milliseconds; first for a third of a page in each frame (a fast wheel), then for the whole list in
 * FRAMES frames (a hand on the scroll bar). Needs a display and a service with that many patches.
 *
 *     gui-scroll PATCHES */
#include "application.h"
#include "widgets/window-private.h"

#include <stdlib.h>
#include <time.h>

#define FRAMES 300

static double frame_began;
static gboolean drags;      /* the scroll bar */
static double work[FRAMES]; /* milliseconds */
static guint frames;

static GtkWidget *
find_list (GtkWidget *widget)
{
  if (GTK_IS_LIST_VIEW (widget))
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find_list (child);
      if (found)
        return found;
    }
  return NULL;
}

/* Processor time of this thread in milliseconds: a busy machine doesn't make it longer. */
static double
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void
on_before_paint (GdkFrameClock *clock, gpointer user_data)
{
  frame_began = now ();
}

static void
on_after_paint (GdkFrameClock *clock, gpointer user_data)
{
  if (frames < FRAMES)
    work[frames++] = now () - frame_began;
}

static gboolean
on_tick (GtkWidget *list, GdkFrameClock *clock, gpointer user_data)
{
  GtkAdjustment *adjustment = gtk_scrollable_get_vadjustment (GTK_SCROLLABLE (list));
  double way = gtk_adjustment_get_upper (adjustment) - gtk_adjustment_get_page_size (adjustment);

  double step = drags ? way / FRAMES : gtk_adjustment_get_page_size (adjustment) / 3;
  double value = gtk_adjustment_get_value (adjustment);

  gtk_adjustment_set_value (adjustment, value >= way - 1 ? 0 : value + step);
  gtk_widget_queue_draw (list);
  return G_SOURCE_CONTINUE;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static void
measure (GtkWidget *list)
{
  guint tick = gtk_widget_add_tick_callback (list, on_tick, NULL, NULL);

  frames = 0;
  while (frames < FRAMES)
    g_main_context_iteration (NULL, TRUE);
  gtk_widget_remove_tick_callback (list, tick);
  qsort (work, FRAMES, sizeof work[0], compare);
  g_print ("%.1f %.1f %.1f\n", work[FRAMES / 2], work[FRAMES * 99 / 100], work[FRAMES - 1]);
}

static void
on_activate (GApplication *application, gpointer user_data)
{
  guint expected = GPOINTER_TO_UINT (user_data);
  ScWindow *window = SC_WINDOW (gtk_application_get_active_window (GTK_APPLICATION (application)));
  GdkFrameClock *clock = gtk_widget_get_frame_clock (GTK_WIDGET (window));

  while (g_list_model_get_n_items (G_LIST_MODEL (window->store)) < expected)
    g_main_context_iteration (NULL, TRUE);
  GtkWidget *list = find_list (GTK_WIDGET (window->list_pane));
  g_signal_connect (clock, "before-paint", G_CALLBACK (on_before_paint), NULL);
  g_signal_connect (clock, "after-paint", G_CALLBACK (on_after_paint), NULL);
  measure (list);
  drags = TRUE;
  measure (list);
  gtk_window_close (GTK_WINDOW (window));
}

int
main (int argc, char **argv)
{
  g_autoptr (ScApplication) application = sc_application_new ();

  if (argc != 2)
    return 2;
  g_signal_connect_after (application, "activate", G_CALLBACK (on_activate),
                          GUINT_TO_POINTER ((guint)strtoul (argv[1], NULL, 10)));
  return g_application_run (G_APPLICATION (application), 1, argv);
}
