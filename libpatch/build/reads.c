/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access times as a record of reads; see reads.h. Source: mount(8), relatime: an access time that isn't later
 * than the modification time is brought up to date by the next read. */

#include "config.h"

#include "build/reads.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Access time of a file that nobody has read yet: seconds since the epoch. */
#define UNREAD 1

struct LpReads {
  char *tree;
  GPtrArray *files; /* char* absolute */
  gboolean known;
  guint pauses;      /* pause calls that are not resumed yet */
  GPtrArray *unread; /* char* borrowed from files: unread when the pause began */
};

static void
mark_unread (const char *path)
{
  const struct timespec times[2] = { { .tv_sec = UNREAD }, { .tv_nsec = UTIME_OMIT } };

  /* What can't be marked counts as read: the careful side. */
  utimensat (AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static gboolean
is_unread (const char *path)
{
  struct stat st;

  return lstat (path, &st) == 0 && S_ISREG (st.st_mode) && st.st_atim.tv_sec == UNREAD;
}

static void
add_files (LpReads *reads, const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      struct stat st;
      if (lstat (path, &st) < 0)
        continue;
      if (S_ISDIR (st.st_mode))
        add_files (reads, path);
      else if (S_ISREG (st.st_mode))
        g_ptr_array_add (reads->files, g_steal_pointer (&path));
    }
}

static gboolean
reads_are_recorded (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "access-time-probe", NULL);
  g_autofree char *text = NULL;

  if (!g_file_set_contents (path, "probe", -1, NULL))
    return FALSE;
  mark_unread (path);
  gboolean recorded = is_unread (path) && g_file_get_contents (path, &text, NULL, NULL) && !is_unread (path);
  unlink (path);
  return recorded;
}

LpReads *
lp_reads_new (const char *tree, const char *probe)
{
  LpReads *reads = g_new0 (LpReads, 1);

  reads->tree = g_strdup (tree);
  reads->files = g_ptr_array_new_with_free_func (g_free);
  reads->known = reads_are_recorded (probe);
  add_files (reads, tree);
  for (guint i = 0; i < reads->files->len; i++)
    mark_unread (g_ptr_array_index (reads->files, i));
  return reads;
}

void
lp_reads_free (LpReads *reads)
{
  if (reads == NULL)
    return;
  g_free (reads->tree);
  g_ptr_array_unref (reads->files);
  g_clear_pointer (&reads->unread, g_ptr_array_unref);
  g_free (reads);
}

gboolean
lp_reads_known (const LpReads *reads)
{
  return reads->known;
}

void
lp_reads_pause (LpReads *reads)
{
  if (reads->pauses++ > 0)
    return;
  reads->unread = g_ptr_array_new ();
  for (guint i = 0; i < reads->files->len; i++)
    if (is_unread (g_ptr_array_index (reads->files, i)))
      g_ptr_array_add (reads->unread, g_ptr_array_index (reads->files, i));
}

void
lp_reads_resume (LpReads *reads)
{
  if (reads->pauses == 0 || --reads->pauses > 0)
    return;
  for (guint i = 0; i < reads->unread->len; i++)
    if (!is_unread (g_ptr_array_index (reads->unread, i)))
      mark_unread (g_ptr_array_index (reads->unread, i));
  g_clear_pointer (&reads->unread, g_ptr_array_unref);
}

void
lp_reads_collect (LpReads *reads, GHashTable *set)
{
  for (guint i = 0; i < reads->files->len; i++)
    {
      const char *path = g_ptr_array_index (reads->files, i);
      if (!is_unread (path))
        g_hash_table_add (set, g_strdup (path + strlen (reads->tree) + 1));
    }
}
