/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running tools; see command.h. */

#include "config.h"

#include "build/command.h"

#include "base/error.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

GStrv
lp_command_environment (const char *home)
{
  GStrv environment = g_new0 (char *, 1);

  environment = g_environ_setenv (environment, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", TRUE);
  environment = g_environ_setenv (environment, "LC_ALL", "C.UTF-8", TRUE);
  environment = g_environ_setenv (environment, "HOME", home, TRUE);
  environment = g_environ_setenv (environment, "TERM", "dumb", TRUE);
  environment = g_environ_setenv (environment, "SHELL", "/bin/sh", TRUE);
  /* A hit in a compiler cache would be a compilation that nobody sees; this makes ccache call the compiler.
   */
  environment = g_environ_setenv (environment, "CCACHE_DISABLE", "1", TRUE);
  return environment;
}

void
lp_command_result_clear (LpCommandResult *result)
{
  g_clear_pointer (&result->output, g_free);
  g_clear_pointer (&result->errors, g_free);
}

/* A tool that outlived us would write where the next run works. Runs between fork and exec. */
static void
die_with_us (gpointer user_data)
{
  sigset_t none;

  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static char *
as_text (GBytes *bytes)
{
  gsize size = 0;
  const char *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  return data != NULL ? g_strndup (data, size) : g_strdup ("");
}

static void
on_cancelled (GCancellable *cancellable G_GNUC_UNUSED, gpointer user_data)
{
  g_subprocess_force_exit (user_data);
}

/* g_subprocess_communicate() doesn't get the cancellable: with two tools at once, GLib 2.74 was seen to wait
 * for ever for the lock of a main context that was gone, when it dropped its cancellable source. Killing the
 * tool ends the call as well. */
static gboolean
communicate (GSubprocess *process, GBytes *input, GCancellable *cancellable, GBytes **output, GBytes **errors,
             GError **error)
{
  gulong handler = cancellable != NULL
                       ? g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), process, NULL)
                       : 0;
  gboolean ok = g_subprocess_communicate (process, input, NULL, output, errors, error);

  g_cancellable_disconnect (cancellable, handler);
  return ok && !g_cancellable_set_error_if_cancelled (cancellable, error);
}

gboolean
lp_command_run (const char *const *argv, const char *const *envp, const char *cwd, const char *input,
                GCancellable *cancellable, LpCommandResult *result, GError **error)
{
  GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE;
  if (input != NULL)
    flags |= G_SUBPROCESS_FLAGS_STDIN_PIPE;
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (flags);
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) given = input != NULL ? g_bytes_new_static (input, strlen (input)) : NULL;
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GBytes) errors = NULL;

  memset (result, 0, sizeof *result);
  g_subprocess_launcher_set_environ (launcher, (char **)envp);
  g_subprocess_launcher_set_child_setup (launcher, die_with_us, NULL, NULL);
  if (cwd != NULL)
    g_subprocess_launcher_set_cwd (launcher, cwd);
  g_autoptr (GSubprocess) process = g_subprocess_launcher_spawnv (launcher, argv, &local);
  if (process == NULL)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: %s", argv[0], local->message);
      return FALSE;
    }
  if (!communicate (process, given, cancellable, &output, &errors, &local))
    {
      g_subprocess_force_exit (process);
      g_subprocess_wait (process, NULL, NULL);
      gboolean cancelled = g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      lp_error_set (error, cancelled ? LP_ERROR_CANCELLED : LP_ERROR_FAILED, NULL, "%s: %s", argv[0],
                    local->message);
      return FALSE;
    }
  result->output = as_text (output);
  result->errors = as_text (errors);
  if (g_subprocess_get_if_exited (process))
    result->exit_status = g_subprocess_get_exit_status (process);
  else
    result->exit_status = 128 + g_subprocess_get_term_sig (process);
  return TRUE;
}

char *
lp_command_last_line (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = g_strv_length (lines); i > 0; i--)
    if (g_strstrip (lines[i - 1])[0] != '\0')
      return g_strdup (lines[i - 1]);
  return g_strdup ("");
}

char *
lp_command_output (const char *const *argv, const char *const *envp, const char *cwd,
                   GCancellable *cancellable, GError **error)
{
  g_auto (LpCommandResult) result = { 0 };

  if (!lp_command_run (argv, envp, cwd, /* input= */ NULL, cancellable, &result, error))
    return NULL;
  if (result.exit_status == 0)
    return g_steal_pointer (&result.output);
  g_autofree char *line = lp_command_last_line (result.errors);
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s failed with status %d: %s", argv[0], result.exit_status,
                line);
  return NULL;
}
