/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sd_notify(3) protocol by hand, so that no library is needed for one datagram. Must not know why. */
#include "notify.h"

#include "fd.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

gboolean
sc_notify (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize length = path != NULL ? strlen (path) : 0;

  if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
    return TRUE;

  memcpy (address.sun_path, path, length);
  if (path[0] == '@')
    address.sun_path[0] = '\0'; /* abstract socket, unix(7) */

  SC_AUTO_FD fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return FALSE;
  return sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                 offsetof (struct sockaddr_un, sun_path) + length)
         >= 0;
}
