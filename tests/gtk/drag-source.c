/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file manager's part of drag and drop: a small window in the lower right corner of the display from which
 * the file named on the command line can be dragged. Says so when it can. */
#include <gdk/x11/gdkx.h>
#include <gtk/gtk.h>

static void
on_painted (GdkFrameClock *clock, gpointer user_data)
{
  g_signal_handlers_disconnect_by_func (clock, on_painted, user_data);
  g_print ("ready %lu\n", gdk_x11_surface_get_xid (gtk_native_get_surface (GTK_NATIVE (user_data))));
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    return 2;
  gtk_init ();
  GtkWidget *window = gtk_window_new ();
  GtkDragSource *source = gtk_drag_source_new ();
  GFile *file = g_file_new_for_commandline_arg (argv[1]);
  GSList *files = g_slist_prepend (NULL, file);
  GdkContentProvider *content = gdk_content_provider_new_typed (GDK_TYPE_FILE_LIST, files);

  gtk_drag_source_set_content (source, content);
  gtk_widget_add_controller (window, GTK_EVENT_CONTROLLER (source));
  gtk_window_set_default_size (GTK_WINDOW (window), 100, 100);
  gtk_window_set_decorated (GTK_WINDOW (window), FALSE);
  gtk_window_set_child (GTK_WINDOW (window), gtk_label_new ("drag me"));
  gtk_widget_realize (window);
  g_signal_connect (gtk_widget_get_frame_clock (window), "after-paint", G_CALLBACK (on_painted), window);
  gtk_window_present (GTK_WINDOW (window));
  for (;;)
    g_main_context_iteration (NULL, TRUE);
}
