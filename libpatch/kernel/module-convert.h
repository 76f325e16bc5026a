/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the linker can't do for a livepatch module: names of references that the kernel resolves itself, and
 * the relocation sections for them. Must not know where the names come from. Source:
 * Documentation/livepatch/module-elf-format.rst. */
#pragma once

#include "elf/elf-file.h"

G_BEGIN_DECLS

/* Name under which a reference that is resolved at load time stands in objects until the module is linked:
 * applied when @applied_by is loaded, it means the @position-th symbol (1...; 0: the only one) of the name
 * @name in the kernel object @object. Caller frees. */
char *lp_livepatch_reference (const char *applied_by, const char *object, const char *name, guint position);

gboolean lp_is_livepatch_reference (const char *name);

/* Gives undefined symbols of an object other names: @names: char* -> char*. New symbols @aliases
 * (char* -> char*: new global name -> name of a defined function of the object). Errors: LP_ERROR_FAILED. */
GBytes *lp_module_rename (LpElf *object, GHashTable *names, GHashTable *aliases, GError **error);

/* Makes SHN_LIVEPATCH symbols and .klp.rela sections of the references in a linked module. @n_references:
 * (out): how many symbols. Errors: LP_ERROR_FAILED. */
GBytes *lp_module_convert (LpElf *module, guint *n_references, GError **error);

G_END_DECLS
