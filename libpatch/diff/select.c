/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Select: the changed functions, and everything new that only they reach. Must not know how it is laid out.
 *
 * Compilers use what they know of one function when they compile another one of the same file: inlining,
 * clones, registers that a callee leaves alone (-fipa-ra), its stack alignment, its lack of side effects.
 * None of that needs attention here: the patched object's functions were compiled with knowledge of the
 * patched callees, so one whose code did not change is right for the new ones too, and one that isn't right
 * has changed. */
#include "diff/stages.h"

#include <string.h>

#include "base/error.h"

static void
select_piece (LpDiff *diff, LpPiece *piece)
{
  if (piece->selected)
    return;
  piece->selected = TRUE;
  g_ptr_array_add (diff->selected, piece);

  LpPiece *function = piece->kind == LP_PIECE_FUNCTION ? lp_piece_function (piece) : NULL;
  if (function == NULL)
    return;
  select_piece (diff, function);
  for (guint i = 0; function->parts != NULL && i < function->parts->len; i++)
    select_piece (diff, function->parts->pdata[i]);
}

/* New variables in sections of their own kind are found by code that walks the section (tables of commands,
 * of tests, of start-up functions): nobody would walk ours. */
static gboolean
check_new_data (LpPiece *piece, GError **error)
{
  static const char *const ordinary[]
      = { ".data", ".bss", ".rodata", ".data.rel", ".lbss", ".ldata", ".lrodata", ".sdata", ".sbss" };

  if (piece->header == NULL || piece->symbol == NULL || piece->kind == LP_PIECE_FUNCTION)
    return TRUE;
  if (piece->kind == LP_PIECE_TLS)
    {
      lp_error_set (error, LP_ERROR_REFUSED, "use an ordinary variable",
                    "%s: the fix adds the thread-local variable \"%s\"", piece->object->unit, piece->name);
      return FALSE;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (ordinary); i++)
    {
      gsize n = strlen (ordinary[i]);
      if (strncmp (piece->header->name, ordinary[i], n) == 0
          && (piece->header->name[n] == '\0' || piece->header->name[n] == '.'))
        return TRUE;
    }
  lp_error_set (error, LP_ERROR_REFUSED, NULL,
                "%s: the fix adds \"%s\" to section %s, which a running program doesn't read again",
                piece->object->unit, piece->name, piece->header->name);
  return FALSE;
}

static gboolean
follow (LpDiff *diff, LpPiece *piece, GError **error)
{
  for (guint i = 0; i < piece->relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (piece->relocations, LpElfRelocation, i);
      LpReference ref;
      LpDestination destination;

      if (!lp_object_reference (piece, r, &ref, error))
        {
          g_prefix_error (error, "%s: ", piece->object->unit);
          return FALSE;
        }
      if (ref.info->kind == LP_RELOC_NONE)
        continue;
      if (!lp_link_destination (diff, piece, r, &ref, &destination, error))
        return FALSE;
      if (destination.kind != LP_TO_IMAGE || destination.piece->kind == LP_PIECE_MERGED)
        continue;
      if (!check_new_data (destination.piece, error))
        return FALSE;
      select_piece (diff, destination.piece);
    }
  return TRUE;
}

/* New data that takes effect without being referred to must not get lost. */
static gboolean
check_unreferenced (LpDiff *diff, LpObject *patched, GError **error)
{
  for (guint i = 0; i < patched->pieces->len; i++)
    {
      LpPiece *piece = patched->pieces->pdata[i];
      if (piece->peer == NULL && !piece->is_table
          && (piece->kind == LP_PIECE_DATA || piece->kind == LP_PIECE_CONST)
          && !check_new_data (piece, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
lp_select (LpDiff *diff, GError **error)
{
  for (guint u = 0; u < diff->units->len; u++)
    {
      LpObject *patched = ((LpUnitState *)diff->units->pdata[u])->patched;
      if (patched == NULL)
        continue;
      if (!check_unreferenced (diff, patched, error))
        return FALSE;
      for (guint i = 0; i < patched->pieces->len; i++)
        {
          LpPiece *piece = patched->pieces->pdata[i];
          if (piece->kind == LP_PIECE_FUNCTION && piece->parent == NULL && piece->changed)
            select_piece (diff, piece);
        }
    }
  for (guint i = 0; i < diff->selected->len; i++) /* grows meanwhile */
    if (!follow (diff, diff->selected->pdata[i], error))
      return FALSE;
  return TRUE;
}
