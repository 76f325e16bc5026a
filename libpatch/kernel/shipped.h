/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel object that is to be patched, as it was shipped: vmlinux or a module. Where each symbol is, and
 * at which position among those of its name. Must not know the fix. */
#pragma once

#include "elf/elf-file.h"

G_BEGIN_DECLS

#define LP_VMLINUX "vmlinux"

typedef struct {
  char *name; /* "vmlinux", or the module's name in /proc/modules */
  LpElf *elf; /* vmlinux: linked, with a symbol table; module: ET_REL */
  gboolean is_vmlinux;
  const LpElfSymbol *symbols;
  guint n_symbols;
  GHashTable *by_name; /* name -> GArray of guint: indexes, in order; only what has an address */
} LpShipped;

/* Takes a reference to @elf. Errors: LP_ERROR_TARGET_MISMATCH (no symbols, wrong kind of file). */
LpShipped *lp_shipped_new (LpElf *elf, const char *name, GError **error);
void lp_shipped_free (LpShipped *shipped);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpShipped, lp_shipped_free)

/* An address: of vmlinux its own; in a module section and offset in one number, since it has none. */
guint64 lp_shipped_address (const LpShipped *shipped, const LpElfSymbol *symbol);
/* Bytes of the file at such an address; NULL when they aren't there. */
const guint8 *lp_shipped_bytes (const LpShipped *shipped, guint64 address, gsize size);

/* Symbols of this name; NULL when there is none. */
GArray *lp_shipped_named (const LpShipped *shipped, const char *name);
/* The one that other files see; NULL when there is none. */
const LpElfSymbol *lp_shipped_global (const LpShipped *shipped, const char *name);

/* What livepatch calls sympos: 0 when the name is unique in the object, else 1 for the first of that name in
 * the order of kallsyms: by address in vmlinux, by symbol table in a module. Errors: LP_ERROR_REFUSED (the
 * order isn't certain: aliases at one address, or a twin in the module's init code). */
gboolean lp_shipped_position (const LpShipped *shipped, const LpElfSymbol *symbol, guint *position,
                              GError **error);

G_END_DECLS
