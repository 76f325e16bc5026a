/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbol versions of dynamic symbols. Must not know how symbols are looked up.
 * Source: LSB Core, "Symbol Versioning"; the chains are walked by their counts, never by "until zero" alone.
 */
#include "elf/elf-private.h"

#include <string.h>

#define VERSION_HIDDEN 0x8000
#define VERSION_INDEX 0x7fff
#define VERSIONS_MAX 0x8000   /* indexes have 15 bits: a file with more entries repeats itself on purpose */
#define VERSION_FIRST_NAMED 2 /* 0 is local, 1 is global without a version */

/* One of .gnu.version_d, .gnu.version_r while it is walked. */
typedef struct {
  const LpElf *elf;
  const LpElfSection *section;
  const LpElfSection *strings;
  GHashTable *names; /* version index -> const char* */
  guint n;           /* entries met so far */
} VersionWalk;

/* Copies the structure at @at. */
static gboolean
fetch (VersionWalk *walk, guint64 at, gpointer structure, gsize size, GError **error)
{
  if (!lp_span_inside (at, size, walk->section->size))
    return lp_elf_corrupt (walk->elf, error,
                           "%s: entry at offset 0x%" G_GINT64_MODIFIER "x goes beyond its end",
                           walk->section->name, at);
  memcpy (structure, walk->elf->data + walk->section->offset + at, size);
  return TRUE;
}

static gboolean
remember (VersionWalk *walk, guint index, guint32 name_offset, GError **error)
{
  const char *name = lp_elf_string (walk->elf, walk->strings, name_offset);

  if (++walk->n > VERSIONS_MAX)
    return lp_elf_corrupt (walk->elf, error, "%s: more than %u versions", walk->section->name, VERSIONS_MAX);
  if (name == NULL)
    return lp_elf_corrupt (walk->elf, error, "%s: name of version %u lies outside %s", walk->section->name,
                           index, walk->strings->name);
  g_hash_table_insert (walk->names, GUINT_TO_POINTER (index), (gpointer)name);
  return TRUE;
}

static gboolean
read_definitions (VersionWalk *walk, GError **error)
{
  guint64 at = 0;

  for (guint i = 0; i < walk->section->info; i++)
    {
      Elf64_Verdef definition;
      Elf64_Verdaux name;

      if (!fetch (walk, at, &definition, sizeof definition, error)
          || !fetch (walk, at + definition.vd_aux, &name, sizeof name, error))
        return FALSE;
      /* The base definition names the file, not a version. */
      if ((definition.vd_flags & VER_FLG_BASE) == 0
          && !remember (walk, definition.vd_ndx & VERSION_INDEX, name.vda_name, error))
        return FALSE;
      if (definition.vd_next == 0)
        return TRUE;
      at += definition.vd_next;
    }
  return TRUE;
}

static gboolean
read_needed_names (VersionWalk *walk, guint64 at, guint n, GError **error)
{
  for (guint i = 0; i < n; i++)
    {
      Elf64_Vernaux name;

      if (!fetch (walk, at, &name, sizeof name, error)
          || !remember (walk, name.vna_other & VERSION_INDEX, name.vna_name, error))
        return FALSE;
      if (name.vna_next == 0)
        return TRUE;
      at += name.vna_next;
    }
  return TRUE;
}

static gboolean
read_needs (VersionWalk *walk, GError **error)
{
  guint64 at = 0;

  for (guint i = 0; i < walk->section->info; i++)
    {
      Elf64_Verneed need;

      if (!fetch (walk, at, &need, sizeof need, error)
          || !read_needed_names (walk, at + need.vn_aux, need.vn_cnt, error))
        return FALSE;
      if (need.vn_next == 0)
        return TRUE;
      at += need.vn_next;
    }
  return TRUE;
}

static gboolean
read_names (const LpElf *elf, guint32 type, GHashTable *names, GError **error)
{
  const LpElfSection *section = lp_elf_section_by_type (elf, type);
  if (section == NULL)
    return TRUE;

  VersionWalk walk = { elf, section, lp_elf_linked_strings (elf, section, error), names, 0 };
  if (walk.strings == NULL)
    return FALSE;
  return type == SHT_GNU_verdef ? read_definitions (&walk, error) : read_needs (&walk, error);
}

gboolean
lp_elf_read_versions (const LpElf *elf, const LpElfSection *dynsym, LpElfSymbol *symbols, guint n,
                      GError **error)
{
  const LpElfSection *versions = lp_elf_section_by_type (elf, SHT_GNU_versym);
  g_autoptr (GHashTable) names = g_hash_table_new (NULL, NULL);

  if (versions == NULL)
    return TRUE;
  if (versions->link != dynsym->index || versions->size / sizeof (Elf64_Versym) < n)
    return lp_elf_corrupt (elf, error, "%s does not fit %s", versions->name, dynsym->name);
  if (!read_names (elf, SHT_GNU_verdef, names, error) || !read_names (elf, SHT_GNU_verneed, names, error))
    return FALSE;

  for (guint i = 1; i < n; i++)
    {
      Elf64_Versym version;
      memcpy (&version, elf->data + versions->offset + (guint64)i * sizeof version, sizeof version);

      guint index = version & VERSION_INDEX;
      symbols[i].version_hidden = (version & VERSION_HIDDEN) != 0;
      if (index < VERSION_FIRST_NAMED)
        continue;
      symbols[i].version = g_hash_table_lookup (names, GUINT_TO_POINTER (index));
      if (symbols[i].version == NULL)
        return lp_elf_corrupt (elf, error, "%s: symbol %u (%s) has version %u, which nothing names",
                               versions->name, i, symbols[i].name, index);
    }
  return TRUE;
}
