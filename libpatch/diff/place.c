/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Place: where the pieces of one translation unit lie in the linked file.
 *
 * Two files of one name (src/a/util.c, src/b/util.c) have STT_FILE symbols of one name in the twin, and may
 * have static functions of one name. The right group is the one that holds the same local symbols with the
 * same sizes, all of them at one distance from where they are in the sections of the baseline object. */
#include "diff/place.h"

#include <string.h>

#include "base/error.h"

typedef struct {
  gboolean known;
  guint64 base; /* twin address of the section's start */
} SectionBase;

void
lp_placement_free (LpPlacement *placement)
{
  if (placement == NULL)
    return;
  g_free (placement->why);
  g_free (placement);
}

static gboolean
is_placed (const LpElfSymbol *symbol)
{
  return symbol->shndx != SHN_UNDEF && symbol->shndx != SHN_ABS && symbol->shndx != SHN_COMMON
         && (symbol->type == STT_FUNC || symbol->type == STT_OBJECT || symbol->type == STT_TLS);
}

/* Whether @linked can be @symbol, given what is known of its section; notes the section's base when it can.
 */
static gboolean
agrees (SectionBase *bases, guint n_sections, const LpElfSection *sections, const LpElfSymbol *symbol,
        const LpElfSymbol *linked)
{
  if (linked->type != symbol->type || linked->size != symbol->size || symbol->section >= n_sections)
    return FALSE;
  if (sections[symbol->section].flags & SHF_MERGE)
    return TRUE;

  SectionBase *base = &bases[symbol->section];
  if (base->known)
    return linked->value - symbol->value == base->base;
  base->known = TRUE;
  base->base = linked->value - symbol->value;
  return TRUE;
}

/* Globals that the twin has once tell where the sections lie. One that differs (a weak one that lost) says
 * nothing. */
static void
bases_from_globals (LpTarget *target, LpElf *baseline, const LpElfSymbol *symbols, guint n,
                    SectionBase *bases)
{
  guint n_sections;
  const LpElfSection *sections = lp_elf_sections (baseline, &n_sections);

  for (guint i = 1; i < n; i++)
    {
      if (symbols[i].bind != STB_GLOBAL || !is_placed (&symbols[i]))
        continue;
      const LpElfSymbol *linked = g_hash_table_lookup (target->globals, symbols[i].name);
      if (linked != NULL)
        agrees (bases, n_sections, sections, &symbols[i], linked);
    }
}

/* How many local symbols of the baseline stand in @group; -1 when one contradicts. */
static int
count_matches (LpElf *baseline, const LpElfSymbol *symbols, guint n, LpFileGroup *group,
               const SectionBase *known)
{
  guint n_sections;
  const LpElfSection *sections = lp_elf_sections (baseline, &n_sections);
  g_autofree SectionBase *bases = g_memdup2 (known, sizeof *known * n_sections);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  int matches = 0;

  for (guint i = 1; i < n; i++)
    {
      gpointer linked = NULL;
      if (symbols[i].bind != STB_LOCAL || !is_placed (&symbols[i]))
        continue;
      g_hash_table_add (seen, (gpointer)symbols[i].name);
      if (!g_hash_table_lookup_extended (group->locals, symbols[i].name, NULL, &linked))
        continue; /* thrown away by --gc-sections; whoever needs it will say so */
      if (linked == NULL)
        continue;
      if (!agrees (bases, n_sections, sections, &symbols[i], linked))
        return -1;
      matches++;
    }

  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init (&iter, group->locals);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (value != NULL && is_placed (value) && !g_hash_table_contains (seen, name))
      {
        /* Hidden globals are local in the linked file, and ld lists them behind the last file's locals. */
        const LpElfSymbol *linked = value;
        if (linked->visibility != STV_HIDDEN && linked->visibility != STV_INTERNAL)
          return -1;
      }
  return matches;
}

