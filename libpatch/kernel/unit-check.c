/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What livepatch can't do, named. Source: Documentation/livepatch/livepatch.rst, section 7 (limitations). */
#include "kernel/unit-check.h"

#include <string.h>

#include "base/error.h"

static gboolean
begins_with (const char *name, const char *const *prefixes)
{
  for (guint i = 0; prefixes[i] != NULL; i++)
    if (g_str_has_prefix (name, prefixes[i]))
      return TRUE;
  return FALSE;
}

gboolean
lp_kernel_is_init_section (const char *name)
{
  static const char *const prefixes[]
      = { ".init.",        ".meminit.",  ".exit.",         ".memexit.", ".initcall",
          ".con_initcall", ".head.text", ".ref.text.init", NULL };

  return begins_with (name, prefixes);
}

gboolean
lp_unit_refuse (const LpPiece *piece, const char *hint, const char *why, GError **error)
{
  lp_error_set (error, LP_ERROR_REFUSED, hint, "%s: %s: %s", piece->object->unit, piece->name, why);
  return FALSE;
}

static gboolean
is_fentry (const LpSpecialEntry *entry)
{
  return strcmp (entry->table->name, "__mcount_loc") == 0
         || strcmp (entry->table->name, "__patchable_function_entries") == 0;
}

gboolean
lp_unit_has_fentry (const LpKernelUnit *unit, const LpPiece *old)
{
  for (guint i = 0; i < unit->old_entries->len; i++)
    {
      const LpSpecialEntry *entry = &g_array_index (unit->old_entries, LpSpecialEntry, i);
      if (entry->owner == old && is_fentry (entry))
        return TRUE;
    }
  return FALSE;
}

/* The tracer itself, perf's core and the like are compiled without it as a whole, by their Makefile. */
gboolean
lp_unit_any_fentry (const LpKernelUnit *unit)
{
  for (guint i = 0; i < unit->old_entries->len; i++)
    if (is_fentry (&g_array_index (unit->old_entries, LpSpecialEntry, i)))
      return TRUE;
  return FALSE;
}

gboolean
lp_unit_check_replaceable (const LpKernelUnit *unit, const LpPiece *piece, GError **error)
{
  const LpPiece *old = piece->peer;

  if (g_str_has_prefix (old->header->name, ".exit."))
    return lp_unit_refuse (old, "leave this part out of the fix",
                           "the fix changes exit code, which livepatch can't redirect", error);
  if (lp_kernel_is_init_section (old->header->name))
    return lp_unit_refuse (old,
                           "leave this part out of the fix, or make its effect in a callback of the patch "
                           "(syscare-patch.h)",
                           "the fix changes init code, which has run already and is gone from memory", error);
  if (!lp_unit_any_fentry (unit))
    return lp_unit_refuse (
        old, "put the fix into its callers in other files",
        "the kernel compiles this whole file without fentry (its Makefile says so), so livepatch can't "
        "redirect the function",
        error);
  if (!lp_unit_has_fentry (unit, old))
    return lp_unit_refuse (
        old, "put the fix into its callers",
        "the fix changes a function without fentry (notrace, noinstr or inline only), which livepatch "
        "can't redirect",
        error);
  return TRUE;
}

/* Sections of data that the module loader or nobody looks at by name. Others are tables that the kernel
 * walks, or is done with. */
gboolean
lp_unit_check_new_data (const LpPiece *piece, GError **error)
{
  static const char *const ordinary[] = { ".data", ".bss", ".rodata", ".text", ".altinstr_", NULL };
  const char *section = piece->header != NULL ? piece->header->name : ".bss";

  if (piece->kind == LP_PIECE_FUNCTION ? !lp_kernel_is_init_section (section)
                                       : begins_with (section, ordinary) || strcmp (section, "__dyndbg") == 0)
    return TRUE;
  if (lp_kernel_is_init_section (section))
    lp_error_set (error, LP_ERROR_REFUSED, "give what stays another name, and use that",
                  "%s: the fix uses \"%s\" of section %s in code that stays", piece->object->unit,
                  piece->name, section);
  else
    lp_error_set (error, LP_ERROR_REFUSED,
                  "leave it out: what it registers is read once, when the kernel or the module starts",
                  "%s: the fix adds \"%s\" to section %s (a parameter, an export, a tracepoint ...)",
                  piece->object->unit, piece->name, section);
  return FALSE;
}

static const LpElfSymbol *
find_symbol (const LpObject *object, const char *name)
{
  for (guint i = 1; i < object->n_symbols; i++)
    if (object->symbols[i].section != SHN_UNDEF && strcmp (object->symbols[i].name, name) == 0)
      return &object->symbols[i];
  return NULL;
}

/* "foo" of an entry for an export, NULL: it is none. Since Linux 6.4 modpost makes the tables from notes. */
static const char *
exported_name (const LpElfSymbol *symbol)
{
  static const char *const prefixes[] = { "__ksymtab_", "__export_symbol_" };

  for (gsize i = 0; symbol->section != SHN_UNDEF && i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (symbol->name, prefixes[i]))
      return symbol->name + strlen (prefixes[i]);
  return NULL;
}

