/* SPDX-License-Identifier: GPL-2.0-or-later */
/* syscared: the options of the command line. Must not know anything else. */
#include "boot.h"
#include "bus.h"
#include "config.h"

#include <locale.h>

static gboolean show_version, early;
static ScPaths paths;

static const GOptionEntry entries[] = {
  { "patch-dir", 0, 0, G_OPTION_ARG_FILENAME, &paths.patch_dir, "Installed bundles", "DIR" },
  { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &paths.state_dir, "Recorded states and history", "DIR" },
  { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &paths.runtime_dir, "What lasts until the next boot", "DIR" },
  { "config", 0, 0, G_OPTION_ARG_FILENAME, &paths.config, "Settings file", "FILE" },
  { "trusted-dir", 0, 0, G_OPTION_ARG_FILENAME, &paths.trusted_dir, "Keys for signed patches", "DIR" },
  { "worker", 0, 0, G_OPTION_ARG_FILENAME, &paths.worker, "The worker program, or a socket that starts one",
    "PATH" },
  { "trigger", 0, 0, G_OPTION_ARG_FILENAME, &paths.trigger,
    "The trigger program, or a socket that starts one; \"\": none", "PATH" },
  { "bus", 0, 0, G_OPTION_ARG_STRING, &paths.bus, "Bus to serve: an address, or \"system\"", "ADDRESS" },
  { "boot", 0, 0, G_OPTION_ARG_NONE, &early, "Only load the accepted kernel patches, without a bus, and end",
    NULL },
  { "version", 0, 0, G_OPTION_ARG_NONE, &show_version, "Show the version", NULL },
  { NULL }
};

static void
set_default (char **path, const char *value)
{
  if (*path == NULL)
    *path = g_strdup (value);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  g_option_context_set_summary (context, "Manages hot patches for the clients on the bus; see syscared(8).");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc > 1)
    {
      g_printerr ("syscared: %s\n", error != NULL ? error->message : "there are no arguments, only options");
      return 2;
    }
  if (show_version)
    {
      g_print ("syscared %s\n", SYSCARE_VERSION);
      return 0;
    }

  set_default (&paths.patch_dir, SYSCARE_PATCH_DIR);
  set_default (&paths.state_dir, SYSCARE_STATE_DIR);
  set_default (&paths.runtime_dir, SYSCARE_RUNTIME_DIR);
  set_default (&paths.config, SYSCARE_CONFIG_FILE);
  set_default (&paths.trusted_dir, SYSCARE_TRUSTED_DIR);
  set_default (&paths.worker, SYSCARE_LIBEXEC_DIR "/syscare-worker");
  set_default (&paths.trigger, SYSCARE_LIBEXEC_DIR "/syscare-trigger");
  set_default (&paths.bus, "system");
  return early ? sc_boot_run (&paths) : sc_bus_run (&paths);
}
