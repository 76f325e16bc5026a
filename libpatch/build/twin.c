/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compares a rebuilt ELF file with the shipped one, section by section; see lp_build_is_twin() in target.h.
 */

#include "config.h"

#include "build/target.h"

#include <string.h>

#define BUILD_ID_SECTION ".note.gnu.build-id"

static const LpElfSection *
next_allocated (const LpElfSection *sections, guint n, guint *index)
{
  for (; *index < n; (*index)++)
    if ((sections[*index].flags & SHF_ALLOC) != 0)
      return &sections[(*index)++];
  return NULL;
}

/* First difference of two sections that stand at the same place in their files' order, or NULL. */
static char *
compare_sections (LpElf *shipped, const LpElfSection *a, LpElf *twin, const LpElfSection *b)
{
  gsize a_size, b_size;

  if (strcmp (a->name, b->name) != 0)
    return g_strdup_printf ("section %s stands where the rebuilt file has %s", a->name, b->name);
  if (a->address != b->address || a->size != b->size)
    return g_strdup_printf ("section %s is 0x%" G_GINT64_MODIFIER "x bytes at 0x%" G_GINT64_MODIFIER
                            "x, rebuilt 0x%" G_GINT64_MODIFIER "x bytes at 0x%" G_GINT64_MODIFIER "x",
                            a->name, a->size, a->address, b->size, b->address);
  if (a->flags != b->flags || a->type != b->type)
    return g_strdup_printf ("section %s has another type or other flags", a->name);
  if (a->type == SHT_NOBITS || strcmp (a->name, BUILD_ID_SECTION) == 0)
    return NULL;

  const guint8 *a_data = lp_elf_section_data (shipped, a, &a_size);
  const guint8 *b_data = lp_elf_section_data (twin, b, &b_size);
  for (gsize i = 0; i < MIN (a_size, b_size); i++)
    if (a_data[i] != b_data[i])
      return g_strdup_printf ("section %s differs at address 0x%" G_GINT64_MODIFIER "x", a->name,
                              a->address + i);
  return a_size == b_size ? NULL : g_strdup_printf ("section %s has another size", a->name);
}

static gboolean
same_build_id (LpElf *a, LpElf *b)
{
  gsize a_size = 0, b_size = 0;
  const guint8 *a_id = lp_elf_build_id (a, &a_size);
  const guint8 *b_id = lp_elf_build_id (b, &b_size);

  if (a_id == NULL || b_id == NULL)
    return a_id == b_id;
  return a_size == b_size && memcmp (a_id, b_id, a_size) == 0;
}

gboolean
lp_build_is_twin (LpElf *shipped, LpElf *twin, gboolean *same_id, char **why)
{
  guint n_shipped, n_twin, i = 0, k = 0;
  const LpElfSection *a_sections = lp_elf_sections (shipped, &n_shipped);
  const LpElfSection *b_sections = lp_elf_sections (twin, &n_twin);

  *same_id = same_build_id (shipped, twin);
  *why = NULL;
  if (lp_elf_header (shipped)->e_machine != lp_elf_header (twin)->e_machine)
    {
      *why = g_strdup ("it is for another machine");
      return FALSE;
    }
  for (;;)
    {
      const LpElfSection *a = next_allocated (a_sections, n_shipped, &i);
      const LpElfSection *b = next_allocated (b_sections, n_twin, &k);
      if (a == NULL && b == NULL)
        return TRUE;
      if (a == NULL || b == NULL)
        *why = g_strdup_printf ("section %s is in only one of the files", a != NULL ? a->name : b->name);
      else
        *why = compare_sections (shipped, a, twin, b);
      if (*why != NULL)
        return FALSE;
    }
}
