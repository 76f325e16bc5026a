/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From compiled files to one module. */
#include "config.h"

#include "build/kernel-join.h"

#include "base/error.h"
#include "base/io.h"
#include "build/kernel-module.h"
#include "kernel/extract.h"
#include "kernel/module-convert.h"
#include "kernel/resolve.h"

#include <string.h>

typedef struct {
  LpKernelObject *object;
  LpShipped *shipped; /* of @object->object */
  LpKernelUnit *unit;
  LpShippedProof *proof;
} Unit;

struct LpKernelJoin {
  const LpKernelTree *tree;
  const LpBuildRequest *request;
  LpKernelNote note;
  gpointer user_data;
  GCancellable *cancellable;
  LpKernelExports *exports;
  GHashTable *shipped; /* name -> LpShipped */
  GPtrArray *units;    /* Unit */
  guint n_entries;     /* of special sections, in the module */
};

static void
unit_free (gpointer data)
{
  Unit *unit = data;

  g_clear_pointer (&unit->unit, lp_kernel_unit_free);
  g_clear_pointer (&unit->proof, lp_shipped_proof_free);
  g_free (unit);
}

void
lp_kernel_join_free (LpKernelJoin *join)
{
  if (join == NULL)
    return;
  g_ptr_array_unref (join->units);
  g_hash_table_unref (join->shipped);
  g_clear_pointer (&join->exports, lp_kernel_exports_free);
  g_free (join);
}

static LpShipped *
open_shipped (LpKernelJoin *join, const char *name, GError **error)
{
  LpShipped *shipped = g_hash_table_lookup (join->shipped, name);
  g_autofree char *path = NULL;

  if (shipped != NULL)
    return shipped;
  if (strcmp (name, LP_VMLINUX) == 0)
    path = g_strdup (join->tree->vmlinux);
  else if (join->request->installed != NULL)
    path = g_strdup (join->request->installed);
  else
    path = lp_kernel_tree_module (join->tree, name, join->cancellable, error);
  g_autoptr (LpElf) elf = path != NULL ? lp_elf_open (path, error) : NULL;
  shipped = elf != NULL ? lp_shipped_new (elf, name, error) : NULL;
  if (shipped != NULL)
    g_hash_table_insert (join->shipped, shipped->name, shipped);
  return shipped;
}

LpKernelJoin *
lp_kernel_join_new (const LpKernelTree *tree, const LpBuildRequest *request, GPtrArray *objects,
                    LpKernelNote note, gpointer user_data, GCancellable *cancellable, GError **error)
{
  LpKernelJoin *join = g_new0 (LpKernelJoin, 1);
  g_autofree char *symvers = g_build_filename (tree->objects, "Module.symvers", NULL);
  g_autofree char *text = NULL;
  gboolean ok = g_file_get_contents (symvers, &text, NULL, error);

  join->tree = tree;
  join->request = request;
  join->note = note;
  join->user_data = user_data;
  join->cancellable = cancellable;
  join->exports = lp_kernel_exports_new (ok ? text : "");
  join->shipped = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)lp_shipped_free);
  join->units = g_ptr_array_new_with_free_func (unit_free);
  for (guint i = 0; ok && i < objects->len; i++)
    {
      Unit *unit = g_new0 (Unit, 1);
      unit->object = objects->pdata[i];
      unit->shipped = open_shipped (join, unit->object->object, error);
      g_ptr_array_add (join->units, unit);
      ok = unit->shipped != NULL;
    }
  if (ok)
    return join;
  lp_kernel_join_free (join);
  return NULL;
}

guint
lp_kernel_join_count (const LpKernelJoin *join)
{
  guint n = 0;

  for (guint i = 0; i < join->units->len; i++)
    n += ((const Unit *)join->units->pdata[i])->unit->replaced->len;
  return n;
}

gboolean
lp_kernel_join_compare (LpKernelJoin *join, GError **error)
{
  for (guint i = 0; i < join->units->len; i++)
    {
      Unit *unit = join->units->pdata[i];
      LpKernelSources sources = { unit->object->source, unit->object->original, unit->object->patched };
      unit->unit = lp_kernel_unit_new (&sources, error);
      if (unit->unit == NULL || (join->units->len > 1 && !lp_kernel_unit_select_new (unit->unit, error)))
        return FALSE;
    }
  for (guint i = join->units->len; i-- > 0;)
    {
      Unit *unit = join->units->pdata[i];
      if (unit->unit->selected->len > 0)
        continue;
      g_autofree char *text = g_strdup_printf ("%s: nothing changes but line numbers", unit->object->source);
      join->note (text, join->user_data);
      g_ptr_array_remove_index (join->units, i);
    }
  if (join->units->len > 0 && lp_kernel_join_count (join) > 0)
    return TRUE;
  lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL,
                "nothing to patch: the fix changes no code of the kernel");
  return FALSE;
}

