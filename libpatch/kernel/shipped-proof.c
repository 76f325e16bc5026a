/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linking keeps the sections of an object together: so where one function of a section is tells where all
 * are, and where each relocation must lead. */
#include "kernel/shipped-proof.h"

#include <string.h>

#include "arch/arch.h"
#include "base/error.h"

#define NEAR_FIELD 4 /* bytes of a PC-relative field; it stands at the end of most instructions */

static gboolean
differs (LpShippedProof *proof, const LpElfSymbol *function, guint64 offset, const char *why, GError **error)
{
  lp_error_set (
      error, LP_ERROR_TARGET_MISMATCH,
      "is it the source, the configuration and the compiler of this very kernel? (--source, --kernel-build)",
      "%s: %s+0x%" G_GINT64_MODIFIER "x: the original source doesn't compile to what %s has: %s",
      proof->source, function->name, offset, proof->shipped->name, why);
  return FALSE;
}

static gboolean
names_place (const LpElfSymbol *symbol, gboolean weak)
{
  return (symbol->type == STT_FUNC || symbol->type == STT_OBJECT || symbol->type == STT_NOTYPE)
         && (symbol->bind == STB_WEAK) == weak && symbol->name[0] != '\0'
         && !g_str_has_prefix (symbol->name, ".L");
}

/* Votes for where section @index begins: every symbol of it says so by each shipped one of its name and size.
 * All must agree on one place. @weak: those that others may override are asked. */
static guint
find_base (LpShippedProof *proof, guint index, gboolean weak)
{
  g_autoptr (GHashTable) votes = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  guint total = 0, best = 0, n_best = 0;
  GHashTableIter iter;
  gpointer key, value;

  for (guint i = 1; i < proof->n_symbols; i++)
    {
      const LpElfSymbol *symbol = &proof->symbols[i];
      GArray *list;
      if (symbol->section != index || symbol->shndx >= SHN_LORESERVE || !names_place (symbol, weak))
        continue;
      list = lp_shipped_named (proof->shipped, symbol->name);
      total++;
      for (guint k = 0; list != NULL && k < list->len; k++)
        {
          const LpElfSymbol *other = &proof->shipped->symbols[g_array_index (list, guint, k)];
          guint64 base = lp_shipped_address (proof->shipped, other) - symbol->value;
          if (other->size != symbol->size)
            continue;
          guint n = GPOINTER_TO_UINT (g_hash_table_lookup (votes, &base)) + 1;
          g_hash_table_insert (votes, g_memdup2 (&base, sizeof base), GUINT_TO_POINTER (n));
        }
    }
  g_hash_table_iter_init (&iter, votes);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      guint n = GPOINTER_TO_UINT (value);
      if (n > best)
        proof->bases[index] = *(const guint64 *)key;
      n_best = n > best ? 1 : n == best ? n_best + 1 : n_best;
      best = MAX (best, n);
    }
  proof->known[index] = total > 0 && best == total && n_best == 1;
  return total;
}

static gboolean
all_weak (const LpShippedProof *proof)
{
  guint n_weak = 0;

  for (guint i = 1; i < proof->n_symbols; i++)
    if (proof->symbols[i].type == STT_FUNC && proof->symbols[i].section != SHN_UNDEF)
      {
        if (proof->symbols[i].bind != STB_WEAK)
          return FALSE;
        n_weak++;
      }
  return n_weak > 0;
}

LpShippedProof *
lp_shipped_proof_new (LpShipped *shipped, LpElf *baseline, const char *source, GError **error)
{
  g_autoptr (LpShippedProof) proof = g_new0 (LpShippedProof, 1);
  g_autoptr (GError) local = NULL;
  guint n, n_known = 0;
  const LpElfSection *sections = lp_elf_sections (baseline, &n);

  proof->shipped = shipped;
  proof->baseline = baseline;
  proof->source = source;
  proof->done = g_hash_table_new (NULL, NULL);
  proof->bases = g_new0 (guint64, n);
  proof->known = g_new0 (gboolean, n);
  proof->symbols = lp_elf_symbols (baseline, LP_ELF_SYMTAB, &proof->n_symbols, &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  for (guint i = 1; i < n; i++)
    {
      if ((sections[i].flags & SHF_ALLOC) == 0 || (sections[i].flags & SHF_MERGE) != 0
          || g_str_has_prefix (sections[i].name, ".discard"))
        continue;
      if (find_base (proof, i, FALSE) == 0)
        find_base (proof, i, TRUE);
      n_known += proof->known[i];
    }
  if (n_known > 0)
    return g_steal_pointer (&proof);
  lp_error_set (
      error, LP_ERROR_TARGET_MISMATCH,
      "is it the source, the configuration and the compiler of this very kernel? (--source, --kernel-build)",
      "%s: nothing of it is in %s%s", source, shipped->name,
      all_weak (proof) ? ": its functions are weak, and other files override them" : "");
  return NULL;
}

void
lp_shipped_proof_free (LpShippedProof *proof)
{
  if (proof == NULL)
    return;
  g_free (proof->bases);
  g_free (proof->known);
  g_clear_pointer (&proof->done, g_hash_table_unref);
  g_free (proof);
}

static const LpElfSymbol *
find_symbol (const LpShippedProof *proof, const char *name)
{
  for (guint i = 1; i < proof->n_symbols; i++)
    if (proof->symbols[i].section != SHN_UNDEF && proof->symbols[i].type != STT_SECTION
        && proof->symbols[i].type != STT_FILE && strcmp (proof->symbols[i].name, name) == 0)
      return &proof->symbols[i];
  return NULL;
}

const LpElfSymbol *
lp_shipped_proof_locate (LpShippedProof *proof, const char *name, GError **error)
{
  const LpElfSymbol *symbol = find_symbol (proof, name);
  GArray *list = lp_shipped_named (proof->shipped, name);

  if (symbol != NULL && proof->known[symbol->section])
    for (guint i = 0; list != NULL && i < list->len; i++)
      {
        const LpElfSymbol *found = &proof->shipped->symbols[g_array_index (list, guint, i)];
        if (lp_shipped_address (proof->shipped, found) == proof->bases[symbol->section] + symbol->value)
          return found;
      }
  lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL, "%s: %s isn't where it should be in %s%s",
                proof->source, name, proof->shipped->name,
                symbol != NULL && symbol->bind == STB_WEAK ? ": another file overrides it" : "");
  return NULL;
}

