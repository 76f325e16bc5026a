/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks at an entity's file, and at what a process has mapped. Source: proc(5), map_files. */
#include "user/entity-map.h"
#include "process/module.h"

#include <string.h>

#define SETTLED_SECONDS 2 /* longer than a file system's clock stands still */

/* What stat() says of a file, all of which changes with its content: the change time can't be set. */
typedef struct {
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified, changed;
} Mark;

static Mark
mark_of (const struct stat *status)
{
  Mark mark;

  memset (&mark, 0, sizeof mark); /* it is compared as bytes */
  mark.device = status->st_dev;
  mark.inode = status->st_ino;
  mark.size = status->st_size;
  mark.modified = status->st_mtim;
  mark.changed = status->st_ctim;
  return mark;
}

/* Whether the file of @status has the content that we read; asked for each process that starts, so that what
 * was compared once isn't read again. A file that was changed a moment ago may yet change within the same
 * time stamp: it is compared each time. */
static gboolean
has_content (LpEntity *entity, const char *path, const struct stat *status)
{
  const Mark now = mark_of (status), *known = g_atomic_pointer_get (lp_entity_file_mark (entity));
  GBytes *bytes = lp_elf_bytes (lp_entity_elf (entity));
  g_autofree char *content = NULL;
  gsize size;

  if (known != NULL && memcmp (known, &now, sizeof now) == 0)
    return TRUE;
  if (!g_file_get_contents (path, &content, &size, NULL) || size != g_bytes_get_size (bytes)
      || memcmp (content, g_bytes_get_data (bytes, NULL), size) != 0)
    return FALSE;
  if (known != NULL || status->st_ctim.tv_sec + SETTLED_SECONDS > g_get_real_time () / G_USEC_PER_SEC)
    return TRUE;
  g_autofree Mark *mark = g_memdup2 (&now, sizeof now);
  if (g_atomic_pointer_compare_and_exchange (lp_entity_file_mark (entity), NULL, mark))
    mark = NULL;
  return TRUE;
}

gboolean
lp_entity_map_find (LpEntity *entity, struct stat *status)
{
  const char *path = lp_elf_name (lp_entity_elf (entity));
  GBytes *bytes = lp_elf_bytes (lp_entity_elf (entity));

  if (path[0] != '/' || stat (path, status) != 0 || !S_ISREG (status->st_mode)
      || (status->st_mode & 022) != 0)
    return FALSE;
  if ((status->st_uid != 0 && status->st_uid != geteuid ())
      || (gsize)status->st_size != g_bytes_get_size (bytes))
    return FALSE;
  return has_content (entity, path, status);
}

gboolean
lp_entity_file_is_usable (LpEntity *entity)
{
  struct stat status;

  return g_atomic_pointer_get (lp_entity_file_mark (entity)) != NULL || lp_entity_map_find (entity, &status);
}

gboolean
lp_entity_file_is (LpEntity *entity, const struct stat *status)
{
  const Mark *known = g_atomic_pointer_get (lp_entity_file_mark (entity));
  const Mark opened = mark_of (status);
  struct stat found;

  if (known != NULL)
    return memcmp (known, &opened, sizeof opened) == 0;
  if (!lp_entity_map_find (entity, &found))
    return FALSE;
  const Mark now = mark_of (&found);
  return memcmp (&now, &opened, sizeof opened) == 0;
}

gboolean
lp_entity_map_is (LpProcess *process, guint64 base, guint64 size, const struct stat *status)
{
  /* On some file systems the numbers differ from those of stat(): then they say nothing. */
  if (lp_module_is_file (process, base, size, status->st_dev, status->st_ino))
    return TRUE;
  g_autofree char *name
      = g_strdup_printf ("map_files/%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", base, base + size);
  struct stat mapped;

  return lp_process_stat_file (process, name, &mapped) && mapped.st_dev == status->st_dev
         && mapped.st_ino == status->st_ino;
}