gboolean
lp_kernel_join_prove (LpKernelJoin *join, GError **error)
{
  for (guint i = 0; i < join->units->len; i++)
    {
      Unit *unit = join->units->pdata[i];
      GHashTableIter iter;
      gpointer piece;
      unit->proof = lp_shipped_proof_new (unit->shipped, unit->object->baseline, unit->object->source, error);
      if (unit->proof == NULL)
        return FALSE;
      g_hash_table_iter_init (&iter, unit->unit->relied);
      while (g_hash_table_iter_next (&iter, &piece, NULL))
        if (!lp_shipped_proof_function (unit->proof, ((const LpPiece *)piece)->name, error))
          return FALSE;
    }
  return TRUE;
}

char *
lp_kernel_join_proof_text (const LpKernelJoin *join)
{
  guint functions = 0, relocations = 0;
  guint64 bytes = 0;

  for (guint i = 0; i < join->units->len; i++)
    {
      const LpShippedProof *proof = ((const Unit *)join->units->pdata[i])->proof;
      functions += proof->functions;
      relocations += proof->relocations;
      bytes += proof->bytes;
    }
  return g_strdup_printf ("%u functions, %" G_GUINT64_FORMAT " bytes, %u references identical", functions,
                          bytes, relocations);
}

static gint
by_target_name (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(LpManifestKernelTarget *const *)a)->name, (*(LpManifestKernelTarget *const *)b)->name);
}

GPtrArray *
lp_kernel_join_targets (const LpKernelJoin *join)
{
  GPtrArray *targets = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_manifest_kernel_target_free);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < join->units->len; i++)
    {
      const LpShipped *shipped = ((const Unit *)join->units->pdata[i])->shipped;
      if (!g_hash_table_add (seen, (gpointer)shipped))
        continue;
      g_autofree char *build_id = lp_elf_build_id_hex (shipped->elf);
      g_ptr_array_add (targets,
                       lp_manifest_kernel_target_new (shipped->name, build_id != NULL ? build_id : ""));
    }
  g_ptr_array_sort (targets, by_target_name);
  return targets;
}

/* Names that one file of the fix defines for others -> the kernel object that they belong to. */
static GHashTable *
find_made (const LpKernelJoin *join)
{
  GHashTable *made = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < join->units->len; i++)
    {
      const LpShipped *shipped = ((const Unit *)join->units->pdata[i])->shipped;
      const LpKernelUnit *unit = ((const Unit *)join->units->pdata[i])->unit;
      for (guint k = 0; k < unit->selected->len; k++)
        {
          const LpPiece *piece = unit->selected->pdata[k];
          if (piece->peer == NULL && piece->symbol != NULL && piece->symbol->bind != STB_LOCAL)
            g_hash_table_insert (made, (gpointer)piece->name, shipped->name);
        }
    }
  return made;
}

typedef struct {
  LpKernelModule module;
  GHashTable *made;
  GHashTable *aliases; /* of the unit at hand: new name -> function; both owned */
  guint n_aliases;
  LpManifestObject *object;
} Linking;

static char *
add_alias (Linking *linking, const char *function)
{
  char *alias = g_strdup_printf ("syscare_new_%u", linking->n_aliases++);

  g_hash_table_insert (linking->aliases, g_strdup (alias), g_strdup (function));
  return alias;
}

static void
describe_function (Linking *linking, const Unit *unit, const LpPiece *piece, const LpElfSymbol *shipped)
{
  LpManifestFunction *function = lp_manifest_function_new ();

  function->name = g_strdup (piece->peer != NULL ? piece->peer->name : piece->name);
  function->kind = g_strdup (shipped != NULL ? "changed" : "new");
  function->address = shipped != NULL ? shipped->value : 0;
  function->size = shipped != NULL ? shipped->size : piece->symbol->size;
  function->carried = shipped == NULL && piece->peer != NULL;
  function->unit = g_strdup (unit->object->source);
  function->proof = g_strdup (shipped != NULL ? "identical" : "");
  function->redirect = g_strdup ("");
  g_ptr_array_add (linking->object->functions, function);
}