/* What a relocation leads to in the shipped object, S + A; or the name of what the module imports. */
typedef struct {
  guint64 address;
  const char *name; /* module only */
  gint64 addend;
  gboolean truncated; /* 32 bits of it are known */
} Reached;

static gboolean
reached_in_vmlinux (const LpRelocInfo *info, const guint8 *field, guint64 place, Reached *reached)
{
  guint64 value = 0;

  if (info->width != 4 && info->width != 8)
    return FALSE;
  memcpy (&value, field, info->width);
  gboolean relative = info->kind == LP_RELOC_PC || info->kind == LP_RELOC_PLT;
  if (!relative && info->kind != LP_RELOC_ABSOLUTE)
    return FALSE;
  *reached = (Reached){ .address = relative ? value + place : value, .truncated = info->width == 4 };
  return TRUE;
}

static gboolean
reached_in_module (LpShipped *shipped, guint32 type, guint64 place, Reached *reached)
{
  /* The section's number is what lp_shipped_address() puts above its offsets. */
  guint section = (guint)(place >> 40);
  guint64 offset = place & ((G_GUINT64_CONSTANT (1) << 40) - 1);
  GArray *relocations = lp_elf_relocations (shipped->elf, section, NULL);

  for (guint i = 0; relocations != NULL && i < relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, i);
      const LpElfSymbol *symbol = &shipped->symbols[r->symbol];
      if (r->offset != offset)
        continue;
      if (r->type != type)
        return FALSE;
      *reached = (Reached){ .addend = r->addend };
      if (symbol->shndx == SHN_UNDEF)
        reached->name = symbol->name;
      else
        reached->address = lp_shipped_address (shipped, symbol) + (guint64)r->addend;
      return TRUE;
    }
  return FALSE;
}

/* Strings are merged by the linker: what counts is what stands there. */
static gboolean
same_text (LpShippedProof *proof, const LpElfSection *section, gint64 offset, guint64 address)
{
  gsize size;
  const guint8 *here = lp_elf_section_data (proof->baseline, section, &size);

  if (here == NULL || offset < 0 || (gsize)offset >= size)
    return FALSE;
  const guint8 *end = memchr (here + offset, 0, size - (gsize)offset);
  gsize length = (section->flags & SHF_STRINGS) == 0
                     ? MIN (MAX (section->entry_size, 1), size - (gsize)offset)
                 : end != NULL ? (gsize)(end - (here + offset)) + 1
                               : size - (gsize)offset;
  const guint8 *there = lp_shipped_bytes (proof->shipped, address, length);
  return there != NULL && memcmp (here + offset, there, length) == 0;
}

static gboolean
same_address (const Reached *reached, guint64 expected)
{
  return reached->truncated ? (guint32)reached->address == (guint32)expected : reached->address == expected;
}

static gboolean
same_import (LpShippedProof *proof, const LpElfSymbol *symbol, const LpElfRelocation *r,
             const Reached *reached)
{
  if (reached->name != NULL)
    return strcmp (reached->name, symbol->name) == 0 && reached->addend == r->addend;
  const LpElfSymbol *global = lp_shipped_global (proof->shipped, symbol->name);
  if (global == NULL)
    return symbol->bind == STB_WEAK && same_address (reached, (guint64)r->addend);
  return same_address (reached, lp_shipped_address (proof->shipped, global) + (guint64)r->addend);
}

