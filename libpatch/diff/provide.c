/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Provide: names that the target doesn't import yet, found in the libraries that it is linked with anyway.
 * Only what is one fixed address in every process is taken; what a library decides at run time is refused.
 * Must not know where the libraries come from. Source: gABI chapter 5 (shared object dependencies). */
#include "base/error.h"
#include "diff/target.h"

#include <string.h>

/* What a reference without a version binds to when it is linked: the default version. */
static gboolean
is_definition (const LpElfSymbol *symbol, const char *name)
{
  return symbol->section != SHN_UNDEF && symbol->bind != STB_LOCAL && !symbol->version_hidden
         && (symbol->visibility == STV_DEFAULT || symbol->visibility == STV_PROTECTED)
         && strcmp (symbol->name, name) == 0;
}

/* The first library's definition of @name, as the linker would take it; @found is NULL when there is none. */
static gboolean
find_definition (LpTarget *target, const char *name, const LpElfSymbol **found, LpElf **library,
                 GError **error)
{
  *found = NULL;
  for (guint i = 0; target->libraries != NULL && i < target->libraries->len; i++)
    {
      g_autoptr (GError) local_error = NULL;
      guint n;
      *library = target->libraries->pdata[i];
      const LpElfSymbol *symbols = lp_elf_symbols (*library, LP_ELF_DYNSYM, &n, &local_error);
      if (local_error != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      for (guint k = 1; k < n; k++)
        if (is_definition (&symbols[k], name))
          {
            *found = &symbols[k];
            return TRUE;
          }
    }
  return TRUE;
}

/* Why a patch can't use @symbol, or NULL. */
static const char *
why_not (const LpElfSymbol *symbol)
{
  if (symbol->type == STT_GNU_IFUNC)
    return "an indirect function (ifunc)";
  if (symbol->type == STT_TLS)
    return "a thread-local variable";
  if (symbol->type != STT_FUNC && symbol->type != STT_OBJECT)
    return "neither a function nor a variable";
  return symbol->section == SHN_ABS ? "an absolute symbol" : NULL;
}

gboolean
lp_target_provide (LpTarget *target, const char *name, LpDynamicName **entry, GError **error)
{
  const LpElfSymbol *symbol;
  LpElf *library = NULL;

  *entry = g_hash_table_lookup (target->provided, name);
  if (*entry != NULL)
    return TRUE;
  if (!find_definition (target, name, &symbol, &library, error))
    return FALSE;
  if (symbol == NULL)
    return TRUE;
  if (why_not (symbol) != NULL)
    {
      lp_error_set (error, LP_ERROR_REFUSED, "use only functions that the program calls already",
                    "\"%s\", which %s doesn't import yet, is %s in %s", name, target->name, why_not (symbol),
                    lp_elf_name (library));
      return FALSE;
    }

  *entry = g_new0 (LpDynamicName, 1);
  (*entry)->name = symbol->name;
  (*entry)->version = symbol->version;
  (*entry)->is_import = TRUE;
  (*entry)->type = symbol->type;
  g_hash_table_insert (target->provided, (gpointer)symbol->name, *entry);
  return TRUE;
}
