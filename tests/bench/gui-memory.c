/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the window grows while it is used: opens the details of one patch after the other, all three pages
 * of each, and prints after every hundred how much memory the process has (KiB of resident set). By hand:
 *
 *     /usr/bin/python3 tests/gtk/run_beside_mock.py data/dbus-1/interfaces build/gui build/po en
 * build/tests/gtk/gui-memory 1000 */
#include "application.h"
#include "widgets/window-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 3 /* painted of each page */
#define PERIOD 100

static const char *const pages[] = { "overview", "processes", "history" };

typedef struct {
  guint wanted;
  guint opened;
  guint page;
  guint frames;
} Tour;

static unsigned long
resident_kib (void)
{
  g_autofree char *text = NULL;

  g_file_get_contents ("/proc/self/status", &text, NULL, NULL);
  const char *line = text ? strstr (text, "VmRSS:") : NULL;
  return line ? strtoul (line + strlen ("VmRSS:"), NULL, 10) : 0;
}

static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer user_data)
{
  ScWindow *window = SC_WINDOW (widget);
  Tour *tour = user_data;
  GListModel *patches = G_LIST_MODEL (window->store);
  guint n = g_list_model_get_n_items (patches);

  gtk_widget_queue_draw (widget);
  if (!sc_patch_store_is_loaded (window->store) || n == 0 || ++tour->frames < FRAMES)
    return G_SOURCE_CONTINUE;
  tour->frames = 0;
  if (tour->page == 0)
    {
      g_autoptr (ScPatch) patch = g_list_model_get_item (patches, tour->opened % n);
      sc_window_show_patch (window, sc_patch_get_path (patch));
    }
  sc_detail_pane_show_page (window->detail_pane, pages[tour->page]);
  if (++tour->page < G_N_ELEMENTS (pages))
    return G_SOURCE_CONTINUE;
  tour->page = 0;
  if (++tour->opened % PERIOD == 0)
    printf ("%5u details opened: %lu KiB\n", tour->opened, resident_kib ());
  if (tour->opened < tour->wanted)
    return G_SOURCE_CONTINUE;
  gtk_window_close (GTK_WINDOW (window));
  return G_SOURCE_REMOVE;
}

static void
on_activate (GApplication *application, gpointer user_data)
{
  GtkWidget *window = GTK_WIDGET (gtk_application_get_active_window (GTK_APPLICATION (application)));

  gtk_widget_add_tick_callback (window, on_tick, user_data, NULL);
}

int
main (int argc, char **argv)
{
  g_autoptr (ScApplication) application = sc_application_new ();
  Tour tour = { .wanted = argc == 2 ? (guint)strtoul (argv[1], NULL, 10) : 0 };

  if (tour.wanted == 0)
    return 2;
  setvbuf (stdout, NULL, _IOLBF, 0);
  g_signal_connect_after (application, "activate", G_CALLBACK (on_activate), &tour);
  return g_application_run (G_APPLICATION (application), 1, argv);
}
