/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One translation unit of a kernel fix: original and patched object compared, with their special sections,
 * and what of the patched one must go into the livepatch module. Must not know the running or shipped kernel.
 */
#pragma once

#include "diff/compare.h"
#include "kernel/special.h"

G_BEGIN_DECLS

typedef struct {
  const char *source; /* "fs/proc/meminfo.c" */
  LpElf *original; /* compiled with -ffunction-sections -fdata-sections, not seen by objtool; all borrowed */
  LpElf *patched;  /* the fixed source, the same way */
} LpKernelSources;

typedef enum {
  LP_CALLBACK_PRE_PATCH,
  LP_CALLBACK_POST_PATCH,
  LP_CALLBACK_PRE_UNPATCH,
  LP_CALLBACK_POST_UNPATCH,
  LP_N_CALLBACKS,
} LpKernelCallback;

/* "pre_patch": the member of struct klp_callbacks. */
const char *lp_kernel_callback_name (LpKernelCallback callback);

typedef struct {
  LpPiece *piece;
  guint64 start; /* in the piece */
  guint64 end;
} LpKernelRange;

typedef struct {
  const char *source;
  LpObject *original;
  LpObject *patched;
  GArray *entries;     /* LpSpecialEntry of @patched */
  GArray *old_entries; /* of @original */
  LpCompareCounts counts;
  GPtrArray *replaced; /* LpPiece of @patched, functions: those whose original is redirected */
  GPtrArray *selected; /* LpPiece of @patched: code and data that go along, in the order they were found */
  GArray *ranges;      /* LpKernelRange: constants of pools, and code without a name, that go along */
  GArray *kept;        /* guint: indexes of @entries that go along */
  GHashTable *relied;  /* set of LpPiece of @original: functions that are replaced, called or pointed to */
  GHashTable *carried; /* set of LpPiece of @patched: functions without fentry; their callers are replaced */
  const LpElfSymbol *callbacks[LP_N_CALLBACKS]; /* (nullable) functions of @patched */
  /*< private >*/
  GPtrArray *levelled;
  gboolean *entry_kept; /* per entry */
  guint followed;       /* how many of @selected */
} LpKernelUnit;

/* What a relocation of kept code or entries means for the module. */
typedef enum {
  LP_KERNEL_TO_COPY,    /* @piece of the patched object, at @offset: it is in the module */
  LP_KERNEL_TO_SHIPPED, /* @name: a symbol of the kernel object as it was, plus the relocation's @offset */
} LpKernelDestinationKind;

typedef struct {
  LpKernelDestinationKind kind;
  LpPiece *piece;
  gint64 offset; /* S + A (without what S is) counted from the start of @piece, or from @name */
  gint64 at;     /* TO_COPY: the place in @piece that is meant: @offset without what the instruction adds */
  const char *name;
  LpPiece *old; /* TO_SHIPPED (nullable): the piece of the original object that it is */
} LpKernelDestination;

/* Compares and selects. Errors: LP_ERROR_REFUSED with the reason, LP_ERROR_NOTHING_TO_PATCH is not one of
 * them: @replaced is empty then. */
LpKernelUnit *lp_kernel_unit_new (const LpKernelSources *sources, GError **error);
void lp_kernel_unit_free (LpKernelUnit *unit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpKernelUnit, lp_kernel_unit_free)

/* Selects what the fix adds for other files: functions and variables that are new and global. Errors:
 * LP_ERROR_REFUSED. */
gboolean lp_kernel_unit_select_new (LpKernelUnit *unit, GError **error);

/* @from: the piece that holds the relocation; NULL for entries of special sections. Errors: LP_ERROR_REFUSED.
 */
gboolean lp_kernel_unit_destination (LpKernelUnit *unit, LpPiece *from, const LpElfRelocation *relocation,
                                     LpKernelDestination *destination, GError **error);

/* The range of @piece that goes along and holds @at; NULL: none does. Borrowed, until more is selected. */
const LpKernelRange *lp_kernel_unit_range (const LpKernelUnit *unit, const LpPiece *piece, gint64 at);

/* The range that @at of @piece, a pool, is the start of. */
LpKernelRange lp_kernel_range_at (LpPiece *piece, gint64 at);

/* Sections whose code or data is only there while the kernel boots or a module starts. */
gboolean lp_kernel_is_init_section (const char *name);

G_END_DECLS