static gboolean
add_redirect (Linking *linking, const Unit *unit, const LpPiece *piece, GError **error)
{
  const LpElfSymbol *symbol = lp_shipped_proof_locate (unit->proof, piece->peer->name, error);
  guint position;

  if (symbol == NULL || !lp_shipped_position (unit->shipped, symbol, &position, error))
    return FALSE;
  LpKernelRedirect *redirect = g_new0 (LpKernelRedirect, 1);
  redirect->object = g_strdup (unit->shipped->name);
  redirect->name = g_strdup (symbol->name);
  redirect->position = position;
  redirect->alias = add_alias (linking, piece->name);
  g_ptr_array_add (linking->module.redirects, redirect);
  describe_function (linking, unit, piece, symbol);
  return TRUE;
}

/* livepatch has one of each kind for an object, and none for objects that it changes nothing of. */
static gboolean
check_callback (const Linking *linking, const Unit *unit, LpKernelCallback callback, GError **error)
{
  gboolean changes = FALSE;

  for (guint i = 0; i < linking->module.redirects->len; i++)
    changes = changes
              || strcmp (((const LpKernelRedirect *)linking->module.redirects->pdata[i])->object,
                         unit->shipped->name)
                     == 0;
  for (guint i = 0; changes && i < linking->module.callbacks->len; i++)
    {
      const LpKernelCallbackUse *use = linking->module.callbacks->pdata[i];
      changes = use->callback != callback || strcmp (use->object, unit->shipped->name) != 0;
    }
  if (changes)
    return TRUE;
  lp_error_set (error, LP_ERROR_REFUSED, "put it into one function, in a file with a changed function",
                "%s: the %s callback of %s: two of one kind, or in a file that changes nothing else",
                unit->object->source, lp_kernel_callback_name (callback), unit->shipped->name);
  return FALSE;
}

static gboolean
add_functions (Linking *linking, const Unit *unit, GError **error)
{
  for (guint i = 0; i < unit->unit->replaced->len; i++)
    if (!add_redirect (linking, unit, unit->unit->replaced->pdata[i], error))
      return FALSE;
  for (guint i = 0; i < unit->unit->selected->len; i++)
    {
      const LpPiece *piece = unit->unit->selected->pdata[i];
      if (piece->kind == LP_PIECE_FUNCTION && piece->parent == NULL
          && (piece->peer == NULL || g_hash_table_contains (unit->unit->carried, piece)))
        describe_function (linking, unit, piece, NULL);
    }
  for (guint i = 0; i < LP_N_CALLBACKS; i++)
    {
      if (unit->unit->callbacks[i] == NULL)
        continue;
      if (!check_callback (linking, unit, i, error))
        return FALSE;
      LpKernelCallbackUse *use = g_new0 (LpKernelCallbackUse, 1);
      *use = (LpKernelCallbackUse){ g_strdup (unit->shipped->name), i,
                                    add_alias (linking, unit->unit->callbacks[i]->name) };
      g_ptr_array_add (linking->module.callbacks, use);
    }
  return TRUE;
}

static gboolean
add_unit (LpKernelJoin *join, Linking *linking, const Unit *unit, GError **error)
{
  g_autoptr (LpKernelExtract) extract = lp_kernel_extract (unit->unit, error);
  LpKernelResolver resolver = { unit->proof, join->exports, linking->made, linking->module.spaces, 0 };
  g_autofree char *name = g_strdelimit (g_strdup (unit->object->source), "/", '-');

  if (extract == NULL)
    return FALSE;
  join->n_entries += extract->n_entries;
  g_hash_table_remove_all (linking->aliases);
  g_autoptr (GBytes) seen = lp_kernel_objtool (join->tree, unit->object->objtool, extract->object, name,
                                               join->cancellable, error);
  g_autoptr (LpElf) elf = seen != NULL ? lp_elf_new (seen, unit->object->source, error) : NULL;
  g_autoptr (GHashTable) names = elf != NULL ? lp_kernel_resolve (&resolver, extract, error) : NULL;
  if (names == NULL || !lp_kernel_check_keys (unit->shipped, elf, names, error)
      || !add_functions (linking, unit, error))
    return FALSE;
  GBytes *renamed = lp_module_rename (elf, names, linking->aliases, error);
  if (renamed == NULL)
    return FALSE;
  g_ptr_array_add (linking->module.objects, renamed);
  return TRUE;
}

