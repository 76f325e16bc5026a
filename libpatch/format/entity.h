/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A user-space entity: the file that holds the new code for one ELF object (one Build-ID).
 * Must not know about processes; reading one never trusts a length or an index in it.
 *
 * On disk it is an ELF64 file of type ET_DYN, already laid out and linked as far as can be known at build
 * time, so that the engine only adds addresses, and so that debuggers and profilers see an ordinary shared
 * object:
 *
 *   file offset 0   Elf64_Ehdr
 *
 *   0x40            PT_NOTE: name "SysCare\0", type LP_ENTITY_NOTE, desc = LpEntityIdentity. It stands
 *                   at this offset in every entity, so a mapping can be recognised from outside by its
 *                   first LP_ENTITY_PEEK_SIZE bytes.
 *
 *   then            program headers: PT_LOAD r-x (offset 0, vaddr 0): headers, .syscare.sites
 *                   (LpEntitySite, one per function; best right behind the headers: that page is
 *                   private anyway), .got (slots that the engine fills before anything runs, there for the
 *                   same reason), .text (stubs and functions), .rodata, .eh_frame_hdr, .eh_frame;
 *                   PT_LOAD rw- (optional): .data, .bss. PT_NOTE, PT_GNU_EH_FRAME (optional).
 *
 *   not loaded      .syscare.functions, .syscare.ranges, .syscare.symbols, .syscare.relocations
 *                   (arrays of the structs below, little-endian), .syscare.strings (NUL-terminated),
 *                   .symtab/.strtab (for people and debuggers).
 *
 * "Image address" = virtual address in this file. "Target address" = link-time virtual address in the target
 * ELF. docs/patch-format.md describes the same thing in prose. */
#pragma once

#include "elf/elf-file.h"

G_BEGIN_DECLS

#define LP_ENTITY_NOTE_NAME "SysCare"
#define LP_ENTITY_NOTE 0x53435031 /* "SCP1" */
#define LP_ENTITY_NOTE_OFFSET 0x40
/* Bytes from the start that hold the whole note: 0x40 + 12 + 8 + 192 = 276. */
#define LP_ENTITY_PEEK_SIZE 320
#define LP_ENTITY_VERSION 1
#define LP_BUILD_ID_MAX 32
#define LP_DIGEST_SIZE 32 /* SHA-256 */
#define LP_UUID_SIZE 16
#define LP_ENTITY_FILE_MAX (64u * 1024 * 1024) /* bytes; a larger file isn't read at all */
#define LP_ENTITY_IMAGE_MAX (64u * 1024 * 1024)

enum {
  LP_ENTITY_LOW32 = 1 << 0, /* code has 32-bit absolute references: the image must lie in the low 2 GiB */
};

/* Desc of the note; 192 bytes. In the file, @digest, @load_* are zero; the engine fills them in the process,
 * so that the mapping says which patch it is, for which target, and where. */
typedef struct {
  guint32 version;               /* LP_ENTITY_VERSION */
  guint32 flags;                 /* LP_ENTITY_* */
  guint8 uuid[LP_UUID_SIZE];     /* Patch.Uuid, big-endian as printed */
  guint8 digest[LP_DIGEST_SIZE]; /* SHA-256 of the entity file; zero in the file itself */
  guint32 build_id_size;
  guint32 n_functions;
  guint8 build_id[LP_BUILD_ID_MAX]; /* of the target */
  guint64 load_bias;                /* run time: target's load bias in this process */
  guint64 load_time;                /* run time: microseconds since the epoch, UTC */
  guint64 image_size;               /* bytes of address space, all PT_LOADs, page aligned */
  guint64 sites; /* image address of LpEntitySite[n_functions], 8-aligned, inside the r-x segment */
  guint64 reserved[8];
} LpEntityIdentity;

/* Loaded with the image, so that a process tells from outside, without any file of ours, where this image's
 * redirects stand and whether they do. Entry i belongs to .syscare.functions[i]. The emitter writes the first
 * two from the function (old_address + site_offset, stub_address) and @previous 0. */
typedef struct {
  guint64 site;     /* target address where the redirect stands */
  guint64 stub;     /* image address where it goes */
  guint64 previous; /* run time: where the redirect went that stood there before (a patch below this one); 0 =
                       original code */
} LpEntitySite;

enum {
  LP_FUNCTION_AT_ENTRY = 1 << 0, /* the redirect stands at the entry: no uprobe may be set there */
  LP_FUNCTION_ENTRY_SAFE
  = 1 << 1, /* nothing in the old function branches into the redirect's bytes (consistency=entry) */
};

