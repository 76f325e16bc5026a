/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes at the places where redirects stand: what is there, what shall be there, writing and taking back.
 * All threads of the process are stopped meanwhile. Must not know where the threads are or how they were
 * stopped.
 *
 * Original bytes come from the entity, whose proof compared them with the ELF file, never from memory: a
 * uprobe may have its breakpoint there. */
#pragma once

#include "user/image.h"

G_BEGIN_DECLS

#define LP_SITE_MAX 16

typedef struct {
  guint64 address;
  guint size; /* 0: only the note is written */
  guint8 before[LP_SITE_MAX];
  guint8 after[LP_SITE_MAX];
  guint64 previous_slot; /* where the image notes what stood there before; 0 = nothing to note */
  guint64 previous;
  guint64 noted;  /* @size 0: what the note says before */
  guint function; /* index in the entity */
  guint part;     /* for the caller */
} LpSiteChange;

/* Appends to @changes (element-type LpSiteChange) what must be written so that all redirects of @entity's
 * image go to it. Sites that already do are left out. @images: all images of the process, @image one of them.
 * @above: (element-type LpImage): those of them that it must lie below: where one of these is active, it goes
 * in between, which changes notes only.
 * Errors: LP_ERROR_CONFLICT (bytes that are neither the original nor a redirect of ours), LP_ERROR_FAILED,
 * LP_ERROR_PROCESS_GONE. */
gboolean lp_sites_plan_on (LpProcess *process, LpEntity *entity, const GPtrArray *images,
                           const LpImage *image, GPtrArray *above, GArray *changes, GError **error);

/* Whether an image of @entity could be redirected to in a process where the target has load bias @bias.
 * Errors: LP_ERROR_CONFLICT. */
gboolean lp_sites_check_free (LpProcess *process, LpEntity *entity, const GPtrArray *images, guint64 bias,
                              GError **error);

/* The same for taking them away. Errors: in addition LP_ERROR_OVERRIDDEN (a later patch's redirect stands
 * there). */
gboolean lp_sites_plan_off (LpProcess *process, LpEntity *entity, const GPtrArray *images,
                            const LpImage *image, GArray *changes, GError **error);

/* Writes @changes in order and reads each back. After an error all are as before (when that fails too, the
 * message says so).
 * @stopped_tid: any stopped thread. @pages: pages written to, for the count of private ones. */
gboolean lp_sites_write (LpProcess *process, const GArray *changes, int stopped_tid, guint *pages,
                         GError **error);

G_END_DECLS
