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
  LP_RELOC_ABSOLUTE, /* S + A */
  LP_RELOC_PC,       /* S + A - P */
  LP_RELOC_PLT,      /* a call or branch: S + A - P, may go through a stub */
  LP_RELOC_GOT_PC,   /* address of a slot that holds S: G + A - P */
  LP_RELOC_TLS_LE,   /* S + A - TP: fixed in a program */
  LP_RELOC_TLS_IE,   /* slot with the offset from the thread pointer */
  LP_RELOC_TLS_GD,   /* pair of slots for __tls_get_addr */
  LP_RELOC_TLS_LD,
  LP_RELOC_TLS_DTPOFF,
  LP_RELOC_TLS_DESC,
  LP_RELOC_SIZE,
} LpRelocKind;

typedef struct {
  guint32 type;
  const char *name; /* "R_X86_64_PC32" */
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
  guint length;     /* bytes of the first instruction */
  guint undo_bytes; /* for LP_ENTRY_UNDO_STACK */
  char text[48];    /* the instruction in words, for `syscare inspect` */
} LpEntryInfo;

/* What a dynamic relocation of a linked file does to its place. */
typedef enum {
  LP_DYNAMIC_OTHER,    /* thread-local storage and anything unknown */
  LP_DYNAMIC_RELATIVE, /* load bias + addend */
  LP_DYNAMIC_SYMBOL,   /* address of a symbol (+ addend), known before the program starts */
  LP_DYNAMIC_CALL,     /* address of a function, perhaps only once it has been called (lazy binding) */
  LP_DYNAMIC_COPY,     /* a library's variable is moved to the place */
  LP_DYNAMIC_RESOLVER, /* what the function at the addend returns (ifunc) */
} LpDynamicKind;

/* How an instruction passes control on, when its target stands in the instruction itself. */
typedef enum {
  LP_FLOW_NONE,
  LP_FLOW_JUMP,
  LP_FLOW_CONDITIONAL,
  LP_FLOW_CALL,
} LpFlow;

/* One decoded instruction, as far as two pieces of code are compared. */
typedef struct {
  guint32 offset;       /* from the start of the decoded bytes */
  guint32 id;           /* operation: equal for the short and the long form of one branch */
  guint64 target;       /* flow != NONE: where it goes, as an address */
  guint8 length;        /* bytes */
  guint8 flow;          /* LpFlow */
  guint8 is_nop;        /* does nothing: alignment */
  guint8 passes_number; /* puts an immediate into an argument register or argument slot on the stack */
  guint8 number_offset; /* where that immediate stands in the instruction */
  guint8 number_size;
} LpInsn;

/* A GOT access that the linker turned into a direct one. */
typedef struct {
  guint8 length;       /* bytes of the rewritten instruction(s): those of the original */
  guint8 field_offset; /* of the 32-bit field */
  guint8 is_absolute;  /* the field holds the address, not the distance from the end of the field */
} LpRelaxed;

typedef struct LpArch LpArch;
struct LpArch {
  const char *name;     /* "x86_64": the architecture word of the manifest */
  guint16 machine;      /* EM_* */
  guint page_size;      /* largest page size that segments must be aligned to */
  guint redirect_size;  /* bytes of one redirect: 5 on x86-64, 4 on aarch64 */
  guint64 branch_range; /* a redirect or call reaches +- this many bytes */

  const LpRelocInfo *(*reloc_info) (guint32 type);
  /* Writes the relocation of @type at @place (@place_size bytes are there) whose run-time address is @p. @s
   * and @a are symbol value and addend. Range-checked. Errors: LP_ERROR_REFUSED (out of range, type unknown).
   */
  gboolean (*relocate) (guint32 type, guint8 *place, gsize place_size, guint64 p, guint64 s, gint64 a,
                        GError **error);
  /* Encodes a redirect that stands at run-time address @from and goes to @to. FALSE when out of range. */
  gboolean (*encode_redirect) (guint64 from, guint64 to, guint8 *out, GError **error);
  /* Whether @bytes at @from is such a redirect, and where it goes. */
  gboolean (*decode_redirect) (const guint8 *bytes, gsize size, guint64 from, guint64 *to);
  /* Facts about the first instruction of @code. Errors: LP_ERROR_REFUSED when it can't be decoded. */
  gboolean (*entry_info) (const guint8 *code, gsize size, LpEntryInfo *info, GError **error);
  /* Code that undoes the first instruction and leaves the branch to be placed behind it; appended to @out. */
  void (*emit_undo) (const LpEntryInfo *info, GByteArray *out);
  /* Whether any direct branch inside @code (function at address @address) goes into [lo, hi). */
  gboolean (*branches_into) (const guint8 *code, gsize size, guint64 address, guint64 lo, guint64 hi,
                             gboolean *result, GError **error);
  /* How many of @bytes from the start are padding (nops, int3, zeroes: never executed). */
  gsize (*padding) (const guint8 *bytes, gsize size);

  /* Appends every instruction of @code as an LpInsn to @out. Errors: LP_ERROR_REFUSED naming the offset that
   * isn't code. */
  gboolean (*decode) (const guint8 *code, gsize size, guint64 address, GArray *out, GError **error);
  /* Whether @linked is what a linker makes of the instruction @object (both @length bytes) that holds a
   * relaxable relocation. */
  gboolean (*relaxed) (const guint8 *object, const guint8 *linked, gsize length, LpRelaxed *how);
  /* Whether a PLT entry stands at @bytes (run-time address @address), and which GOT slot it goes through. */
  gboolean (*plt_slot) (const guint8 *bytes, gsize size, guint64 address, guint64 *slot);
  /* Appends a branch through a GOT slot to @out; the place of its slot reference (relocation reloc_slot,
   * addend
   * @addend) is returned as an offset in @out. */
  guint (*emit_slot_branch) (GByteArray *out, gint64 *addend);
  guint32 reloc_absolute; /* full-width S + A */
  guint32 reloc_near;  /* what a PLT or GOT_PC relocation becomes once its destination is known; 0: it stays
                          what it is */
  guint32 reloc_slot;  /* what emit_slot_branch() needs */
  guint plt_entry_max; /* bytes that plt_slot() wants to see */
  LpDynamicKind (*dynamic_kind) (guint32 type);
};

/* NULL when the machine isn't supported. */
const LpArch *lp_arch_for_machine (guint16 machine);
const LpArch *lp_arch_for_name (const char *name);

G_END_DECLS
