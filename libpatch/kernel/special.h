/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's special sections: tables whose entries say something about places in code (where a trap is a
 * warning, which instructions are replaced at boot, where a faulting access continues). Taken apart entry by
 * entry. Must not know which functions are wanted. Sources:
 * include/linux/{bug,jump_label,static_call,init}.h, arch/x86/include/asm/{alternative,extable,bug}.h of the
 * kernel. */
#pragma once

#include "diff/object.h"

G_BEGIN_DECLS

typedef enum {
  LP_SPECIAL_KEPT,      /* its entries go along with their code */
  LP_SPECIAL_GENERATED, /* objtool makes it, from the finished object */
  LP_SPECIAL_IGNORED,   /* says nothing about code that is replaced */
} LpSpecialUse;

typedef struct {
  const char *name;
  LpSpecialUse use;
  guint relocations;  /* per entry; the first one is at the entry's start and names the place in code */
  guint size;         /* bytes of an entry on x86-64, without padding between entries; 0: not checked */
  guint ignored_from; /* bytes [from, to) don't count in comparisons: line numbers */
  guint ignored_to;
} LpSpecialTable;

/* The row for a section of this name, NULL when it is no special one. */
const LpSpecialTable *lp_special_table (const char *section);
/* For lp_object_new_for(). */
LpSectionUse lp_special_use (const char *section);

/* One entry. */
typedef struct {
  const LpSpecialTable *table;
  guint section; /* its index in the object */
  guint64 start; /* in the section */
  guint64 size;  /* bytes, without what pads up to the next one */
  guint first;   /* index of its first relocation among the section's */
  guint n;
  LpPiece *owner; /* the code that it is about; NULL: none of ours */
} LpSpecialEntry;

/* The piece and offset in it that a relocation outside of pieces refers to; FALSE: nothing in this object. */
gboolean lp_special_place (LpObject *object, const LpElfRelocation *relocation, LpPiece **piece,
                           gint64 *offset);

/* All entries of the kept tables, in order (LpSpecialEntry). Errors: LP_ERROR_REFUSED (a table that can't be
 * taken apart: named). */
GArray *lp_special_entries (LpObject *object, GError **error);

/* Length of the replacement code that an entry of .altinstructions refers to (its second relocation), in
 * bytes. */
guint lp_special_replacement_size (const LpObject *object, const LpSpecialEntry *entry);

G_END_DECLS
