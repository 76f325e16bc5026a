/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of LpTarget, shared by target.c (what is there) and target-steps.c (what is done). */
#pragma once

#include "process/remote.h"
#include "process/stack.h"
#include "user/image.h"
#include "user/sites.h"
#include "user/target.h"

G_BEGIN_DECLS

/* One entity in this process. */
typedef struct {
  LpEntity *entity;
  const LpModule *module; /* the target file in this process; NULL when only an image is left of it */
  guint64 base;           /* of our image, 0 = none */
  guint64 image_size;
  LpImageState state; /* of the image, when there is one */
  gboolean placed;    /* mapped by this change */
} LpPart;

struct LpTarget {
  LpProcess *process;
  GPtrArray *sharers; /* LpProcess: others with the same memory, known so far */
  int known_number;   /* processes whose number was given up to this one were looked at; 0 = never */
  LpMaps *maps;       /* as of lp_target_new(): for finding things, never trusted after a stop */
  gboolean is_fresh;  /* lp_target_new_fresh(): nothing has run in it yet, and maps aren't all there is */
  GPtrArray *modules; /* LpModule */
  GPtrArray *images;  /* LpImage */
  GArray *parts;      /* LpPart, in the change's order */
  GStrv stack;        /* see lp_target_keep_order(); NULL: none */
  GArray
      *leftovers; /* guint64 bases of images that were unfinished then: a killed worker's, or one under way */
  LpUnwinder *unwinder;
  GArray *changes; /* LpSiteChange of the last switch that was made */
  gboolean switched_on;
  gboolean was_on; /* some switch of ours has led into the images */
  char *kept;      /* why an image was left where it is when it should have been unmapped; else NULL */
  guint64 stop_ns;
  guint private_pages;
};

/* Text sections of @part's image as ranges; @consistency doesn't matter: no thread may be in code that loses
 * its meaning. */
void lp_part_add_image_ranges (const LpPart *part, GArray *ranges);
/* What must be free before function @index of @part is redirected. Errors: LP_ERROR_NOT_SUPPORTED (entry
 * consistency isn't safe for it). */
gboolean lp_part_add_old_ranges (const LpPart *part, guint index, LpConsistency consistency, GArray *ranges,
                                 GError **error);

/* target-place.c. Whether anything is missing. */
gboolean lp_target_needs_place (const LpTarget *target);
/* Maps what is missing by means of @remote (nullable: nothing is done), which is given back. @is_new: as in
 * lp_target_activate_held(). Errors: as lp_target_place(). */
gboolean lp_target_map_missing (LpTarget *target, LpRemote *remote, gboolean is_new, GError **error);
/* Fills what was mapped; @stopped: the process stands still. Errors: as lp_target_place(). */
gboolean lp_target_fill (LpTarget *target, gboolean stopped, GError **error);
/* Takes away what was mapped and has never been used, by a thread of @stop's. */
void lp_target_unplace (LpTarget *target, LpStop *stop);
void lp_target_set_image_gone (const LpTarget *target, GError **error);
/* Whether @part's image is one to take away; @only_placed: of those that this change has mapped. */
gboolean lp_part_is_to_unmap (const LpPart *part, gboolean only_placed);

/* Takes images that somebody else has placed since lp_target_new(), of which @images (of now) has all, for
 * the parts that have none. Errors: LP_ERROR_CONFLICT. */
gboolean lp_target_adopt (LpTarget *target, const GPtrArray *images, GError **error);

/* Now that everybody stands still, and @images are those of now: of several images that were placed at the
 * same time for one part (by the trigger, say) one is taken. @surplus: (element-type guint64): bases of those
 * that are ours and not wanted then. FALSE: a part has none any more. */
gboolean lp_target_agree (LpTarget *target, const GPtrArray *images, GArray *surplus);

/* What must be written to switch all parts that have an image @on or off, as @images (of now) show it;
 * appended to @changes (element-type LpSiteChange, part set). On in the change's order, off from the top of
 * each stack of patches. */
gboolean lp_target_plan (LpTarget *target, const GPtrArray *images, gboolean on, GArray *changes,
                         GError **error);

G_END_DECLS
