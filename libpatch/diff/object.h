/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An object file as the diff sees it: *pieces* (functions, variables, constants) and what each relocation in
 * them refers to. Must not know that there is a second object, or a linked file. For libpatch/diff and
 * libpatch/kernel only. */
#pragma once

#include "arch/arch.h"
#include "diff/line-table.h"
#include "elf/elf-file.h"

G_BEGIN_DECLS

typedef enum {
  LP_PIECE_FUNCTION,
  LP_PIECE_DATA,      /* a named variable */
  LP_PIECE_CONST,     /* a named constant, relocated ones included */
  LP_PIECE_ANONYMOUS, /* read-only bytes without a name: switch tables, constants of expressions; belong to
                         who refers to them */
  LP_PIECE_MERGED,  /* a section of strings or equal-sized constants; each element is known by its content */
  LP_PIECE_TLS,     /* a thread-local variable */
  LP_PIECE_SPECIAL, /* loaded bytes that take effect without being referred to (.init_array), or of unknown
                       purpose */
} LpPieceKind;

/* What a kernel's object has besides code and data. */
typedef enum {
  LP_SECTION_ORDINARY,
  LP_SECTION_TABLE, /* entries about places in code or data: not cut into pieces */
  LP_SECTION_AUX, /* code without a name that functions jump to: like constants, known by who refers to it */
} LpSectionUse;

typedef struct LpObject LpObject;
typedef struct LpPiece LpPiece;

struct LpPiece {
  LpObject *object;
  LpPieceKind kind;
  guint index;                /* in LpObject.pieces */
  guint section;              /* SHN_COMMON for common symbols */
  const LpElfSection *header; /* NULL for common symbols */
  guint64 start;              /* in the section */
  guint64 size;
  guint64 lead;              /* bytes before @start that go along with it (kernel only) */
  const guint8 *bytes;       /* NULL when the file holds none (.bss) */
  const LpElfSymbol *symbol; /* NULL for unnamed pieces */
  const char *name;          /* symbol's name, else the section's */
  char *base;                /* @name without the numbers that GCC appends ("foo.isra.0" -> "foo.isra") */
  GArray *relocations;       /* LpElfRelocation, offsets in the section; only those of this piece */
  GArray *insns;             /* LpInsn, read when first needed; NULL before */
  gboolean undecodable;
  LpPiece *parent;  /* .cold part: its function. Table of labels: the function whose labels it holds */
  GPtrArray *parts; /* (nullable) .cold parts of this function */
  GArray *starts;   /* (nullable) ANONYMOUS: guint64 offsets that something refers to, sorted */
  gboolean is_pool; /* ANONYMOUS: unrelated constants, each from one of @starts to the next (GCC -O0: strings
                       in .rodata) */
  GHashTable *referrers; /* names in the source of the functions that refer to it (data only) */
  gboolean is_table;     /* holds addresses inside a function: goes wherever that function goes */

  /* Written by the stages. */
  LpPiece *peer;       /* the same thing in the other object */
  gboolean changed;    /* code differs from the peer's */
  gboolean selected;   /* goes into the entity */
  gboolean located;    /* @address and @linked_size are known */
  guint64 address;     /* target address */
  guint64 linked_size; /* what the linked file's symbol says */
  gint writer_piece;   /* index in the entity writer, -1 */
};

struct LpObject {
  LpElf *elf;                             /* borrowed from the request */
  LpSectionUse (*use) (const char *name); /* (nullable) */
  const LpArch *arch;
  const char *unit;
  const LpElfSymbol *symbols;
  guint n_symbols;
  GPtrArray *pieces;      /* owns */
  GPtrArray **by_section; /* pieces of each section by start; NULL where there are none */
  guint n_sections;
  LpLineTable *lines;  /* read when first needed */
  LpPiece **by_symbol; /* NULL for undefined symbols */
};

/* What a relocation means. */
typedef struct {
  LpPiece *piece; /* NULL: not in this object, @symbol says what */
  gint64 offset;  /* from the start of @piece, or from @symbol */
  gint64 element; /* MERGED: an offset in the element that is meant. Linkers move it with the element, and
                     @offset may lie outside: GCC starts a loop one byte before its string */
  const LpElfSymbol *symbol;
  const LpRelocInfo *info;
  gint64 to_base; /* PC-relative: bytes from the place to what the compiler counted from, already counted in
                     @offset */
} LpReference;

/* Reads @elf (borrowed). Errors: LP_ERROR_REFUSED (not an object of a supported machine, linker plugin
 * bytecode). */
LpObject *lp_object_new (LpElf *elf, const char *unit, GError **error);
/* As above; @use says which sections are no ordinary ones. */
LpObject *lp_object_new_for (LpElf *elf, const char *unit, LpSectionUse (*use) (const char *name),
                             GError **error);
void lp_object_free (LpObject *object);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpObject, lp_object_free)

/* Errors: LP_ERROR_REFUSED (relocation type that isn't understood). */
gboolean lp_object_reference (LpPiece *from, const LpElfRelocation *relocation, LpReference *reference,
                              GError **error);

/* The piece that @offset of section @section belongs to: the nearest one when it lies outside of all. NULL:
 * no pieces there. */
LpPiece *lp_object_piece_at (LpObject *object, guint section, gint64 offset);

/* Bytes of the element of a MERGED piece that contains @offset, from @offset on for strings; 0 when there is
 * none. */
gsize lp_piece_element (const LpPiece *piece, gint64 offset, guint64 *start);

/* End of the constant that begins at @offset of an ANONYMOUS piece: the next place that something refers to,
 * without the zeroes before it when the piece is a pool. */
guint64 lp_piece_constant_end (const LpPiece *piece, guint64 offset);

/* The instructions of a function piece, NULL with @piece->undecodable set when it holds something else. */
GArray *lp_piece_insns (LpPiece *piece);
/* The instruction that contains @offset (in the piece), or NULL. */
const LpInsn *lp_piece_insn_at (LpPiece *piece, guint64 offset);

/* Whether the piece has no identity of its own: it is compared by content and copied with who refers to it.
 */
gboolean lp_piece_is_private (const LpPiece *piece);
/* The function that @piece is, or is a part or a table of; else NULL. */
LpPiece *lp_piece_function (LpPiece *piece);
/* "src/a.c: foo": for messages. Caller frees. */
char *lp_piece_describe (const LpPiece *piece);

G_END_DECLS
