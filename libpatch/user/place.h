/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives an entity's image its address space in a process, and takes it away again. Must not know about
 * redirects or threads' whereabouts.
 *
 * The executable part is the entity file itself where the process can open it (pages stay shared; SELinux,
 * debuggers and profilers prefer that), else anonymous memory that is mapped readable and executable from the
 * start: never writable and executable, which MemoryDenyWriteExecute= and SELinux refuse. A guard page on
 * either side keeps the mapping from merging with a neighbour. */
#pragma once

#include "format/entity.h"
#include "process/module.h"
#include "process/remote.h"

G_BEGIN_DECLS

/* Maps room for @entity within branch reach of every byte of @module; sets @base. @maps: of the process, as
 * they are now. @code: 0, or an address as lp_remote_run() wants it, which is several times faster. Errors:
 * LP_ERROR_NOT_SUPPORTED (no room within reach, denied by the kernel or a limit: the process can't be
 * patched), others from lp_remote_call(). After an error nothing is mapped. */
gboolean lp_place_map (LpProcess *process, LpRemote *remote, const LpMaps *maps, LpEntity *entity,
                       const LpModule *module, guint64 code, guint64 *base, GError **error);

/* Where the executable mapping of @entity's image at @base ends. */
guint64 lp_place_text_end (LpEntity *entity, guint64 base);

/* Whether the guards of an image of @image_size bytes at @base are there. */
gboolean lp_place_is_room (const LpMaps *maps, guint64 base, guint64 image_size);

/* Unmaps the image of @image_size bytes at @base with its guards. */
gboolean lp_place_unmap (LpProcess *process, LpRemote *remote, guint64 base, guint64 image_size,
                         GError **error);

/* Leaves the image where it is and takes its identity away: it is a mapping like any other then, and nobody's
 * patch. For a process that may still use something of it. */
gboolean lp_place_retire (LpProcess *process, guint64 base, int stopped_tid, GError **error);

G_END_DECLS
