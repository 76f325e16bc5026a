/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sources: pid_namespaces(7); include/linux/proc_ns.h in the kernel, PROC_PID_INIT_INO. */
#include "user/namespace.h"

#include <sys/stat.h>

#define INITIAL_NAMESPACE 0xEFFFFFFCu

guint64
lp_pid_namespace_inode (void)
{
  struct stat file;

  return stat ("/proc/self/ns/pid", &file) == 0 && file.st_ino != INITIAL_NAMESPACE ? file.st_ino : 0;
}
