/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the reader, the checks and the writer of entities share. Must not be included from outside format/. */
#pragma once

#include "format/entity.h"

G_BEGIN_DECLS

/* Names of the sections that hold the tables. */
#define SECTION_FUNCTIONS ".syscare.functions"
#define SECTION_SITES ".syscare.sites"
#define SECTION_RANGES ".syscare.ranges"
#define SECTION_SYMBOLS ".syscare.symbols"
#define SECTION_RELOCATIONS ".syscare.relocations"
#define SECTION_STRINGS ".syscare.strings"

/* The note at LP_ENTITY_NOTE_OFFSET as it stands in the file. */
typedef struct {
  Elf64_Nhdr header;
  char name[8]; /* "SysCare" with its NUL: already a multiple of 4 */
  LpEntityIdentity identity;
} __attribute__ ((packed)) LpEntityNote;

G_STATIC_ASSERT (sizeof (LpEntityIdentity) == 192);
G_STATIC_ASSERT (sizeof (LpEntityNote) == 12 + 8 + 192);
G_STATIC_ASSERT (LP_ENTITY_NOTE_OFFSET + sizeof (LpEntityNote) <= LP_ENTITY_PEEK_SIZE);
G_STATIC_ASSERT (sizeof (LpEntitySite) == 24);
G_STATIC_ASSERT (sizeof (LpEntityFunction) == 72);
G_STATIC_ASSERT (sizeof (LpEntityRange) == 24);
G_STATIC_ASSERT (sizeof (LpEntitySymbol) == 32);
G_STATIC_ASSERT (sizeof (LpEntityRelocation) == 24);

struct LpEntity {
  gatomicrefcount references;
  LpElf *elf;
  char *digest;
  LpEntityIdentity identity;
  LpEntityFunction *functions;
  guint n_functions;
  LpEntityRange *ranges;
  guint n_ranges;
  LpEntitySymbol *symbols;
  guint n_symbols;
  LpEntityRelocation *relocations;
  guint n_relocations;
  const char *strings; /* inside the ELF file; ends in NUL */
  gsize strings_size;
  gpointer file_mark; /* atomic: see lp_entity_file_mark() */

  /* Known after the segments were checked. */
  guint64 code_start;                          /* image address behind ELF header, note and program headers */
  guint64 text_end;                            /* end of the r-x segment */
  guint64 data_start, data_file_end, data_end; /* the rw- segment; all 0 when there is none */
};

/* Sets LP_ERROR_PATCH_CORRUPT with "NAME: ..." and returns FALSE. */
gboolean lp_entity_corrupt (const LpEntity *entity, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* Everything that can be checked without the target; fills in the members above from @entity->elf on. */
gboolean lp_entity_check_identity (LpEntity *entity, GError **error);
gboolean lp_entity_check_segments (LpEntity *entity, GError **error);
gboolean lp_entity_check_tables (LpEntity *entity, GError **error);

G_END_DECLS
