/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks at an entity's file, and at what a process has mapped. Source: proc(5), map_files. */
#include "user/entity-map.h"

#include <string.h>

gboolean
lp_entity_map_find (LpEntity *entity, struct stat *status)
{
  const char *path = lp_elf_name (lp_entity_elf (entity));
  GBytes *bytes = lp_elf_bytes (lp_entity_elf (entity));
  g_autofree char *content = NULL;
  gsize size;

  if (path[0] != '/' || stat (path, status) != 0 || !S_ISREG (status->st_mode)
      || (status->st_mode & 022) != 0)
    return FALSE;
  if ((status->st_uid != 0 && status->st_uid != geteuid ())
      || (gsize)status->st_size != g_bytes_get_size (bytes))
    return FALSE;
  return g_file_get_contents (path, &content, &size, NULL) && size == g_bytes_get_size (bytes)
         && memcmp (content, g_bytes_get_data (bytes, NULL), size) == 0;
}

gboolean
lp_entity_map_is (const LpProcess *process, guint64 base, guint64 size, const struct stat *status)
{
  g_autofree char *name
      = g_strdup_printf ("map_files/%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", base, base + size);
  struct stat mapped;

  return lp_process_stat_file (process, name, &mapped) && mapped.st_dev == status->st_dev
         && mapped.st_ino == status->st_ino;
}
