/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entry point of syscare-gui. */
#include "application.h"

#include "config.h"

#include <glib/gi18n.h>

int
main (int argc, char **argv)
{
  const char *locale_dir = g_getenv ("SYSCARE_LOCALE_DIR"); /* for running from the build tree */

  bindtextdomain ("syscare", locale_dir ? locale_dir : SYSCARE_LOCALE_DIR);
  bind_textdomain_codeset ("syscare", "UTF-8");
  textdomain ("syscare");
  g_set_application_name (_ ("SysCare"));

  g_autoptr (ScApplication) application = sc_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
