/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The code of a target, and of its patch, in which no thread may be when it changes. Must not know where
 * threads are. */
#include "user/target-private.h"

void
lp_part_add_image_ranges (const LpPart *part, GArray *ranges)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (lp_entity_elf (part->entity), &n);

  for (guint i = 1; i < n; i++)
    if ((sections[i].flags & (SHF_ALLOC | SHF_EXECINSTR)) == (SHF_ALLOC | SHF_EXECINSTR)
        && sections[i].size > 0)
      {
        LpCodeRange range
            = { part->base + sections[i].address, part->base + sections[i].address + sections[i].size, FALSE,
                "the patch's own code" };
        g_array_append_val (ranges, range);
      }
}

gboolean
lp_part_add_old_ranges (const LpPart *part, guint index, LpConsistency consistency, GArray *ranges,
                        GError **error)
{
  guint n_functions, n;
  const LpEntityFunction *f = &lp_entity_functions (part->entity, &n_functions)[index];
  const LpEntityRange *further = lp_entity_ranges (part->entity, &n);
  const char *name = lp_entity_string (part->entity, f->name);
  guint64 start = part->module->bias + f->old_address;

  if (consistency == LP_CONSISTENCY_ENTRY)
    {
      /* One that is about to execute the site's first byte meets the redirect, and the stub undoes what came
       * before. */
      LpCodeRange site = { .start = start + f->site_offset,
                           .end = start + f->site_offset + f->site_size,
                           .entry_is_free = TRUE,
                           .name = name };
      if ((f->flags & LP_FUNCTION_ENTRY_SAFE) == 0)
        {
          lp_error_set (
              error, LP_ERROR_NOT_SUPPORTED, "use consistency=strict",
              "%s: function %s branches into its own first bytes, so it can't be switched while it runs",
              lp_elf_name (lp_entity_elf (part->entity)), name);
          return FALSE;
        }
      site.end -= 1; /* a return address right behind the redirect is no harm */
      g_array_append_val (ranges, site);
      return TRUE;
    }

  LpCodeRange whole = { .start = start, .end = start + f->old_size, .entry_is_free = TRUE, .name = name };
  /* A thread right behind the first instruction has done what the stub undoes: the redirect is made for it,
   * too. The net stops threads there. */
  if (f->site_offset != 0 && (f->flags & LP_FUNCTION_ENTRY_SAFE) != 0)
    whole.free_at = start + f->site_offset;
  g_array_append_val (ranges, whole);
  for (guint i = 0; i < n; i++)
    if (further[i].function == index)
      {
        LpCodeRange range = { part->module->bias + further[i].address,
                              part->module->bias + further[i].address + further[i].size, FALSE, name };
        g_array_append_val (ranges, range);
      }
  return TRUE;
}
