/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of an entity, as something that a process maps. Must not know how it is told to. */
#pragma once

#include <sys/stat.h>

#include "format/entity.h"
#include "process/process.h"

G_BEGIN_DECLS

/* The entity's file for a process to map: absolute path, content as we read it, and nobody but root (or us)
 * can change it later. FALSE: there is none such. */
gboolean lp_entity_map_find (LpEntity *entity, struct stat *status);

/* Likewise, of a file that was found before, and then without another look at it: lp_entity_file_is() is to
 * follow. */
gboolean lp_entity_file_is_usable (LpEntity *entity);
/* Whether @status, of a file that a process has opened by the path of @entity's, is of the very file that
 * lp_entity_map_find() finds, with the same content. */
gboolean lp_entity_file_is (LpEntity *entity, const struct stat *status);

/* Whether what the process has mapped from @base on, @size bytes (whole pages), is the very file @status
 * describes, not one of the same name in another root. */
gboolean lp_entity_map_is (LpProcess *process, guint64 base, guint64 size, const struct stat *status);

G_END_DECLS
