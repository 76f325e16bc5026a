/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The begin of the service's child programs. Must not know what they do. */
#include "child.h"

#include "wire.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Not readable by others while it holds pieces of foreign processes, no core file of them, no new privileges.
 */
static void
harden (void)
{
  const struct rlimit none = { 0, 0 };
  struct rlimit files;

  prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  setrlimit (RLIMIT_CORE, &none);
  if (getrlimit (RLIMIT_NOFILE, &files) == 0)
    {
      files.rlim_cur = files.rlim_max;
      setrlimit (RLIMIT_NOFILE, &files);
    }
  signal (SIGPIPE, SIG_IGN);
  umask (022);
}

gboolean
sc_child_begin (const char *name)
{
  if (fcntl (SC_WIRE_FD, F_GETFD) < 0)
    {
      g_printerr ("%s: started by syscared only, see syscared(8)\n", name);
      return FALSE;
    }
  fcntl (SC_WIRE_FD, F_SETFD, FD_CLOEXEC);
  harden ();
  return TRUE;
}