static const char *
section_of (const LpObject *object, const LpElfSymbol *symbol)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (object->elf, &n);

  return symbol->section < n ? sections[symbol->section].name : "";
}

/* Whether @there exports each symbol that @here does, and in the same way (for all, or for GPL modules). */
static gboolean
same_exports (const LpKernelUnit *unit, const LpObject *here, const LpObject *there, const char *what,
              const char *hint, GError **error)
{
  for (guint i = 1; i < here->n_symbols; i++)
    {
      const char *name = exported_name (&here->symbols[i]);
      const LpElfSymbol *other = name != NULL ? find_symbol (there, here->symbols[i].name) : NULL;
      if (name == NULL
          || (other != NULL && strcmp (section_of (here, &here->symbols[i]), section_of (there, other)) == 0))
        continue;
      lp_error_set (error, LP_ERROR_REFUSED, hint, "%s: the fix %s %s, and the kernel reads its exports once",
                    unit->source, other != NULL ? "changes for whom it exports" : what, name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_exports (const LpKernelUnit *unit, GError **error)
{
  return same_exports (
             unit, unit->patched, unit->original, "exports",
             "leave the export out: files and modules of the same fix reach the function without it", error)
         && same_exports (unit, unit->original, unit->patched, "no longer exports",
                          "leave the export as it is: whoever uses it has it already", error);
}

gboolean
lp_unit_check_unreferenced (const LpKernelUnit *unit, GError **error)
{
  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      const LpPiece *piece = unit->patched->pieces->pdata[i];
      gboolean is_callback
          = g_str_has_prefix (piece->name, LP_CALLBACK_SECTION)
            || (piece->header != NULL && g_str_has_prefix (piece->header->name, LP_CALLBACK_SECTION));
      if (piece->peer == NULL && !piece->is_table && !is_callback
          && (piece->kind == LP_PIECE_DATA || piece->kind == LP_PIECE_CONST)
          && g_strcmp0 (piece->header != NULL ? piece->header->name : NULL, ".discard.addressable") != 0
          && !lp_unit_check_new_data (piece, error))
        return FALSE;
    }
  return check_exports (unit, error);
}

gboolean
lp_unit_check_kernel (const LpKernelUnit *unit, GError **error)
{
  for (guint i = 1; i < unit->original->n_symbols; i++)
    if (g_str_has_prefix (unit->original->symbols[i].name, "__cfi_"))
      {
        lp_error_set (error, LP_ERROR_REFUSED, "patch this kernel with tools of its vendor",
                      "%s: the kernel checks calls through pointers by what stands before each function "
                      "(CONFIG_CFI_CLANG), which isn't supported yet",
                      unit->source);
        return FALSE;
      }
  return TRUE;
}

/* Whether @section is the one of that name, or of one thing in it (-fdata-sections). */
static gboolean
is_part_of (const char *section, const char *name)
{
  gsize n = strlen (name);

  return strncmp (section, name, n) == 0
         && (section[n] == '\0' || (section[n] == '.' && section[n + 1] != '.'));
}

/* Where a piece is, without its name: ".data", ".data..ro_after_init", ".init.data". What only makes access
 * faster counts as .data. */
static const char *
place_of (const LpPiece *piece)
{
  const char *name = piece->header != NULL ? piece->header->name : ".bss";

  if (is_part_of (name, ".rodata") || is_part_of (name, ".data.rel"))
    return ".rodata";
  if (is_part_of (name, ".data") || is_part_of (name, ".bss") || strcmp (name, ".data..read_mostly") == 0
      || strcmp (name, ".data..cacheline_aligned") == 0)
    return ".data";
  return name;
}

static gboolean
check_place (const LpPiece *piece, GError **error)
{
  const LpPiece *old = piece->peer;
  const char *from = place_of (old), *to = place_of (piece);

  if (piece->kind == LP_PIECE_FUNCTION)
    return !lp_kernel_is_init_section (from) || lp_kernel_is_init_section (to)
           || lp_unit_refuse (old, "give the function that stays another name, and call that",
                              "the fix makes init code, which is gone from memory, code that stays", error);
  if (strcmp (from, to) == 0)
    return TRUE;
  g_autofree char *why
      = g_strdup_printf ("the fix moves it from section %s to %s, but variables stay where they are", from,
                         to);
  return lp_unit_refuse (
      old, "leave the move out of the fix, or use a new variable in the functions that it changes", why,
      error);
}

gboolean
lp_unit_check_places (const LpKernelUnit *unit, GError **error)
{
  for (guint i = 0; i < unit->patched->pieces->len; i++)
    {
      const LpPiece *piece = unit->patched->pieces->pdata[i];
      if (piece->peer != NULL && piece->symbol != NULL && !piece->is_table && piece->parent == NULL
          && !check_place (piece, error))
        return FALSE;
    }
  return TRUE;
}
