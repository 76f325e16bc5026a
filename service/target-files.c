/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares the Build-IDs of installed files with those that patches want. Must not know processes or states.
 */
#include "target-files.h"

#include "elf/elf-file.h"
#include "fd.h"
#include "truth.h"

#include <fcntl.h>
#include <sys/stat.h>

typedef struct {
  dev_t device;
  ino_t inode;
  struct timespec changed;
  char *build_id; /* "" when it has none */
  guint64 round;  /* of the check that looked at it last */
} ScTargetFile;

struct ScTargetFiles {
  GHashTable *by_path; /* path -> ScTargetFile */
  guint64 round;       /* number of the check under way */
};

static void
target_file_free (gpointer data)
{
  ScTargetFile *file = data;

  g_free (file->build_id);
  g_free (file);
}

ScTargetFiles *
sc_target_files_new (void)
{
  ScTargetFiles *files = g_new0 (ScTargetFiles, 1);

  files->by_path = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, target_file_free);
  return files;
}

void
sc_target_files_free (ScTargetFiles *files)
{
  if (files == NULL)
    return;
  g_hash_table_unref (files->by_path);
  g_free (files);
}

static char *
read_build_id (const char *path)
{
  SC_AUTO_FD fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  g_autoptr (GBytes) bytes = fd >= 0 ? lp_elf_peek_build_id_fd (fd) : NULL;
  gsize size = 0;
  const guint8 *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  return sc_hex (data, size);
}

/* Borrowed; NULL when there is no such file. */
static const char *
build_id_of (ScTargetFiles *files, const char *path)
{
  struct stat status;
  ScTargetFile *file = g_hash_table_lookup (files->by_path, path);

  /* Many patches of one program: it is looked at once. */
  if (file != NULL && file->round == files->round)
    return file->build_id;
  if (stat (path, &status) != 0 || !S_ISREG (status.st_mode))
    return NULL;
  if (file != NULL && file->device == status.st_dev && file->inode == status.st_ino
      && file->changed.tv_sec == status.st_ctim.tv_sec && file->changed.tv_nsec == status.st_ctim.tv_nsec)
    {
      file->round = files->round;
      return file->build_id;
    }

  file = g_new0 (ScTargetFile, 1);
  file->device = status.st_dev;
  file->inode = status.st_ino;
  file->changed = status.st_ctim;
  file->build_id = read_build_id (path);
  file->round = files->round;
  g_hash_table_insert (files->by_path, g_strdup (path), file);
  return file->build_id;
}

static const char *
problem_of (ScTargetFiles *files, const ScPatchInfo *info)
{
  gboolean found = FALSE;

  if (info->files[0] == NULL || g_str_equal (info->kind, "kernel"))
    return NULL;
  for (guint i = 0; info->files[i] != NULL; i++)
    {
      const char *build_id = build_id_of (files, info->files[i]);

      if (build_id != NULL && g_str_equal (build_id, info->build_id))
        return NULL;
      found |= build_id != NULL;
    }
  return found ? "target-changed" : "target-missing";
}

GHashTable *
sc_target_files_check (ScTargetFiles *files, GPtrArray *infos)
{
  GHashTable *problems = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  files->round++;
  for (guint i = 0; i < infos->len; i++)
    {
      const ScPatchInfo *info = g_ptr_array_index (infos, i);
      const char *problem = problem_of (files, info);

      if (problem != NULL)
        g_hash_table_insert (problems, g_strdup (info->uuid), (char *)problem);
    }
  return problems;
}
