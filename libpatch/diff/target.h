/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The linked file that is to be patched: where each symbol lies, what each GOT slot and PLT entry leads to.
 * Bytes come from the shipped file, names from its unstripped twin. Must not know about pieces or the fix.
 * For libpatch/diff only. */
#pragma once

#include "arch/arch.h"
#include "elf/elf-file.h"

G_BEGIN_DECLS

/* What a name is to the dynamic linker in this file. */
typedef struct {
  const char *name;
  const char *version; /* NULL: none */
  gboolean is_import;  /* not defined here */
  gboolean is_weak;
  gboolean is_ambiguous; /* imported or exported in several versions */
  gboolean is_protected; /* exported, but this file always uses its own */
  guint8 type;           /* STT_* */
  guint64 value;         /* exported: address; import: canonical PLT entry in a non-PIE program, or 0 */
  guint64 call_slot;     /* GOT slot that may be bound lazily; 0 = none */
  guint64 address_slot;  /* GOT slot that holds the address from the start; 0 = none */
  guint64 copy;          /* where a library's variable was moved to; 0 = it wasn't */
} LpDynamicName;

/* One source file's local symbols in the twin. */
typedef struct {
  guint file_index;   /* of its STT_FILE symbol */
  GHashTable *locals; /* name -> const LpElfSymbol*; ambiguous names map to NULL */
} LpFileGroup;

/* What the loader leaves at an 8-byte place. */
typedef struct {
  LpDynamicKind kind; /* OTHER with @name NULL and @is_plain: just the bytes */
  gboolean is_plain;
  guint64 value;             /* plain: the bytes; RELATIVE, RESOLVER: target address; COPY: none */
  const LpElfSymbol *symbol; /* SYMBOL, CALL, COPY */
} LpTargetWord;

typedef struct {
  LpElf *shipped; /* borrowed */
  LpElf *twin;
  const LpArch *arch;
  const char *name;
  gboolean is_library;
  gboolean is_bound_inside;  /* library linked with -Bsymbolic */
  gboolean calls_exports;    /* library that reaches exported functions of its own through slots: not
                                -Bsymbolic-functions */
  gboolean has_thread_block; /* program with PT_TLS: @thread_offset is known */
  guint64 thread_offset;     /* of the TLS block's start from the thread pointer (negative as unsigned) */
  GHashTable *globals;       /* name without version -> const LpElfSymbol*; ambiguous ones map to NULL */
  GHashTable *hidden;  /* same for globals that linking made local: hidden ones, and by version script */
  GHashTable *files;   /* file name -> GPtrArray of LpFileGroup */
  GHashTable *dynamic; /* name -> LpDynamicName */
  GHashTable *words;   /* address -> const LpElfRelocation* */
  GHashTable *resolver_slots; /* address of an ifunc's resolver -> address of its slot */
  GArray *code_starts;        /* guint64: addresses of symbols in code, sorted */
  GHashTable *functions_at;   /* address -> number of function symbols there */
  const LpElfSymbol *dynamic_symbols;
  guint n_dynamic_symbols;
  GPtrArray *libraries; /* LpElf of the libraries that the file is linked with; borrowed, may be NULL */
  GHashTable *provided; /* name -> LpDynamicName: imports that it doesn't have yet, see lp_target_provide() */
  gboolean build_id_differs;
} LpTarget;

/* Checks that @twin is the twin of @shipped (all allocated sections but the Build-ID equal). Errors:
 * LP_ERROR_TARGET_MISMATCH naming the section, LP_ERROR_NOT_SUPPORTED (machine). */
LpTarget *lp_target_new (LpElf *shipped, LpElf *twin, const char *name, GError **error);
void lp_target_free (LpTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpTarget, lp_target_free)

/* The global symbol @name as the twin defines it; NULL when it doesn't. Errors: LP_ERROR_REFUSED when it
 * isn't unique. @found: (out). */
gboolean lp_target_global (LpTarget *target, const char *name, const LpElfSymbol **found, GError **error);
LpDynamicName *lp_target_dynamic (LpTarget *target, const char *name);

/* @entry (out): an import of @name that the file doesn't have yet, found in LpTarget.libraries; NULL when
 * none defines it. It has no slot in the target. Errors: LP_ERROR_REFUSED when its definition is an ifunc,
 * thread-local or no ordinary symbol. */
gboolean lp_target_provide (LpTarget *target, const char *name, LpDynamicName **entry, GError **error);

/* FALSE when the place isn't in the file's image. */
gboolean lp_target_word (LpTarget *target, guint64 address, LpTargetWord *word);
/* The GOT slot behind the PLT entry at @address, if there is one. */
gboolean lp_target_plt_slot (LpTarget *target, guint64 address, guint64 *slot);
/* First address behind @address at which another symbol of the code begins, at most the end of its section.
 */
guint64 lp_target_next_code (LpTarget *target, guint64 address);
/* How many function symbols stand at exactly @address. */
guint lp_target_functions_at (LpTarget *target, guint64 address);
/* Whether other modules may put their own definition in place of this file's @symbol. */
gboolean lp_target_is_preemptible (LpTarget *target, const char *name);

G_END_DECLS