static gboolean
same_target (LpShippedProof *proof, const LpElfRelocation *r, const LpRelocInfo *info, const Reached *reached)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (proof->baseline, &n);
  const LpElfSymbol *symbol = &proof->symbols[r->symbol];
  gboolean relative = info->kind == LP_RELOC_PC || info->kind == LP_RELOC_PLT;

  if (symbol->shndx == SHN_UNDEF || (symbol->bind == STB_WEAK && !proof->known[symbol->section]))
    return same_import (proof, symbol, r, reached);
  if (symbol->bind == STB_WEAK)
    return same_import (proof, symbol, r, reached)
           || same_address (reached, proof->bases[symbol->section] + symbol->value + (guint64)r->addend);
  if (symbol->shndx >= SHN_LORESERVE || symbol->section >= n || reached->name != NULL)
    return FALSE;
  guint64 offset = symbol->value + (guint64)r->addend;
  if ((sections[symbol->section].flags & SHF_MERGE) != 0)
    {
      guint64 skip = relative ? NEAR_FIELD : 0;
      guint64 address = reached->truncated ? (guint64)(gint64)(gint32)reached->address : reached->address;
      return same_text (proof, &sections[symbol->section], (gint64)(offset + skip), address + skip);
    }
  if (!proof->known[symbol->section])
    {
      /* A section without names (constants of expressions): the first reference tells where it is. */
      guint64 address = reached->truncated ? (guint64)(gint64)(gint32)reached->address : reached->address;
      proof->bases[symbol->section] = address - offset;
      proof->known[symbol->section] = TRUE;
      return TRUE;
    }
  return same_address (reached, proof->bases[symbol->section] + offset);
}

static gboolean
check_relocation (LpShippedProof *proof, const LpElfSymbol *function, const LpElfRelocation *r,
                  guint64 address, const guint8 *there, guint *width, GError **error)
{
  const LpArch *arch = lp_arch_for_machine (lp_elf_header (proof->baseline)->e_machine);
  const LpRelocInfo *info = arch != NULL ? arch->reloc_info (r->type) : NULL;
  guint64 offset = r->offset - function->value;
  Reached reached;

  if (info == NULL || info->kind == LP_RELOC_UNKNOWN || offset + info->width > function->size)
    return differs (proof, function, offset, "a relocation that isn't understood", error);
  *width = info->width;
  if (info->kind == LP_RELOC_NONE)
    return TRUE;
  proof->relocations++;
  gboolean ok = proof->shipped->is_vmlinux
                    ? reached_in_vmlinux (info, there + offset, address + offset, &reached)
                    : reached_in_module (proof->shipped, r->type, address + offset, &reached);
  if (!ok)
    return differs (proof, function, offset, "no such reference is there", error);
  if (same_target (proof, r, info, &reached))
    return TRUE;
  g_autofree char *why
      = g_strdup_printf ("a reference to %s leads elsewhere", proof->symbols[r->symbol].name[0] != '\0'
                                                                  ? proof->symbols[r->symbol].name
                                                                  : "data of the same file");
  return differs (proof, function, offset, why, error);
}

static gboolean
check_function (LpShippedProof *proof, const LpElfSymbol *function, GError **error)
{
  guint n;
  gsize size;
  const LpElfSection *section = &lp_elf_sections (proof->baseline, &n)[function->section];
  const guint8 *bytes = lp_elf_section_data (proof->baseline, section, &size);

  if (!proof->known[function->section])
    return differs (proof, function, 0,
                    "the functions of its section aren't there together, in this order and size", error);
  guint64 address = proof->bases[function->section] + function->value;
  const guint8 *there = lp_shipped_bytes (proof->shipped, address, function->size);
  GArray *relocations = lp_elf_relocations (proof->baseline, function->section, error);
  if (relocations == NULL)
    return FALSE;
  if (bytes == NULL || there == NULL || function->value + function->size > size)
    return differs (proof, function, 0, "no such code is there", error);

  const guint8 *here = bytes + function->value;
  guint64 at = 0;
  for (guint i = 0; i < relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, i);
      guint width;
      if (r->offset < function->value || r->offset >= function->value + function->size)
        continue;
      guint64 offset = r->offset - function->value;
      if (offset > at && memcmp (here + at, there + at, offset - at) != 0)
        return differs (proof, function, at, "other bytes before the next reference", error);
      if (!check_relocation (proof, function, r, address, there, &width, error))
        return FALSE;
      at = MAX (at, offset + width);
    }
  if (at < function->size && memcmp (here + at, there + at, function->size - at) != 0)
    return differs (proof, function, at, "other bytes up to its end", error);
  proof->functions++;
  proof->bytes += function->size;
  return TRUE;
}

gboolean
lp_shipped_proof_function (LpShippedProof *proof, const char *name, GError **error)
{
  const LpElfSymbol *function = find_symbol (proof, name);
  g_autofree char *cold_name = g_strconcat (name, ".cold", NULL);
  const LpElfSymbol *cold = find_symbol (proof, cold_name);

  if (function == NULL)
    {
      lp_error_set (
          error, LP_ERROR_REFUSED, "mark it noinline or inline in the fix, as it is in the shipped kernel",
          "%s: %s: the compiler makes this function only with function sections; nothing can be proven of it",
          proof->source, name);
      return FALSE;
    }
  if (!g_hash_table_add (proof->done, GUINT_TO_POINTER (function->index)))
    return TRUE;
  return check_function (proof, function, error) && (cold == NULL || check_function (proof, cold, error));
}
