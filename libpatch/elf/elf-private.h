/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of elf/ share about an LpElf. Must not be included from outside elf/. */
#pragma once

#include "base/span.h"
#include "elf/elf-file.h"

G_BEGIN_DECLS

#if G_BYTE_ORDER != G_LITTLE_ENDIAN
#error "ELF structures are copied as they stand in little-endian files"
#endif

/* Sizes and addends beyond this are no real ones; with it, an offset plus a size plus an addend fits into 64
 * bits. */
#define LP_ELF_SANE_MAX (G_GINT64_CONSTANT (1) << 61)

/* What is read on first use; failures aren't remembered: the next call fails again, with the same message. */
typedef struct {
  gboolean read;
  LpElfSymbol *symbols;
  guint n;
} LpElfSymbolTable;

struct LpElf {
  gatomicrefcount references;
  char *name;
  GBytes *bytes;
  const guint8 *data;
  gsize size;

  Elf64_Ehdr header;
  Elf64_Phdr *segments;
  guint n_segments;
  LpElfSection *sections;
  guint n_sections;
  GHashTable *sections_by_name; /* const char* -> LpElfSection*, first one of its name */

  const guint8 *build_id; /* inside data */
  gsize build_id_size;

  LpElfSymbolTable tables[2]; /* by LpElfTable */
  GHashTable *relocations;    /* section index -> GArray of LpElfRelocation */
  gboolean relocations_read;
  GArray *dynamic_relocations;
};

/* Sets LP_ERROR_PATCH_CORRUPT with "NAME: ..." and returns FALSE. Foreign names in it are made printable. */
gboolean lp_elf_corrupt (const LpElf *elf, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* The Build-ID in a run of notes (PT_NOTE or SHT_NOTE), pointing into @notes, or NULL. A malformed run ends
 * the search.
 * @align: alignment of the run, 8 or anything else for 4. */
const guint8 *lp_elf_find_build_id (const guint8 *notes, gsize size, guint64 align, gsize *build_id_size);

/* A NUL-terminated string at @offset of the string table @section, or NULL. Callers have checked that the
 * table ends in NUL. */
const char *lp_elf_string (const LpElf *elf, const LpElfSection *section, guint64 offset);
/* The string table that @user refers to with sh_link; checked: exists, is one, ends in NUL. */
const LpElfSection *lp_elf_linked_strings (const LpElf *elf, const LpElfSection *user, GError **error);
/* First section of @type, or NULL. */
const LpElfSection *lp_elf_section_by_type (const LpElf *elf, guint32 type);

/* Fills in version names of dynamic symbols from .gnu.version, .gnu.version_d and .gnu.version_r. */
gboolean lp_elf_read_versions (const LpElf *elf, const LpElfSection *dynsym, LpElfSymbol *symbols, guint n,
                               GError **error);

G_END_DECLS
