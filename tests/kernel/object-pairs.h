/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pairs of small kernel objects, compiled by the tests: original and fixed source, as the patch builder
 * compiles them. */
#pragma once

#include "kernel/extract.h"
#include "kernel/shipped-proof.h"

typedef struct {
  char *folder;
  LpElf *original;
  LpElf *patched;
  LpKernelUnit *unit;
  GError *error;
} Pair;

/* Runs a command, which must succeed. */
void run (const char *const *argv);
void remove_folder (const char *folder);

/* Compiles @text, as @name.c in @folder, with FIX defined as @fix; gives the path of the object, caller
 * frees. @sections: as the patch builder compiles; else as the kernel's own build does. */
char *compile (const char *folder, const char *name, const char *text, gboolean fix, gboolean sections);
/* With another flag of the compiler than -fno-jump-tables. */
char *compile_with (const char *folder, const char *name, const char *text, gboolean fix, gboolean sections,
                    const char *flag);
LpElf *open_object (const char *path);

/* The two objects of @text and what of them would go into a livepatch module, or why not. */
Pair *pair_new (const char *text);
Pair *pair_new_with (const char *text, const char *flag);
void pair_free (Pair *pair);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pair, pair_free)

/* The small object of a pair in which exactly @replaced is replaced. */
LpElf *extract (Pair *pair, const char *replaced, LpKernelExtract **result);
/* How many relocations section @name has. */
guint count_relocations (LpElf *elf, const char *name);

/* The pair was refused, in a message with @words. */
void assert_refused (const Pair *pair, const char *words);

/* Two objects of one kernel object, of which the second one is the baseline of the unit. */
typedef struct {
  char *folder;
  LpElf *module;
  LpElf *baseline;
  LpShipped *shipped;
  LpShippedProof *proof;
} Kernel;

/* @name: "vmlinux", or a module's. */
Kernel *kernel_new (const char *name, const char *other, const char *text);
void kernel_free (Kernel *kernel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Kernel, kernel_free)
