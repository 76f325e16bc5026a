/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rewrites objects and modules: every section and symbol is copied, but for names and kinds of relocations.
 */
#include "kernel/module-convert.h"

#include <string.h>

#include "base/error.h"
#include "kernel/object-writer.h"

#define SHN_LIVEPATCH 0xff20 /* include/uapi/linux/elf.h of the kernel */
#define REFERENCE_PREFIX ".klp.for."

typedef struct {
  LpElf *elf;
  LpObjectWriter *writer;
  guint *sections; /* index in @elf -> index in @writer; 0: not copied as it is */
  guint *handles;  /* symbol of @elf -> handle of @writer */
  char **applied;  /* symbol -> kernel object whose loading applies relocations to it, or NULL */
} Rewrite;

char *
lp_livepatch_reference (const char *applied_by, const char *object, const char *name, guint position)
{
  return g_strdup_printf (REFERENCE_PREFIX "%s.sym.%s.%s,%u", applied_by, object, name, position);
}

gboolean
lp_is_livepatch_reference (const char *name)
{
  return g_str_has_prefix (name, REFERENCE_PREFIX);
}

/* What is written anew, and what only debuggers read. */
static gboolean
is_generated (const LpElfSection *section)
{
  if ((section->flags & SHF_ALLOC) == 0 && g_str_has_prefix (section->name, ".debug_"))
    return TRUE;
  return section->type == SHT_SYMTAB || section->type == SHT_STRTAB || section->type == SHT_RELA
         || section->type == SHT_SYMTAB_SHNDX || section->type == SHT_GROUP || section->type == SHT_NULL;
}

static void
copy_sections (Rewrite *rewrite)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (rewrite->elf, &n);

  rewrite->sections = g_new0 (guint, n);
  for (guint i = 1; i < n; i++)
    {
      const LpElfSection *section = &sections[i];
      gsize size;
      if (is_generated (section))
        continue;
      const guint8 *bytes = lp_elf_section_data (rewrite->elf, section, &size);
      rewrite->sections[i] = lp_object_writer_section (rewrite->writer, section->name, section->type,
                                                       section->flags & ~(guint64)SHF_GROUP, section->align,
                                                       section->entry_size);
      lp_object_writer_append (rewrite->writer, rewrite->sections[i], bytes,
                               section->type == SHT_NOBITS ? section->size : size, 0);
    }
  for (guint i = 1; i < n; i++)
    if ((sections[i].flags & SHF_LINK_ORDER) != 0 && rewrite->sections[i] != 0 && sections[i].link < n)
      lp_object_writer_link (rewrite->writer, rewrite->sections[i], rewrite->sections[sections[i].link]);
}

static guint
copy_symbol (Rewrite *rewrite, const LpElfSymbol *symbol, const char *name, guint16 shndx)
{
  if (shndx == SHN_UNDEF && symbol->shndx != SHN_UNDEF)
    return 0; /* its section isn't copied */
  LpObjectSymbol copy
      = { name, symbol->bind, symbol->type, symbol->visibility, shndx, symbol->value, symbol->size };

  return lp_object_writer_symbol (rewrite->writer, &copy);
}

static guint16
new_shndx (const Rewrite *rewrite, const LpElfSymbol *symbol)
{
  if (symbol->shndx == SHN_UNDEF || symbol->shndx >= SHN_LORESERVE)
    return symbol->shndx;
  return (guint16)rewrite->sections[symbol->section];
}

static gboolean
copy_relocations (Rewrite *rewrite, GError **error)
{
  guint n;
  lp_elf_sections (rewrite->elf, &n);

  for (guint i = 1; i < n; i++)
    {
      if (rewrite->sections[i] == 0)
        continue;
      GArray *relocations = lp_elf_relocations (rewrite->elf, i, error);
      if (relocations == NULL)
        return FALSE;
      for (guint k = 0; k < relocations->len; k++)
        {
          const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, k);
          lp_object_writer_relocation (rewrite->writer, rewrite->sections[i], rewrite->applied[r->symbol],
                                       r->offset, r->type, rewrite->handles[r->symbol], r->addend);
        }
    }
  return TRUE;
}