static void
choose_group (LpPlacement *placement, LpElf *baseline, const LpElfSymbol *symbols, guint n, const char *file)
{
  GPtrArray *groups = g_hash_table_lookup (placement->target->files, file);
  guint n_sections;
  lp_elf_sections (baseline, &n_sections);
  g_autofree SectionBase *bases = g_new0 (SectionBase, n_sections);
  int best = 0;
  guint n_best = 0;

  bases_from_globals (placement->target, baseline, symbols, n, bases);
  for (guint i = 0; groups != NULL && i < groups->len; i++)
    {
      LpFileGroup *group = groups->pdata[i];
      int matches = count_matches (baseline, symbols, n, group, bases);
      if (matches < 0 || matches < best)
        continue;
      n_best = matches > best || n_best == 0 ? 1 : n_best + 1;
      best = matches;
      placement->group = group;
      placement->n_symbols = (guint)matches;
    }
  if (n_best == 1)
    return;

  placement->group = NULL;
  placement->why
      = n_best > 1 ? g_strdup_printf ("%u files named %s in %s hold the same local symbols", n_best, file,
                                      placement->target->name)
                   : g_strdup_printf ("no file named %s in %s holds the local symbols of the rebuilt object",
                                      file, placement->target->name);
}

LpPlacement *
lp_placement_new (LpTarget *target, LpElf *baseline, const char *unit, GError **error)
{
  g_autoptr (LpPlacement) placement = g_new0 (LpPlacement, 1);
  g_autoptr (GError) local_error = NULL;
  const char *file = NULL;
  guint n = 0;

  placement->target = target;
  placement->unit = unit;
  if (baseline == NULL)
    {
      placement->why = g_strdup ("the unit is not in the original build");
      return g_steal_pointer (&placement);
    }

  const LpElfSymbol *symbols = lp_elf_symbols (baseline, LP_ELF_SYMTAB, &n, &local_error);
  if (local_error != NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&local_error), "%s: ", unit);
      return NULL;
    }
  for (guint i = 1; i < n; i++)
    if (symbols[i].bind == STB_LOCAL && is_placed (&symbols[i]) && symbols[i].file != NULL)
      {
        if (file != NULL && strcmp (file, symbols[i].file) != 0)
          placement->why
              = g_strdup_printf ("the object joins several source files (%s, %s)", file, symbols[i].file);
        file = symbols[i].file;
        if (placement->why != NULL)
          return g_steal_pointer (&placement);
      }

  if (file != NULL)
    choose_group (placement, baseline, symbols, n, file);
  else
    placement->why = g_strdup ("the rebuilt object has no local symbols");
  return g_steal_pointer (&placement);
}

static const LpElfSymbol *
find_local (LpPlacement *placement, const LpPiece *piece, GError **error)
{
  if (placement->group == NULL)
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL, "%s: local symbol \"%s\" can't be located: %s",
                    placement->unit, piece->name, placement->why);
      return NULL;
    }

  const LpElfSymbol *symbol = g_hash_table_lookup (placement->group->locals, piece->name);
  if (symbol == NULL)
    lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL,
                  "%s: local symbol \"%s\" is not, or not only once, in %s", placement->unit, piece->name,
                  placement->target->name);
  return symbol;
}

gboolean
lp_placement_locate (LpPlacement *placement, LpPiece *piece, GError **error)
{
  const LpElfSymbol *symbol = NULL;

  if (piece->located)
    return TRUE;
  if (piece->symbol == NULL)
    {
      /* Unnamed data is found by what refers to it; damaged objects come here all the same. */
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: a piece without a symbol (%s) can't be found in %s",
                    placement->unit, piece->name != NULL ? piece->name : "unnamed", placement->target->name);
      return FALSE;
    }

  if (piece->symbol->bind == STB_LOCAL)
    symbol = find_local (placement, piece, error);
  else if (lp_target_global (placement->target, piece->name, &symbol, error) && symbol == NULL)
    lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL, "%s: symbol \"%s\" is not in %s", placement->unit,
                  piece->name, placement->target->name);
  if (symbol == NULL)
    return FALSE;

  if ((piece->kind == LP_PIECE_FUNCTION)
      != (symbol->type == STT_FUNC || symbol->type == STT_NOTYPE || symbol->type == STT_GNU_IFUNC))
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL,
                    "%s: symbol \"%s\" is another kind of symbol in %s", placement->unit, piece->name,
                    placement->target->name);
      return FALSE;
    }
  piece->located = TRUE;
  piece->address = symbol->value;
  piece->linked_size = symbol->size;
  return TRUE;
}
