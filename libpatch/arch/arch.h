/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What differs from machine to machine, behind one table: relocations, redirect encoding, instruction facts.
 * Must not know about files, processes or patches: it sees bytes and numbers.
 * Sources: x86-64 psABI 1.0 table 4.9; AAELF64; Intel SDM vol. 2; Arm ARM C6. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How a relocation's value is formed. */
typedef enum {
  LP_RELOC_UNKNOWN,
  LP_RELOC_NONE,
  LP_RELOC_ABSOLUTE,     /* S + A */
  LP_RELOC_PC,           /* S + A - P */
  LP_RELOC_PLT,          /* a call or branch: S + A - P, may go through a stub */
  LP_RELOC_GOT_PC,       /* address of a slot that holds S: G + A - P */
  LP_RELOC_TLS_LE,       /* S + A - TP: fixed in a program */
  LP_RELOC_TLS_IE,       /* slot with the offset from the thread pointer */
  LP_RELOC_TLS_GD,       /* pair of slots for __tls_get_addr */
  LP_RELOC_TLS_LD,
  LP_RELOC_TLS_DTPOFF,
  LP_RELOC_TLS_DESC,
  LP_RELOC_SIZE,
} LpRelocKind;

typedef struct {
  guint32 type;
  const char *name;   /* "R_X86_64_PC32" */
  LpRelocKind kind;
  guint width;        /* bytes written at the place */
  gboolean is_signed; /* range check as signed (else unsigned) */
  gboolean relaxable; /* the linker may rewrite the instruction (GOTPCRELX) */
} LpRelocInfo;

/* What the first instruction of a function does, as far as the redirect cares. */
typedef enum {
  LP_ENTRY_NOTHING_TO_UNDO, /* endbr64, nop, argument stored to the stack, flags only */
  LP_ENTRY_UNDO_STACK,      /* push / sub $n,%rsp: the stub moves the stack pointer back by undo_bytes */
  LP_ENTRY_CANNOT_UNDO,     /* the redirect must stand at the entry itself */
} LpEntryClass;

typedef struct {
  LpEntryClass class;
  guint length;      /* bytes of the first instruction */
  guint undo_bytes;  /* for LP_ENTRY_UNDO_STACK */
  char text[48];     /* the instruction in words, for `syscare inspect` */
} LpEntryInfo;

typedef struct LpArch LpArch;
struct LpArch {
  const char *name;    /* "x86_64": the architecture word of the manifest */
  guint16 machine;     /* EM_* */
  guint page_size;     /* largest page size that segments must be aligned to */
  guint redirect_size; /* bytes of one redirect: 5 on x86-64, 4 on aarch64 */
  guint64 branch_range;/* a redirect or call reaches +- this many bytes */

  const LpRelocInfo *(*reloc_info) (guint32 type);
  /* Writes the relocation of @type at @place (@place_size bytes are there) whose run-time address is @p. @s and @a are
   * symbol value and addend. Range-checked. Errors: LP_ERROR_REFUSED (out of range, type unknown). */
  gboolean (*relocate) (guint32 type, guint8 *place, gsize place_size, guint64 p, guint64 s, gint64 a, GError **error);
  /* Encodes a redirect that stands at run-time address @from and goes to @to. FALSE when out of range. */
  gboolean (*encode_redirect) (guint64 from, guint64 to, guint8 *out, GError **error);
  /* Whether @bytes at @from is such a redirect, and where it goes. */
  gboolean (*decode_redirect) (const guint8 *bytes, gsize size, guint64 from, guint64 *to);
  /* Facts about the first instruction of @code. Errors: LP_ERROR_REFUSED when it can't be decoded. */
  gboolean (*entry_info) (const guint8 *code, gsize size, LpEntryInfo *info, GError **error);
  /* Code that undoes the first instruction and leaves the branch to be placed behind it; appended to @out. */
  void (*emit_undo) (const LpEntryInfo *info, GByteArray *out);
  /* Whether any direct branch inside @code (function at address @address) goes into [lo, hi). */
  gboolean (*branches_into) (const guint8 *code, gsize size, guint64 address, guint64 lo, guint64 hi, gboolean *result,
                             GError **error);
  /* How many of @bytes from the start are padding (nops, int3, zeroes: never executed). */
  gsize (*padding) (const guint8 *bytes, gsize size);
};

/* NULL when the machine isn't supported. */
const LpArch *lp_arch_for_machine (guint16 machine);
const LpArch *lp_arch_for_name (const char *name);

G_END_DECLS
