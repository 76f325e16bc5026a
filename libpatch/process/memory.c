/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing the memory of a process. Must not know what lies there.
 *
 * /proc/PID/mem is used for both directions rather than process_vm_readv(): its descriptor is bound to the
 * address space, so an exec or a reused pid between two steps can't make us read or write a stranger's
 * memory. */
#include "process/process.h"
#include "process/process-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

static gboolean
open_memory (LpProcess *process, GError **error)
{
  if (process->mem_fd >= 0)
    return TRUE;
  process->mem_fd = lp_process_open_file (process, "mem", O_RDWR, error);
  return process->mem_fd >= 0;
}

gsize
lp_process_read_some (LpProcess *process, guint64 address, void *buffer, gsize size)
{
  gsize done = 0;

  if (!open_memory (process, NULL))
    return 0;
  while (done < size)
    {
      ssize_t n = pread64 (process->mem_fd, (char *)buffer + done, size - done, (off64_t)(address + done));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      done += n;
    }
  return done;
}

/* Sets the error for an access that failed: end of file means that the address space is gone. */
static void
set_access_error (LpProcess *process, const char *what, guint64 address, gsize size, int errnum,
                  GError **error)
{
  if (errnum == 0 || !lp_process_is_alive (process))
    lp_error_set (error, LP_ERROR_PROCESS_GONE, NULL, "process %d has exited or started another program",
                  process->pid);
  else
    lp_error_set_errno (error, LP_ERROR_FAILED, errnum,
                        "process %d: can't %s %" G_GSIZE_FORMAT " bytes at 0x%" G_GINT64_MODIFIER "x",
                        process->pid, what, size, address);
}

gboolean
lp_process_read (LpProcess *process, guint64 address, void *buffer, gsize size, GError **error)
{
  if (!open_memory (process, error))
    return FALSE;
  errno = 0;
  if (lp_process_read_some (process, address, buffer, size) == size)
    return TRUE;
  set_access_error (process, "read", address, size, errno, error);
  return FALSE;
}

/* Writes by PTRACE_POKEDATA, word by word; the bytes around @size are kept. */
static gboolean
poke (int tid, guint64 address, const guint8 *bytes, gsize size)
{
  for (gsize done = 0; done < size;)
    {
      guint64 place = (address + done) & ~(guint64)7;
      gsize skip = address + done - place;
      gsize n = MIN (8 - skip, size - done);

      errno = 0;
      long word = ptrace (PTRACE_PEEKDATA, tid, place, 0);
      if (word == -1 && errno != 0)
        return FALSE;
      memcpy ((char *)&word + skip, bytes + done, n);
      if (ptrace (PTRACE_POKEDATA, tid, place, word) != 0)
        return FALSE;
      done += n;
    }
  return TRUE;
}

gboolean
lp_process_write (LpProcess *process, guint64 address, const void *bytes, gsize size, int stopped_tid,
                  GError **error)
{
  gsize done = 0;

  if (!open_memory (process, error))
    return FALSE;
  errno = 0;
  while (done < size)
    {
      ssize_t n
          = pwrite64 (process->mem_fd, (const char *)bytes + done, size - done, (off64_t)(address + done));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      done += n;
    }
  if (done == size)
    return TRUE;

  int errnum = errno;
  if (stopped_tid > 0 && errnum != 0
      && poke (stopped_tid, address + done, (const guint8 *)bytes + done, size - done))
    return TRUE;
  set_access_error (process, "write", address, size, errnum, error);
  return FALSE;
}
