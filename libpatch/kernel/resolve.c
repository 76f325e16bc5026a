/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decides for each reference who resolves it. */
#include "kernel/resolve.h"

#include <string.h>

#include "base/error.h"
#include "kernel/module-convert.h"

#define STATIC_CALL_PREFIX "__SC" /* __SCT__ trampolines, __SCK__ keys */

typedef struct {
  char *exporter;
  char *name_space;
} Export;

struct LpKernelExports {
  GHashTable *by_name; /* char* -> Export */
};

static void
export_free (gpointer data)
{
  Export *export = data;

  g_free (export->exporter);
  g_free (export->name_space);
  g_free (export);
}

/* "crc <tab> name <tab> vmlinux or path/of/module <tab> EXPORT_SYMBOL_GPL <tab> name space" */
LpKernelExports *
lp_kernel_exports_new (const char *text)
{
  LpKernelExports *exports = g_new0 (LpKernelExports, 1);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  exports->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, export_free);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], "\t", -1);
      if (g_strv_length (fields) < 4)
        continue;
      Export *export = g_new (Export, 1);
      export->exporter = g_strdelimit (g_path_get_basename (fields[2]), "-", '_');
      export->name_space = g_strdup (fields[4] != NULL ? g_strstrip (fields[4]) : "");
      g_hash_table_insert (exports->by_name, g_strdup (fields[1]), export);
    }
  return exports;
}

void
lp_kernel_exports_free (LpKernelExports *exports)
{
  if (exports == NULL)
    return;
  g_hash_table_unref (exports->by_name);
  g_free (exports);
}

const char *
lp_kernel_exports_find (const LpKernelExports *exports, const char *name, const char **name_space)
{
  const Export *export = g_hash_table_lookup (exports->by_name, name);

  if (name_space != NULL)
    *name_space = export != NULL ? export->name_space : "";
  return export != NULL ? export->exporter : NULL;
}

/* A symbol of the patched kernel object itself. */
static char *
own_reference (const LpShipped *shipped, const LpElfSymbol *symbol, GError **error)
{
  guint position;

  if (!lp_shipped_position (shipped, symbol, &position, error))
    return NULL;
  return lp_livepatch_reference (shipped->name, shipped->name, symbol->name, position);
}

static char *
refuse (const LpKernelResolver *resolver, const char *name, const char *why, const char *hint, GError **error)
{
  lp_error_set (error, LP_ERROR_REFUSED, hint, "%s: the fix refers to %s, %s", resolver->proof->source, name,
                why);
  return NULL;
}

/* Something that the whole kernel sees under this name. */
static char *
resolve_global (LpKernelResolver *resolver, const char *name, GError **error)
{
  const LpShipped *shipped = resolver->proof->shipped;
  const char *name_space;
  const char *exporter = lp_kernel_exports_find (resolver->exports, name, &name_space);
  const LpElfSymbol *symbol = lp_shipped_global (shipped, name);

  if (g_strcmp0 (exporter, LP_VMLINUX) == 0)
    {
      if (name_space[0] != '\0')
        g_hash_table_add (resolver->spaces, g_strdup (name_space));
      return g_strdup (name);
    }
  if (symbol != NULL)
    {
      resolver->n_livepatch++;
      return own_reference (shipped, symbol, error);
    }
  if (exporter != NULL && !shipped->is_vmlinux)
    {
      /* Of another module, which is there when the patched one is: a plain import would load it. */
      resolver->n_livepatch++;
      return lp_livepatch_reference (shipped->name, exporter, name, 0);
    }
  if (exporter != NULL)
    return refuse (resolver, name, "which is in a module, and the kernel doesn't depend on modules",
                   "put what is missing into the fix as a function of its own", error);
  return refuse (resolver, name,
                 shipped->is_vmlinux ? "which isn't in this kernel"
                                     : "which the kernel doesn't export to modules",
                 "put what is missing into the fix as a function of its own", error);
}

