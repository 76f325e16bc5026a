/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds dynamic symbols in the modules that a process has loaded, as its own dynamic linker would: in link
 * map order, with versions. Must not know what the symbols are for. Expects no particular library: a static
 * program simply has no link map. Sources: gABI chapter 5 (dynamic linking); struct r_debug of link.h; LSB 5
 * symbol versioning. */
#pragma once

#include "process/module.h"

G_BEGIN_DECLS

typedef struct LpSymbols LpSymbols;

/* @modules: borrowed, must outlive the result. The process need not be stopped: the end of a change of its
 * link map is awaited for 20 ms at most, unless it is (@stopped). Never fails: without a readable link map
 * the program comes first and the other modules follow in address order. */
LpSymbols *lp_symbols_new (LpProcess *process, const GPtrArray *modules, gboolean stopped);
void lp_symbols_free (LpSymbols *symbols);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpSymbols, lp_symbols_free)

typedef struct {
  guint64 address;        /* run time */
  guint8 type;            /* STT_* */
  const LpModule *module; /* where it was found; borrowed */
} LpSymbolMatch;

/* @version: (nullable): any default version. TRUE and @match, or FALSE with @error LP_ERROR_TARGET_MISMATCH
 * when no loaded module defines it. */
gboolean lp_symbols_find (LpSymbols *symbols, const char *name, const char *version, LpSymbolMatch *match,
                          GError **error);

G_END_DECLS