static void
rewrite_clear (Rewrite *rewrite, guint n_symbols)
{
  for (guint i = 0; i < n_symbols; i++)
    g_free (rewrite->applied[i]);
  g_free (rewrite->applied);
  g_free (rewrite->sections);
  g_free (rewrite->handles);
  lp_object_writer_free (rewrite->writer);
}

static const LpElfSymbol *
rewrite_begin (Rewrite *rewrite, LpElf *elf, guint *n_symbols, GError **error)
{
  g_autoptr (GError) local = NULL;
  const LpElfSymbol *symbols = lp_elf_symbols (elf, LP_ELF_SYMTAB, n_symbols, &local);

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  if (*n_symbols == 0)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: has no symbols", lp_elf_name (elf));
      return NULL;
    }
  *rewrite = (Rewrite){ .elf = elf, .writer = lp_object_writer_new (lp_elf_header (elf)->e_machine) };
  rewrite->handles = g_new0 (guint, *n_symbols);
  rewrite->applied = g_new0 (char *, *n_symbols);
  copy_sections (rewrite);
  return symbols;
}

GBytes *
lp_module_rename (LpElf *object, GHashTable *names, GHashTable *aliases, GError **error)
{
  Rewrite rewrite;
  guint n;
  const LpElfSymbol *symbols = rewrite_begin (&rewrite, object, &n, error);
  GHashTableIter iter;
  gpointer alias, name;
  GBytes *bytes = NULL;

  if (symbols == NULL)
    return NULL;
  for (guint i = 1; i < n; i++)
    {
      const char *other = symbols[i].shndx == SHN_UNDEF ? g_hash_table_lookup (names, symbols[i].name) : NULL;
      rewrite.handles[i] = copy_symbol (&rewrite, &symbols[i], other != NULL ? other : symbols[i].name,
                                        new_shndx (&rewrite, &symbols[i]));
    }
  g_hash_table_iter_init (&iter, aliases);
  while (g_hash_table_iter_next (&iter, &alias, &name))
    for (guint i = 1; i < n; i++)
      if (symbols[i].type == STT_FUNC && symbols[i].shndx != SHN_UNDEF && strcmp (symbols[i].name, name) == 0)
        {
          LpObjectSymbol copy = { alias,
                                  STB_GLOBAL,
                                  STT_FUNC,
                                  STV_HIDDEN,
                                  new_shndx (&rewrite, &symbols[i]),
                                  symbols[i].value,
                                  symbols[i].size };
          lp_object_writer_symbol (rewrite.writer, &copy);
          break;
        }
  if (copy_relocations (&rewrite, error))
    bytes = lp_object_writer_finish (rewrite.writer, error);
  rewrite_clear (&rewrite, n);
  return bytes;
}

GBytes *
lp_module_convert (LpElf *module, guint *n_references, GError **error)
{
  Rewrite rewrite;
  guint n;
  const LpElfSymbol *symbols = rewrite_begin (&rewrite, module, &n, error);
  GBytes *bytes = NULL;

  if (symbols == NULL)
    return NULL;
  *n_references = 0;
  for (guint i = 1; i < n; i++)
    {
      const char *rest = symbols[i].shndx == SHN_UNDEF && lp_is_livepatch_reference (symbols[i].name)
                             ? symbols[i].name + strlen (REFERENCE_PREFIX)
                             : NULL;
      const char *end = rest != NULL ? strstr (rest, ".sym.") : NULL;
      if (end == NULL)
        {
          rewrite.handles[i]
              = copy_symbol (&rewrite, &symbols[i], symbols[i].name, new_shndx (&rewrite, &symbols[i]));
          continue;
        }
      g_autofree char *name = g_strconcat (".klp", end, NULL);
      rewrite.applied[i] = g_strndup (rest, (gsize)(end - rest));
      rewrite.handles[i] = copy_symbol (&rewrite, &symbols[i], name, SHN_LIVEPATCH);
      (*n_references)++;
    }
  if (copy_relocations (&rewrite, error))
    bytes = lp_object_writer_finish (rewrite.writer, error);
  rewrite_clear (&rewrite, n);
  return bytes;
}
