/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GCC says in __patchable_function_entries where the room begins (-fpatchable-function-entry=16,16). Source:
 * GCC's manual; arch/x86/Makefile of Linux 6.2 and later. */
#include "kernel/padding.h"

#include <string.h>

#define NOTES "__patchable_function_entries"
#define NOP 0x90
#define ROOM_MAX 64 /* bytes */

static LpPiece *
function_behind (LpObject *object, guint section, guint64 place)
{
  GPtrArray *pieces = section < object->n_sections ? object->by_section[section] : NULL;

  for (guint i = 0; pieces != NULL && i < pieces->len; i++)
    {
      LpPiece *piece = pieces->pdata[i];
      if (piece->kind == LP_PIECE_FUNCTION && piece->start >= place && piece->start - place <= ROOM_MAX)
        return piece;
    }
  return NULL;
}

static gboolean
is_room (const guint8 *bytes, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (bytes[i] != NOP)
      return FALSE;
  return TRUE;
}

static void
attach (LpObject *object, guint section, gint64 place)
{
  LpPiece *function = place >= 0 ? function_behind (object, section, (guint64)place) : NULL;

  if (function == NULL || function->bytes == NULL)
    return;
  guint64 lead = function->start - (guint64)place;
  if (!is_room (function->bytes - lead, lead))
    return;
  function->lead = lead;
  /* What stands before the first function of a section was taken for code without a name. */
  LpPiece *first = object->by_section[section]->pdata[0];
  if (first->kind == LP_PIECE_SPECIAL && first->start == (guint64)place && first->size == lead)
    first->kind = LP_PIECE_ANONYMOUS;
}

void
lp_padding_attach (LpObject *object)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (object->elf, &n);

  if (object->arch->machine != EM_X86_64)
    return; /* aarch64's are what ftrace writes to, inside of the function */
  for (guint i = 1; i < n; i++)
    {
      GArray *relocations
          = strcmp (sections[i].name, NOTES) == 0 ? lp_elf_relocations (object->elf, i, NULL) : NULL;
      for (guint k = 0; relocations != NULL && k < relocations->len; k++)
        {
          const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, k);
          const LpElfSymbol *symbol = &object->symbols[r->symbol];
          attach (object, symbol->section, r->addend + (gint64)symbol->value);
        }
    }
}
