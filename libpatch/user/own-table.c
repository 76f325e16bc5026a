/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread's own table of descriptors: told apart by what the kernel calls them. Must not know who needs one.
 */
#include "user/own-table.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

/* As the kernel names what has no path: perf events and links hold uprobes; BPF's arrays and programs go with
 * them, since we use those by their memory. */
static const char *const kinds[] = { "anon_inode:[perf_event]", "anon_inode:bpf", "anon_inode:[fanotify]" };
#define KIND_MAX 32 /* the begin of a path is as good */

static GRWLock taking; /* those who take a table share it */

static gboolean
keeps_something (int directory, const char *name)
{
  char kind[KIND_MAX] = "";

  if (readlinkat (directory, name, kind, sizeof kind - 1) < 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_has_prefix (kind, kinds[i]))
      return TRUE;
  return kind[0] == '/' && fcntl (atoi (name), F_GETLEASE) == F_RDLCK;
}

static void
close_what_keeps (void)
{
  DIR *directory = opendir ("/proc/thread-self/fd");
  const struct dirent *entry;

  while (directory != NULL && (entry = readdir (directory)) != NULL)
    if (entry->d_name[0] != '.' && keeps_something (dirfd (directory), entry->d_name))
      close (atoi (entry->d_name));
  if (directory != NULL)
    closedir (directory);
}

void
lp_own_table_take (int gate)
{
  g_rw_lock_reader_lock (&taking);
  if (unshare (CLONE_FILES) == 0)
    {
      close (gate); /* first: so that a descriptor is free */
      close_what_keeps ();
    }
  g_rw_lock_reader_unlock (&taking);
}

gboolean
lp_own_table_are_all_taken (void)
{
  gboolean are_taken = g_rw_lock_writer_trylock (&taking);

  if (are_taken)
    g_rw_lock_writer_unlock (&taking);
  return are_taken;
}
