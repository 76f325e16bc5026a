/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts ssh with one end of a socket pair and speaks D-Bus at the other. */
#include "config.h"
#include "remote.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "text.h"

#define BRIDGE "systemd-stdio-bridge"

/* Over there the user is somebody else than here: the bridge's own socket says who it is, we say nothing. */
#define FLAGS                                                                                                \
  (G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION            \
   | G_DBUS_CONNECTION_FLAGS_CROSS_NAMESPACE)

/* ssh, whose input and output is @theirs; it ends when our end is closed. */
static gboolean
start_ssh (CliContext *context, const char *host, int theirs, GError **error)
{
  const char *batch = cli_flag (context, CLI_OPTION_NO_ASK_PASSWORD) ? "BatchMode=yes" : "BatchMode=no";
  const char *const argv[] = { "ssh", "-xT", "-o", batch, "--", host, BRIDGE, NULL };
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  int copy = dup (theirs);

  if (copy < 0)
    {
      close (theirs);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s", g_strerror (errno));
      return FALSE;
    }
  g_subprocess_launcher_take_stdin_fd (launcher, theirs);
  g_subprocess_launcher_take_stdout_fd (launcher, copy);
  g_autoptr (GSubprocess) ssh = g_subprocess_launcher_spawnv (launcher, argv, error);
  return ssh != NULL;
}

static GDBusConnection *
connect_through (CliContext *context, const char *host, GError **error)
{
  int pair[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s", g_strerror (errno));
      return NULL;
    }
  LP_AUTO_FD int ours = pair[0];
  if (!start_ssh (context, host, pair[1], error))
    return NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (ours, error);
  if (socket == NULL)
    return NULL;
  lp_fd_steal (&ours); /* the socket closes it */
  g_autoptr (GSocketConnection) stream = g_socket_connection_factory_create_connection (socket);
  /* Not g_dbus_connection_new_sync(): that of GLib 2.74 refuses the flag it has just introduced. */
  return g_initable_new (G_TYPE_DBUS_CONNECTION, NULL, error, "stream", stream, "flags", FLAGS, NULL);
}

GDBusConnection *
cli_remote_connect (CliContext *context, GError **error)
{
  const char *host = cli_value (context, CLI_OPTION_HOST);
  g_autofree char *shown = cli_escape (host);
  g_autoptr (GError) reason = NULL;

  if (cli_value (context, CLI_OPTION_BUS) != NULL)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, _ ("give one of them"), "%s",
                    _ ("--host and --bus exclude each other"));
      return NULL;
    }
  if (*host == '\0' || *host == '-')
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, _ ("as in --host root@machine"),
                    _ ("--host %s: not the name of a machine"), shown);
      return NULL;
    }
  GDBusConnection *bus = connect_through (context, host, &reason);
  if (bus == NULL)
    lp_error_set (error, LP_ERROR_FAILED,
                  _ ("does `ssh HOST systemd-stdio-bridge` work? It comes with systemd"),
                  _ ("cannot reach the bus of %s: %s"), shown, reason->message);
  return bus;
}
