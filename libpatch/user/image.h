/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our images in the memory of a process, as they describe themselves: which are there, where their redirects
 * stand, and whether they do. Only reads. Must not know about entities on disk. */
#pragma once

#include "arch/arch.h"
#include "format/entity.h"
#include "process/module.h"
#include "user/scan.h"

G_BEGIN_DECLS

/* The machine whose processes can be changed here. */
#if defined(__x86_64__)
#define LP_HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define LP_HOST_MACHINE EM_AARCH64
#endif

typedef struct {
  LpEntityIdentity identity;
  guint64 base;
  guint64 text_end;  /* end of the executable mapping at @base */
  gboolean complete; /* was filled to its end; else its worker was killed meanwhile and it was never active */
  LpEntitySite *sites; /* identity.n_functions of them */
  GHashTable *by_stub; /* LpEntitySite.stub -> LpEntitySite */
} LpImage;

/* All images of a process (element-type LpImage), ascending. Numbers in them are checked for plausibility,
 * not for truth; what a process may make us look at is bounded. */
GPtrArray *lp_images_read (LpProcess *process, const LpMaps *maps);
/* The image whose text is mapped from @start to @end; NULL: there is none. */
LpImage *lp_image_read (LpProcess *process, guint64 start, guint64 end);
void lp_image_free (LpImage *image);

/* The image that holds @address, or NULL. */
const LpImage *lp_images_find (const GPtrArray *images, guint64 address);

/* As many patches of one function may lie on each other; what the process has written may be a circle. */
#define LP_STACKED_MAX 64
/* Where the redirect goes that the image of @stub has noted to have been there before its own, which goes to
 * @stub; 0: there was none. */
guint64 lp_images_below (const GPtrArray *images, guint64 stub);
/* Address of that note in the process; 0: there is no such redirect. */
guint64 lp_images_note (const GPtrArray *images, guint64 stub);

/* What stands at @image's site @index: goes to the image itself, or to one that is stacked on it, or to
 * neither. FALSE when the memory isn't readable (the target was unloaded). */
typedef enum {
  LP_SITE_OTHER,   /* original code, or somebody else's bytes */
  LP_SITE_OURS,    /* the redirect to this image */
  LP_SITE_STACKED, /* a redirect to an image that lies, directly or not, on top of this one */
} LpSiteState;
gboolean lp_image_site_state (LpProcess *process, const LpArch *arch, const GPtrArray *images,
                              const LpImage *image, guint index, LpSiteState *state);

/* The state over all sites. */
LpImageState lp_image_state (LpProcess *process, const LpArch *arch, const GPtrArray *images,
                             const LpImage *image);

G_END_DECLS