/* One replaced function. */
typedef struct {
  guint32 name;        /* offset in .syscare.strings */
  guint32 flags;       /* LP_FUNCTION_* */
  guint64 old_address; /* target address */
  guint64 old_size;    /* bytes */
  guint64 new_address; /* image address */
  guint64 new_size;
  guint64 stub_address; /* image address: undoes the first instruction, then jumps to new_address; where the
                           redirect goes */
  guint32 site_offset;  /* redirect stands at old_address + site_offset, which lies in the old function; 0 =
                           AT_ENTRY */
  guint32 site_size;    /* bytes it overwrites; the last of them may be padding behind the old function */
  guint8 site_original[16]; /* those bytes as they are in the target file */
} LpEntityFunction;

/* Further code ranges that belong to an old function (.cold parts): checked, never written. */
typedef struct {
  guint32 function; /* index in .syscare.functions */
  guint32 reserved;
  guint64 address; /* target address */
  guint64 size;
} LpEntityRange;

typedef enum {
  LP_ENTITY_SYMBOL_IMAGE = 1,  /* value = image address */
  LP_ENTITY_SYMBOL_TARGET = 2, /* value = target address (functions, data, copy-relocated data, GOT slots) */
  LP_ENTITY_SYMBOL_IMPORT
  = 3, /* found by name (and version) in the dynamic symbol tables of the loaded modules */
} LpEntitySymbolKind;

enum {
  LP_ENTITY_IMPORT_FUNCTION = 1 << 0, /* must not resolve to an ifunc's resolver */
  LP_ENTITY_IMPORT_WEAK = 1 << 1,     /* 0 when nobody defines it */
};

typedef struct {
  guint32 name;    /* offset in .syscare.strings; 0 = "" */
  guint32 version; /* IMPORT: version name; 0 = any */
  guint32 kind;    /* LpEntitySymbolKind */
  guint32 flags;
  guint64 value;
  guint64 size;
} LpEntitySymbol;

/* Applied by the engine with LpArch.relocate(); type numbers are the machine's R_* ones. */
typedef struct {
  guint64 offset; /* image address of the place */
  guint32 type;
  guint32 symbol; /* index in .syscare.symbols */
  gint64 addend;
} LpEntityRelocation;

typedef struct LpEntity LpEntity; /* immutable once read; reference counted */

/* Parses and checks the whole file: every offset lies inside its segment, sites lie inside old functions,
 * relocations inside segments, symbols and strings exist. Errors: LP_ERROR_PATCH_CORRUPT with section and
 * index, LP_ERROR_NOT_SUPPORTED (machine). */
LpEntity *lp_entity_new (GBytes *file, const char *name, GError **error);
LpEntity *lp_entity_open (const char *path, GError **error);
LpEntity *lp_entity_ref (LpEntity *entity);
void lp_entity_unref (LpEntity *entity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpEntity, lp_entity_unref)

LpElf *lp_entity_elf (const LpEntity *entity); /* borrowed */
/* For user/entity-map.c alone: what it has found the file to be, freed with the entity; NULL: nothing yet.
 * Set at most once, atomically. */
gpointer *lp_entity_file_mark (LpEntity *entity);
const LpEntityIdentity *lp_entity_identity (const LpEntity *entity);
const char *lp_entity_digest (const LpEntity *entity); /* SHA-256 of the file, hex */
char *lp_entity_uuid (const LpEntity *entity);         /* "xxxxxxxx-xxxx-...", caller frees */
char *lp_entity_build_id (const LpEntity *entity);     /* hex, caller frees */
const LpEntityFunction *lp_entity_functions (const LpEntity *entity, guint *n);
const LpEntityRange *lp_entity_ranges (const LpEntity *entity, guint *n);
const LpEntitySymbol *lp_entity_symbols (const LpEntity *entity, guint *n);
const LpEntityRelocation *lp_entity_relocations (const LpEntity *entity, guint *n);
const char *lp_entity_string (const LpEntity *entity, guint32 offset); /* "" when out of range */

/* The identity note out of the first LP_ENTITY_PEEK_SIZE (or more) bytes of a mapping or file of unknown
 * quality; FALSE when it isn't one of ours. */
gboolean lp_entity_peek_identity (const guint8 *bytes, gsize size, LpEntityIdentity *identity);

G_END_DECLS
