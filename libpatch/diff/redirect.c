/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Redirect: where the jump to the new code stands in an old function: behind the first instruction, where a
 * uprobe may stand, if that instruction can be undone and there is room; else at the entry; else nowhere. */
#include "diff/stages.h"

#include <string.h>

#include "base/error.h"
#include "format/entity.h"

/* Bytes from the function's start that belong to it or are padding behind it. */
static guint64
room (LpTarget *target, const LpPiece *piece)
{
  guint64 end = piece->address + piece->linked_size;
  guint64 next = lp_target_next_code (target, end - 1);

  if (next <= end)
    return piece->linked_size;
  const guint8 *bytes = lp_elf_at (target->shipped, end, next - end);
  return piece->linked_size + (bytes != NULL ? target->arch->padding (bytes, next - end) : 0);
}

/* Other names at the same address: aliases that the object itself has are meant too, anything else is a
 * different function that the linker found to be equal (identical code folding). */
static gboolean
check_shared (LpTarget *target, const LpPiece *piece, GError **error)
{
  LpObject *object = piece->object;
  guint names = 0;

  for (guint i = 1; i < object->n_symbols; i++)
    if (object->by_symbol[i] == piece && object->symbols[i].type == STT_FUNC
        && object->symbols[i].value == piece->start)
      names++;
  if (lp_target_functions_at (target, piece->address) <= names)
    return TRUE;
  lp_error_set (error, LP_ERROR_REFUSED, NULL,
                "%s: the code of %s is shared with another function of %s (identical code folding)",
                object->unit, piece->name, target->name);
  return FALSE;
}

gboolean
lp_redirect_plan (LpTarget *target, LpPiece *piece, LpRedirect *redirect, GError **error)
{
  const LpArch *arch = target->arch;
  const guint8 *code = lp_elf_at (target->shipped, piece->address, piece->linked_size);
  guint64 available = room (target, piece);
  gboolean branches = TRUE;

  memset (redirect, 0, sizeof *redirect);
  if (code == NULL || !arch->entry_info (code, piece->linked_size, &redirect->entry, error))
    {
      g_prefix_error (error, "%s: %s: ", piece->object->unit, piece->name);
      return FALSE;
    }
  if (!check_shared (target, piece, error))
    return FALSE;

  if (redirect->entry.class != LP_ENTRY_CANNOT_UNDO && redirect->entry.length < piece->linked_size
      && redirect->entry.length + arch->redirect_size <= available)
    redirect->site_offset = redirect->entry.length;
  else
    redirect->flags |= LP_FUNCTION_AT_ENTRY;

  guint64 site = piece->address + redirect->site_offset, site_end = site + arch->redirect_size;
  if (redirect->site_offset + arch->redirect_size > available)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "%s: function too short: %s has %" G_GUINT64_FORMAT " bytes and %" G_GUINT64_FORMAT
                    " of padding, a redirect needs %u",
                    piece->object->unit, piece->name, piece->linked_size, available - piece->linked_size,
                    arch->redirect_size);
      return FALSE;
    }
  if (lp_target_next_code (target, piece->address) < site_end)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: %s: another symbol stands in the first %u bytes",
                    piece->object->unit, piece->name, (guint)(site_end - piece->address));
      return FALSE;
    }
  if (!arch->branches_into (code, piece->linked_size, piece->address,
                            redirect->flags & LP_FUNCTION_AT_ENTRY ? site + 1 : site, site_end, &branches,
                            error))
    return FALSE;
  for (guint i = 0; !branches && piece->parts != NULL && i < piece->parts->len; i++)
    {
      const LpPiece *part = piece->parts->pdata[i];
      const guint8 *bytes
          = part->located ? lp_elf_at (target->shipped, part->address, part->linked_size) : NULL;
      if (bytes == NULL
          || !arch->branches_into (bytes, part->linked_size, part->address, site, site_end, &branches, NULL))
        branches = TRUE;
    }
  if (!branches)
    redirect->flags |= LP_FUNCTION_ENTRY_SAFE;
  return TRUE;
}
