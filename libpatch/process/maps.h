/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The address space of a process as /proc/PID/maps shows it, and the free room in it. Must not know about ELF
 * or patches. */
#pragma once

#include "process/process.h"

G_BEGIN_DECLS

typedef struct {
  guint64 start;
  guint64 end;
  guint64 offset; /* in the file */
  guint32 major;  /* device and inode as the kernel shows them; 0 for anonymous memory. On overlay filesystems
                     not what stat() says */
  guint32 minor;
  guint64 inode;
  int prot; /* PROT_* */
  gboolean shared;
  gboolean deleted; /* the file has been unlinked */
  const char *path; /* as the process's own mount namespace had it; "[heap]" etc.; "" when anonymous */
} LpMapping;

typedef struct {
  GArray *mappings; /* LpMapping, ascending */
  char *text;       /* owns the paths */
} LpMaps;

/* Errors: LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED. Free with lp_maps_free(). */
LpMaps *lp_maps_read (const LpProcess *process, GError **error);
/* Likewise, by the descriptor that @process keeps for lp_process_maps_fd(), so that there is one file less to
 * open: of the address space that it had at the first such call. */
LpMaps *lp_maps_read_kept (LpProcess *process, GError **error);
void lp_maps_free (LpMaps *maps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpMaps, lp_maps_free)

/* The mapping that holds @address, or NULL. */
const LpMapping *lp_maps_find (const LpMaps *maps, guint64 address);

/* Addresses where @size bytes (a multiple of the page size) are free inside [@low, @high), best first, array
 * of guint64: those that are near @near and in nobody's way: not where the heap or a stack will grow. */
GArray *lp_maps_holes (const LpMaps *maps, guint64 size, guint64 low, guint64 high, guint64 near);

G_END_DECLS
