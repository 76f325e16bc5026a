/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of a start that must come before ordinary services. Must not know the bus. */
#include "boot.h"

#include "log.h"
#include "restore.h"

typedef struct {
  ScService *service;
  GMainLoop *loop;
  int exit_status;
} ScBoot;

static void
on_restored (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBoot *boot = user_data;
  GPtrArray *problems = boot->service->restore_problems;

  sc_restore_at_start_finish (result);
  for (guint i = 0; i < problems->len; i++)
    sc_log (G_LOG_LEVEL_WARNING, SC_MESSAGE_TROUBLE, NULL, "%s",
            ((const ScRestoreProblem *)g_ptr_array_index (problems, i))->text);
  g_main_loop_quit (boot->loop);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScBoot *boot = user_data;
  g_autoptr (GError) error = NULL;

  if (sc_service_start_finish (boot->service, result, &error))
    {
      sc_restore_at_start_async (boot->service, SC_RESTORE_KERNEL, on_restored, boot);
      return;
    }
  sc_log (G_LOG_LEVEL_CRITICAL, SC_MESSAGE_TROUBLE, NULL, "can't bring kernel patches back: %s",
          error->message);
  boot->exit_status = 1;
  g_main_loop_quit (boot->loop);
}

int
sc_boot_run (const ScPaths *paths)
{
  ScPaths own = *paths;
  ScBoot boot = { 0 };

  own.trigger = NULL; /* kernel patches need no gate */
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (ScService) service = sc_service_new (&own);
  boot.service = service;
  boot.loop = loop;
  sc_service_start_async (service, on_started, &boot);
  g_main_loop_run (loop);
  return boot.exit_status;
}
