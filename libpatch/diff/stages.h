/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the stages of one diff share. For libpatch/diff only. */
#pragma once

#include "diff/compare.h"
#include "diff/diff.h"
#include "diff/place.h"
#include "diff/prove.h"

G_BEGIN_DECLS

typedef struct {
  const LpDiffUnit *request;
  LpObject *original; /* NULL for a new unit */
  LpObject *patched;  /* NULL for a unit that goes away */
  LpPlacement *placement;
  LpCompareCounts counts;
  const char *file; /* as the object's STT_FILE symbol says */
} LpUnitState;

typedef struct {
  const LpDiffRequest *request;
  LpTarget *target;
  const LpArch *arch;
  GPtrArray *units;        /* LpUnitState */
  GHashTable *new_globals; /* name -> LpPiece: what the fix defines and the target doesn't have */
  GPtrArray *selected;     /* LpPiece of the patched objects, in the order in which they were found */
  GHashTable
      *relied_on; /* LpPiece of the original objects: unchanged functions that the patch calls or points to */
  LpProof proof;
  GPtrArray *warnings; /* char* */
} LpDiff;

LpUnitState *lp_diff_unit_of (LpDiff *diff, const LpPiece *piece);

/* Where a reference of the new code goes. */
typedef enum {
  LP_TO_IMAGE,  /* @piece + @offset, which goes along */
  LP_TO_TARGET, /* @address + @offset in the target */
  LP_TO_IMPORT, /* @import, by its name */
  LP_TO_NUMBER, /* @offset itself: a distance from the thread pointer */
} LpDestinationKind;

typedef struct {
  LpDestinationKind kind;
  LpPiece *piece;
  guint64 address;
  gint64 offset;
  LpDynamicName *import;
  guint64 slot; /* TO_TARGET, TO_IMPORT: GOT slot of the target that must be used for calls; 0 = none */
  guint64 address_slot; /* GOT slot of the target for the address; 0 = none */
  const char *name;
  gboolean only_calls; /* ifunc: its address isn't known before it runs */
} LpDestination;

/* link.c. Errors: LP_ERROR_REFUSED naming what is referred to and from where. */
gboolean lp_link_destination (LpDiff *diff, LpPiece *from, const LpElfRelocation *relocation,
                              const LpReference *ref, LpDestination *destination, GError **error);
/* Whether the relocation stands in a direct branch or call. */
gboolean lp_link_is_branch (LpPiece *from, const LpElfRelocation *relocation, const LpReference *ref);

/* select.c: fills in LpDiff.selected. Errors: LP_ERROR_REFUSED. */
gboolean lp_select (LpDiff *diff, GError **error);

/* redirect.c: where the jump to the new code stands in an old function. */
typedef struct {
  LpEntryInfo entry;
  guint32 site_offset;
  guint32 flags; /* LP_FUNCTION_* */
} LpRedirect;

/* Errors: LP_ERROR_REFUSED ("too short" and the like). @piece: located function of the original object. */
gboolean lp_redirect_plan (LpTarget *target, LpPiece *piece, LpRedirect *redirect, GError **error);

/* emit.c. @functions: LpManifestFunction are appended. */
GBytes *lp_emit (LpDiff *diff, GPtrArray *functions, GError **error);

G_END_DECLS
