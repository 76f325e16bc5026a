/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file descriptor that closes itself at the end of its scope (GLib 2.74 has none yet). */
#pragma once

#include <glib.h>
#include <unistd.h>

static inline void
sc_fd_clear (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

static inline int
sc_fd_steal (int *fd)
{
  int stolen = *fd;

  *fd = -1;
  return stolen;
}

#define SC_AUTO_FD __attribute__ ((cleanup (sc_fd_clear))) int
