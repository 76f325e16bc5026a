/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* First bytes of functions, in files and in processes. Must not know who wants them. */
#include "user/entries.h"
#include "user/target-private.h"

#define BREAKPOINT 0xcc /* x86-64: int3 */
#define ENTRY_MAX 64    /* bytes up to the end of a site; instructions are shorter */

static gboolean
can_have_probe (const LpEntityFunction *function)
{
  return (function->flags & LP_FUNCTION_AT_ENTRY) == 0 && function->site_offset != 0;
}

GBytes *
lp_entries_read (LpEntity *entity, const LpElf *elf)
{
  guint n;
  const LpEntityFunction *functions = lp_entity_functions (entity, &n);
  guint8 *bytes = g_malloc (n + 1);

  for (guint i = 0; i < n; i++)
    {
      const guint8 *first
          = can_have_probe (&functions[i]) ? lp_elf_at (elf, functions[i].old_address, 1) : NULL;
      bytes[i] = first != NULL ? *first : BREAKPOINT;
    }
  return g_bytes_new_take (bytes, n);
}

gboolean
lp_entries_all_can_have_probes (LpEntity *entity)
{
  guint n;
  const LpEntityFunction *functions = lp_entity_functions (entity, &n);

  for (guint i = 0; i < n; i++)
    if (!can_have_probe (&functions[i]))
      return FALSE;
  return TRUE;
}

void
lp_entries_add_probes (LpEntity *entity, const LpElf *elf, GBytes *entries, int fd, GArray *probes)
{
  gsize n;
  const guint8 *bytes = g_bytes_get_data (entries, &n);
  guint n_functions;
  const LpEntityFunction *functions = lp_entity_functions (entity, &n_functions);

  for (guint i = 0; i < n; i++)
    {
      LpProbe probe = { .fd = fd, .original = bytes[i] };
      if (bytes[i] != BREAKPOINT && lp_elf_address_to_offset (elf, functions[i].old_address, &probe.offset))
        g_array_append_val (probes, probe);
    }
}

static GBytes *
find_entries (const LpEntity *entity, const GPtrArray *entities, const GPtrArray *entries)
{
  for (guint i = 0; i < entities->len && i < entries->len; i++)
    if (entities->pdata[i] == entity)
      return entries->pdata[i];
  return NULL;
}

/* Whether a redirect, ours or one of a patch on top, stands at the site of @function, which is at @entry;
 * *@first is what stands at the entry then. */
static gboolean
is_redirected (LpTarget *target, const LpEntityFunction *function, guint64 entry, guint8 *first)
{
  const LpArch *arch = lp_arch_for_machine (LP_HOST_MACHINE);
  guint8 now[ENTRY_MAX];
  guint64 goes_to;

  if (function->site_size > sizeof now || function->site_offset > sizeof now - function->site_size
      || !lp_process_read (target->process, entry, now, function->site_offset + function->site_size, NULL))
    return FALSE;
  *first = now[0];
  return arch->decode_redirect (now + function->site_offset, function->site_size,
                                entry + function->site_offset, &goes_to);
}

static void
restore_one (LpTarget *target, int tid, const LpPart *part, const LpEntityFunction *function, guint8 original)
{
  guint64 entry = part->module->bias + function->old_address;
  guint8 now;

  if (original != BREAKPOINT && is_redirected (target, function, entry, &now) && now == BREAKPOINT)
    lp_process_write (target->process, entry, &original, 1, tid,
                      NULL); /* else it traps, and is none the worse */
}

void
lp_entries_restore (LpTarget *target, int tid, const GPtrArray *entities, const GPtrArray *entries)
{
  for (guint i = 0; i < target->parts->len; i++)
    {
      const LpPart *part = &g_array_index (target->parts, LpPart, i);
      GBytes *bytes = find_entries (part->entity, entities, entries);
      guint n_functions;
      const LpEntityFunction *functions = lp_entity_functions (part->entity, &n_functions);
      gsize n = 0;
      const guint8 *first = bytes != NULL ? g_bytes_get_data (bytes, &n) : NULL;

      for (gsize j = 0; part->module != NULL && j < n && j < n_functions; j++)
        restore_one (target, tid, part, &functions[j], first[j]);
    }
}

gboolean
lp_entries_is_redirect (LpTarget *target, guint64 pc)
{
  for (guint i = 0; i < target->parts->len; i++)
    {
      const LpPart *part = &g_array_index (target->parts, LpPart, i);
      guint n;
      const LpEntityFunction *functions = lp_entity_functions (part->entity, &n);

      for (guint j = 0; part->module != NULL && j < n; j++)
        {
          guint64 entry = part->module->bias + functions[j].old_address;
          guint8 unused;
          if (pc == entry + functions[j].site_offset && is_redirected (target, &functions[j], entry, &unused))
            return TRUE;
        }
    }
  return FALSE;
}