/* modpost was told not to mind undefined symbols: what livepatch doesn't resolve must be exported. */
static gboolean
check_undefined (const LpKernelJoin *join, LpElf *linked, GError **error)
{
  guint n;
  const LpElfSymbol *symbols = lp_elf_symbols (linked, LP_ELF_SYMTAB, &n, error);

  if (symbols == NULL)
    return FALSE;
  for (guint i = 1; i < n; i++)
    {
      if (symbols[i].shndx != SHN_UNDEF || symbols[i].bind == STB_WEAK
          || lp_is_livepatch_reference (symbols[i].name)
          || lp_kernel_exports_find (join->exports, symbols[i].name, NULL) != NULL)
        continue;
      lp_error_set (error, LP_ERROR_REFUSED, "put what is missing into the fix as a function of its own",
                    "the new code refers to %s, which this kernel doesn't export", symbols[i].name);
      return FALSE;
    }
  return TRUE;
}

static gint
by_object (gconstpointer a, gconstpointer b)
{
  const LpKernelRedirect *x = *(LpKernelRedirect *const *)a, *y = *(LpKernelRedirect *const *)b;

  return strcmp (x->object, y->object);
}

static void
describe_result (const LpKernelJoin *join, LpManifestObject *object, GBytes *module, guint n_references)
{
  JsonObject *json = json_object_new ();
  guint functions = 0, relocations = 0;
  guint64 bytes = 0;

  for (guint i = 0; i < join->units->len; i++)
    {
      const LpShippedProof *proof = ((const Unit *)join->units->pdata[i])->proof;
      functions += proof->functions;
      relocations += proof->relocations;
      bytes += proof->bytes;
    }
  json_object_set_int_member (json, "functions", functions);
  json_object_set_int_member (json, "bytes", (gint64)bytes);
  json_object_set_int_member (json, "references", relocations);
  json_object_set_int_member (json, "livepatch-references", n_references);
  json_object_set_int_member (json, "special-entries", join->n_entries);
  object->proof = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (object->proof, json);
  object->digest = lp_io_digest (module);
  object->size = g_bytes_get_size (module);
}

static GBytes *
link_all (LpKernelJoin *join, Linking *linking, GError **error)
{
  guint n_references;

  for (guint i = 0; i < join->units->len; i++)
    if (!add_unit (join, linking, join->units->pdata[i], error))
      return NULL;
  g_ptr_array_sort (linking->module.redirects, by_object);
  g_autoptr (LpElf) linked = lp_kernel_module_link (join->tree, &linking->module, join->cancellable, error);
  if (linked == NULL || !check_undefined (join, linked, error))
    return NULL;
  g_autoptr (GBytes) module = lp_module_convert (linked, &n_references, error);
  if (module == NULL)
    return NULL;
  if (join->request->kernel.sign_key != NULL)
    {
      GBytes *with = lp_kernel_module_sign (join->tree, module, join->request->kernel.sign_key,
                                            join->request->kernel.sign_certificate, join->cancellable, error);
      if (with == NULL)
        return NULL;
      g_bytes_unref (module);
      module = with;
    }
  describe_result (join, linking->object, module, n_references);
  return g_steal_pointer (&module);
}

GBytes *
lp_kernel_join_link (LpKernelJoin *join, LpManifest *manifest, GError **error)
{
  g_autoptr (GPtrArray) objects = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_autoptr (GPtrArray) redirects = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_kernel_redirect_free);
  g_autoptr (GPtrArray) callbacks
      = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_kernel_callback_use_free);
  g_autoptr (GHashTable) spaces = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) made = find_made (join);
  g_autoptr (GHashTable) aliases = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  LpManifestObject *object = manifest->objects->pdata[0];
  Linking linking = { .module = { .name = object->kernel->module,
                                  .replace = object->kernel->replace,
                                  .objects = objects,
                                  .redirects = redirects,
                                  .callbacks = callbacks,
                                  .targets = object->kernel->targets,
                                  .spaces = spaces,
                                  .license = "GPL",
                                  .description = manifest->description },
                      .made = made,
                      .aliases = aliases,
                      .object = object };

  return link_all (join, &linking, error);
}
