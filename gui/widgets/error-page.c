/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is shown instead of the patches while the service can't be used; see error-page.h. */
#include "error-page.h"

#include "widgets/parts.h"

#include <glib/gi18n.h>

struct _ScErrorPage {
  AdwBin parent_instance;

  AdwStatusPage *page;
  GtkButton *button;
  GtkWidget *expander;
  GtkLabel *detail_label;
  GtkLabel *hint_label;
};

G_DEFINE_FINAL_TYPE (ScErrorPage, sc_error_page, ADW_TYPE_BIN)

typedef struct {
  const char *icon;
  const char *title;
  const char *description;
  const char *button; /* NULL: nothing can be done from here */
} ErrorText;

static const ErrorText texts[] = {
  [SC_SERVICE_CONNECTING]
  = { "content-loading-symbolic", N_ ("Connecting"), N_ ("Waiting for the patch service to answer."), NULL },
  [SC_SERVICE_NO_BUS] = { "network-offline-symbolic", N_ ("No system bus"),
                          N_ ("The system’s message bus can’t be reached, so the state of the patches isn’t "
                              "known. Patches that are active stay active."),
                          N_ ("_Try Again") },
  [SC_SERVICE_MISSING] = { "org.openeuler.SysCare-symbolic", N_ ("The patch service isn’t installed"),
                           N_ ("This window needs the SysCare service on this machine. Install the package "
                               "that holds it (syscare)."),
                           N_ ("_Try Again") },
  [SC_SERVICE_STOPPED] = { "system-shutdown-symbolic", N_ ("The patch service isn’t running"),
                           N_ ("Patches that are active stay active, but their state can’t be shown or "
                               "changed until the service runs."),
                           N_ ("_Start the Service") },
  [SC_SERVICE_INCOMPATIBLE]
  = { "software-update-urgent-symbolic", N_ ("The patch service is another version"),
      N_ ("It lacks something that this window needs. Upgrade the service or the window, so that both are of "
          "one version."),
      N_ ("_Try Again") },
  [SC_SERVICE_FAILED]
  = { "dialog-warning-symbolic", N_ ("The patch service doesn’t answer"),
      N_ ("It runs, but it didn’t answer as it should. Its log may say why."), N_ ("_Try Again") },
};

void
sc_error_page_show (ScErrorPage *self, ScServiceState state, const char *version, const char *detail)
{
  const ErrorText *text = &texts[MIN (state, SC_SERVICE_FAILED)];
  g_autofree char *description = g_strdup (_ (text->description));

  adw_status_page_set_icon_name (self->page, text->icon);
  adw_status_page_set_title (self->page, _ (text->title));
  if (*version && state == SC_SERVICE_INCOMPATIBLE)
    {
      g_autofree char *versions = g_strdup_printf (_ ("The service says it is version %s."), version);
      g_free (description);
      description = g_strdup_printf ("%s %s", _ (text->description), versions);
    }
  g_autofree char *escaped = g_markup_escape_text (description, -1);
  adw_status_page_set_description (self->page, escaped);
  gtk_widget_set_visible (GTK_WIDGET (self->button), text->button != NULL);
  if (text->button)
    gtk_button_set_label (self->button, _ (text->button));
  gtk_label_set_label (self->detail_label, detail);
  gtk_widget_set_visible (self->expander, *detail != '\0');
  gtk_widget_set_visible (GTK_WIDGET (self->hint_label), text->button != NULL);
}

static void
sc_error_page_class_init (ScErrorPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  gtk_widget_class_set_template_from_resource (widget_class, "/org/openeuler/SysCare/ui/error-page.ui");
  gtk_widget_class_bind_template_child (widget_class, ScErrorPage, page);
  gtk_widget_class_bind_template_child (widget_class, ScErrorPage, button);
  gtk_widget_class_bind_template_child (widget_class, ScErrorPage, expander);
  gtk_widget_class_bind_template_child (widget_class, ScErrorPage, detail_label);
  gtk_widget_class_bind_template_child (widget_class, ScErrorPage, hint_label);
}

static void
sc_error_page_init (ScErrorPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
