/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An ELF file in memory, read-only: header, segments, sections, symbols, relocations, notes, Build-ID.
 * Every length, offset and index of the file is checked once, when it is opened (or when a table is first
 * asked for); users may trust what they get. Must not know about processes, patches or architectures.
 * Sources: System V gABI chapters 4-5; elf(5). */
#pragma once

#include <elf.h>
#include <glib.h>

G_BEGIN_DECLS

typedef struct LpElf LpElf; /* reference counted; not thread safe while tables are read for the first time */

typedef struct {
  guint index;
  const char *name; /* "" when the name is damaged or absent */
  guint32 type;
  guint64 flags;
  guint64 address; /* sh_addr */
  guint64 offset;  /* in the file; offset + size lies inside the file unless SHT_NOBITS */
  guint64 size;    /* bytes */
  guint64 align;
  guint64 entry_size;
  guint32 link;
  guint32 info;
} LpElfSection;

typedef struct {
  guint index;         /* in its table */
  const char *name;    /* never NULL */
  const char *version; /* dynamic symbols: version name, NULL when unversioned */
  gboolean version_hidden;
  const char *file; /* local symbols of .symtab: name of the STT_FILE symbol before it, NULL when none */
  guint file_index; /* index of that STT_FILE symbol, 0 when none: tells equal file names apart */
  guint64 value;
  guint64 size;
  guint8 type;       /* STT_* */
  guint8 bind;       /* STB_* */
  guint8 visibility; /* STV_* */
  guint32 section;   /* real section index (SHN_XINDEX resolved), or SHN_UNDEF, SHN_ABS, SHN_COMMON */
  guint16 shndx;     /* as it stands in the file */
} LpElfSymbol;

typedef struct {
  guint64 offset; /* ET_REL: in the section; else virtual address */
  guint32 type;   /* R_<machine>_* */
  guint symbol;   /* index in the linked symbol table, 0 = none */
  gint64 addend;
} LpElfRelocation;

typedef enum { LP_ELF_SYMTAB, LP_ELF_DYNSYM } LpElfTable;

/* Opens @path with O_CLOEXEC|O_NOCTTY|O_NONBLOCK, must be a regular file. Errors: LP_ERROR_FAILED (I/O),
 * LP_ERROR_PATCH_CORRUPT (malformed, not ELF64 little-endian). Free with lp_elf_unref(). */
LpElf *lp_elf_open (const char *path, GError **error);
/* As above from an open descriptor, which stays the caller's. @name is used in messages. */
LpElf *lp_elf_open_fd (int fd, const char *name, GError **error);
LpElf *lp_elf_new (GBytes *bytes, const char *name, GError **error);
LpElf *lp_elf_ref (LpElf *elf);
void lp_elf_unref (LpElf *elf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpElf, lp_elf_unref)

const char *lp_elf_name (const LpElf *elf);
GBytes *lp_elf_bytes (const LpElf *elf); /* borrowed */
const Elf64_Ehdr *lp_elf_header (const LpElf *elf);
const Elf64_Phdr *lp_elf_segments (const LpElf *elf, guint *n);
/* Build-ID as raw bytes, borrowed (NULL when there is none). */
const guint8 *lp_elf_build_id (const LpElf *elf, gsize *size);
/* Same as lower-case hex, caller frees; NULL when there is none. */
char *lp_elf_build_id_hex (const LpElf *elf);

const LpElfSection *lp_elf_sections (const LpElf *elf, guint *n);                /* [0] is the null section */
const LpElfSection *lp_elf_section_by_name (const LpElf *elf, const char *name); /* first one, or NULL */
/* The section's bytes, borrowed; NULL with @size 0 for SHT_NOBITS and empty ones. */
const guint8 *lp_elf_section_data (const LpElf *elf, const LpElfSection *section, gsize *size);

/* All symbols of a table, borrowed ([0] is the null symbol); n = 0 when the table doesn't exist. */
const LpElfSymbol *lp_elf_symbols (LpElf *elf, LpElfTable table, guint *n, GError **error);
/* Relocations that apply to section @index of an ET_REL (array of LpElfRelocation, cached, borrowed, sorted
 * by offset); empty array when there are none. SHT_REL is refused (x86-64 and aarch64 use SHT_RELA). */
GArray *lp_elf_relocations (LpElf *elf, guint index, GError **error);
/* Dynamic relocations of an executable or library: .rela.dyn and .rela.plt through PT_DYNAMIC; symbols are in
 * DYNSYM. */
GArray *lp_elf_dynamic_relocations (LpElf *elf, GError **error);

/* Bytes of [address, address+size) as the file holds them in its PT_LOAD segments; NULL when not wholly
 * inside one segment's file image. */
const guint8 *lp_elf_at (const LpElf *elf, guint64 address, gsize size);
/* File offset -> virtual address by PT_LOAD; FALSE when the offset isn't loaded. */
gboolean lp_elf_offset_to_address (const LpElf *elf, guint64 offset, guint64 *address);
gboolean lp_elf_address_to_offset (const LpElf *elf, guint64 address, guint64 *offset);

/* Reads only the Build-ID out of the notes of a file or memory image of unknown quality, never failing hard.
 * Returns raw bytes (caller frees with g_bytes_unref) or NULL. */
GBytes *lp_elf_peek_build_id_fd (int fd);

G_END_DECLS
