/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program; see application.h. */
#include "application.h"

#include "config.h"
#include "widgets/window.h"

#include <glib/gi18n.h>

struct _ScApplication {
  AdwApplication parent_instance;
};

G_DEFINE_FINAL_TYPE (ScApplication, sc_application, ADW_TYPE_APPLICATION)

static ScWindow *
the_window (ScApplication *self)
{
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (self));

  while (window && !SC_IS_WINDOW (window))
    window = gtk_window_get_transient_for (window);
  return window ? SC_WINDOW (window) : sc_window_new (ADW_APPLICATION (self));
}

static void
sc_application_activate (GApplication *application)
{
  gtk_window_present (GTK_WINDOW (the_window (SC_APPLICATION (application))));
}

/* One at a time: each asks a question. */
static void
sc_application_open (GApplication *application, GFile **files, int n_files, const char *hint)
{
  ScWindow *window = the_window (SC_APPLICATION (application));

  gtk_window_present (GTK_WINDOW (window));
  for (int i = 0; i < n_files; i++)
    sc_window_open_file (window, files[i]);
}

static void
on_quit (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  GList *windows = gtk_application_get_windows (GTK_APPLICATION (user_data));

  while (windows)
    {
      GtkWindow *window = windows->data;
      windows = windows->next;
      gtk_window_close (window);
    }
}

static void
on_about (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  adw_show_about_window (gtk_application_get_active_window (GTK_APPLICATION (user_data)), "application-name",
                         _ ("SysCare"), "application-icon", SC_APPLICATION_ID, "version", SYSCARE_VERSION,
                         "developer-name", _ ("The SysCare project"), "license-type", GTK_LICENSE_GPL_2_0,
                         "comments", _ ("Repairs the kernel, libraries and programs while they run"),
                         /* Translators: your names, one on each line */
                         "translator-credits", _ ("translator-credits"), NULL);
}

static void
on_show_patch (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  ScWindow *window = the_window (SC_APPLICATION (user_data));

  gtk_window_present (GTK_WINDOW (window));
  sc_window_show_patch (window, g_variant_get_string (parameter, NULL));
}

static void
set_accels (ScApplication *self)
{
  static const struct {
    const char *action;
    const char *accels[3];
  } keys[] = {
    { "app.quit", { "<Control>q" } },
    { "window.close", { "<Control>w" } },
    { "win.search", { "<Control>f", "F3" } },
    { "win.refresh", { "<Control>r", "F5" } },
    { "win.install", { "<Control>o" } },
    { "win.back", { "<Alt>Left" } },
    { "win.undo", { "<Control>u" } },
    { "win.clear-filter", { "<Control><Shift>l" } },
    { "win.copy-details", { "<Control><Shift>c" } },
    { "win.show-page::overview", { "<Alt>1" } },
    { "win.show-page::processes", { "<Alt>2" } },
    { "win.show-page::history", { "<Alt>3" } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (self), keys[i].action, keys[i].accels);
}

static void
sc_application_startup (GApplication *application)
{
  static const GActionEntry entries[] = {
    { "quit", on_quit },
    { "about", on_about },
    { "show-patch", on_show_patch, "s" },
  };

  G_APPLICATION_CLASS (sc_application_parent_class)->startup (application);
  g_action_map_add_action_entries (G_ACTION_MAP (application), entries, G_N_ELEMENTS (entries), application);
  set_accels (SC_APPLICATION (application));
}

ScApplication *
sc_application_new (void)
{
  return g_object_new (SC_TYPE_APPLICATION, "application-id", SC_APPLICATION_ID, "flags",
                       G_APPLICATION_HANDLES_OPEN, "resource-base-path", "/org/openeuler/SysCare", NULL);
}

static void
sc_application_class_init (ScApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  application_class->activate = sc_application_activate;
  application_class->open = sc_application_open;
  application_class->startup = sc_application_startup;
}

static void
sc_application_init (ScApplication *self)
{
}