static char *
resolve_one (LpKernelResolver *resolver, const LpKernelNeed *need, GError **error)
{
  const char *maker = need->old == NULL ? g_hash_table_lookup (resolver->made, need->name) : NULL;
  const char *own = resolver->proof->shipped->name;

  /* What a module's new code refers to is only there once the module is. */
  if (maker != NULL && strcmp (maker, own) != 0 && strcmp (maker, LP_VMLINUX) != 0)
    return refuse (resolver, need->name, "which the fix adds to a module that may not be loaded",
                   "put it into the file that needs it, or into one of vmlinux", error);
  if (maker != NULL)
    return g_strdup (need->name);
  if (need->old == NULL || need->old->symbol == NULL || need->old->symbol->bind != STB_LOCAL)
    return resolve_global (resolver, need->name, error);
  const LpElfSymbol *symbol = lp_shipped_proof_locate (resolver->proof, need->name, error);
  if (symbol == NULL)
    return NULL;
  resolver->n_livepatch++;
  return own_reference (resolver->proof->shipped, symbol, error);
}

GHashTable *
lp_kernel_resolve (LpKernelResolver *resolver, const LpKernelExtract *extract, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, extract->needs);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      char *name = resolve_one (resolver, value, error);
      if (name == NULL)
        return NULL;
      g_hash_table_insert (names, g_strdup (key), name);
    }
  return g_steal_pointer (&names);
}

/* Tables that the kernel reads while the module loads, before it resolves references into other modules. */
static gboolean
is_read_early (const char *section)
{
  return strcmp (section, "__jump_table") == 0 || strcmp (section, ".static_call_sites") == 0;
}

/* Whether the kernel makes @name read-only once it has booted: linking a module's branches to such a key
 * means to write to it, which kills the loader (seen on 6.1 with bypass_usercopy_checks). */
static gboolean
is_sealed (const LpShipped *shipped, const char *name)
{
  const LpElfSymbol *start = lp_shipped_global (shipped, "__start_ro_after_init");
  const LpElfSymbol *end = lp_shipped_global (shipped, "__end_ro_after_init");
  GArray *list = lp_shipped_named (shipped, name);

  for (guint i = 0; start != NULL && end != NULL && list != NULL && i < list->len; i++)
    {
      guint64 value = shipped->symbols[g_array_index (list, guint, i)].value;
      if (value >= start->value && value < end->value)
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_key (const LpShipped *shipped, const LpElfSymbol *symbol, GHashTable *names, GError **error)
{
  const char *name = symbol->shndx == SHN_UNDEF ? g_hash_table_lookup (names, symbol->name) : NULL;
  const char *what = g_str_has_prefix (symbol->name, STATIC_CALL_PREFIX) ? "static call" : "static branch";

  if (name == NULL)
    return TRUE;
  if (shipped->is_vmlinux && is_sealed (shipped, symbol->name))
    lp_error_set (error, LP_ERROR_REFUSED,
                  "use static_key_enabled() (an ordinary read of the key) in the fix",
                  "%s: the new code has a %s whose key %s is read-only since the kernel has booted",
                  shipped->name, what, symbol->name);
  else if (!shipped->is_vmlinux && name[0] == '.')
    lp_error_set (
        error, LP_ERROR_REFUSED, "use static_key_enabled() (an ordinary read of the key) in the fix",
        "%s: the new code has a %s whose key %s is in the module: the kernel needs it before it can "
        "find it",
        shipped->name, what, symbol->name);
  else
    return TRUE;
  return FALSE;
}

gboolean
lp_kernel_check_keys (const LpShipped *shipped, LpElf *object, GHashTable *names, GError **error)
{
  guint n, n_symbols;
  const LpElfSection *sections = lp_elf_sections (object, &n);
  const LpElfSymbol *symbols = lp_elf_symbols (object, LP_ELF_SYMTAB, &n_symbols, error);

  if (symbols == NULL)
    return FALSE;
  for (guint i = 1; i < n; i++)
    {
      GArray *relocations = is_read_early (sections[i].name) ? lp_elf_relocations (object, i, error) : NULL;
      for (guint k = 0; relocations != NULL && k < relocations->len; k++)
        if (!check_key (shipped, &symbols[g_array_index (relocations, LpElfRelocation, k).symbol], names,
                        error))
          return FALSE;
    }
  return TRUE;
}
