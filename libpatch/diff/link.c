/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Link: where each reference of the new code goes: into the image, into the target, or to another module.
 * Must not know how the image is laid out. Sources: x86-64 psABI 4.4 and 5.2; ELF TLS ABI 3.4.6 (variant II).
 */
#include "diff/stages.h"

#include <string.h>

#include "base/error.h"

G_GNUC_PRINTF (5, 6)
static gboolean
refuse (LpPiece *from, const LpElfRelocation *relocation, const char *hint, GError **error,
        const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *what = g_strdup_vprintf (format, args);
  va_end (args);

  lp_error_set (error, LP_ERROR_REFUSED, hint, "%s: %s+0x%" G_GINT64_MODIFIER "x %s", from->object->unit,
                from->name, relocation->offset - from->start, what);
  return FALSE;
}

gboolean
lp_link_is_branch (LpPiece *from, const LpElfRelocation *relocation, const LpReference *ref)
{
  if (ref->info->kind != LP_RELOC_PC && ref->info->kind != LP_RELOC_PLT)
    return FALSE;
  const LpInsn *insn
      = from->kind == LP_PIECE_FUNCTION ? lp_piece_insn_at (from, relocation->offset - from->start) : NULL;
  return insn != NULL && insn->flow != LP_FLOW_NONE;
}

static void
to_target (LpDestination *destination, const char *name, guint64 address, gint64 offset)
{
  destination->kind = LP_TO_TARGET;
  destination->name = name;
  destination->address = address;
  destination->offset = offset;
}

static void
to_import (LpDestination *destination, LpDynamicName *entry, gint64 offset)
{
  destination->kind = LP_TO_IMPORT;
  destination->name = entry->name;
  destination->import = entry;
  destination->offset = offset;
  destination->slot = entry->call_slot != 0 ? entry->call_slot : entry->address_slot;
  destination->address_slot = entry->address_slot;
}

/* A thread-local variable: only one that the program itself defines, whose distance from the thread pointer
 * the linker fixed. */
static gboolean
thread_variable (LpDiff *diff, LpPiece *from, const LpElfRelocation *r, const LpReference *ref,
                 LpDestination *destination, GError **error)
{
  const char *hint = "use an ordinary variable, or restart the program with the fixed version";
  const LpElfSymbol *symbol = NULL;
  guint64 value;

  if (ref->info->kind != LP_RELOC_TLS_LE || !diff->target->has_thread_block)
    return refuse (from, r, hint, error,
                   "uses the thread-local variable \"%s\" in a way (%s) that a patch can't",
                   ref->symbol->name, ref->info->name);
  if (ref->piece != NULL && ref->piece->peer == NULL)
    return refuse (from, r, hint, error, "uses the new thread-local variable \"%s\"", ref->piece->name);
  if (ref->piece != NULL)
    {
      if (!lp_placement_locate (lp_diff_unit_of (diff, from)->placement, ref->piece->peer, error))
        return FALSE;
      value = ref->piece->peer->address;
    }
  else if (!lp_target_global (diff->target, ref->symbol->name, &symbol, error))
    return FALSE;
  else if (symbol == NULL || symbol->type != STT_TLS)
    return refuse (from, r, hint, error,
                   "uses the thread-local variable \"%s\", which the program doesn't define",
                   ref->symbol->name);
  else
    value = symbol->value;

  destination->kind = LP_TO_NUMBER;
  destination->name = ref->symbol->name;
  destination->offset = (gint64)(diff->target->thread_offset + value) + ref->offset;
  return TRUE;
}

/* A symbol of the target by its global name. */
static gboolean
global_symbol (LpDiff *diff, LpPiece *from, const LpElfRelocation *r, const LpElfSymbol *symbol,
               const char *name, gint64 offset, LpDestination *destination, GError **error)
{
  LpDynamicName *entry = lp_target_dynamic (diff->target, name);

  if (lp_target_is_preemptible (diff->target, name))
    {
      if (entry->is_ambiguous)
        return refuse (from, r, NULL, error,
                       "refers to \"%s\", which the library defines in several versions", name);
      to_import (destination, entry, offset);
      return TRUE;
    }

  to_target (destination, name, symbol->value, offset);
  if (symbol->type == STT_GNU_IFUNC)
    {
      const guint64 *slot = g_hash_table_lookup (diff->target->resolver_slots, &symbol->value);
      destination->only_calls = TRUE;
      destination->slot = slot != NULL ? *slot : 0;
      if (slot == NULL)
        return refuse (from, r, NULL, error, "refers to the ifunc \"%s\", for which the target has no slot",
                       name);
    }
  return TRUE;
}

/* A name that the target neither defines nor imports: the engine can look it up where the target's libraries
 * are, as the dynamic linker would have done. */
static gboolean
new_import (LpDiff *diff, LpPiece *from, const LpElfRelocation *r, const LpReference *ref,
            LpDestination *destination, GError **error)
{
  const char *name = ref->symbol->name;
  g_autoptr (GError) local_error = NULL;
  LpDynamicName *entry;

  if (ref->info->kind == LP_RELOC_TLS_IE || ref->info->kind == LP_RELOC_TLS_GD)
    return thread_variable (diff, from, r, ref, destination, error);
  if (!lp_target_provide (diff->target, name, &entry, &local_error))
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&local_error),
                                  "%s: %s+0x%" G_GINT64_MODIFIER "x: ", from->object->unit, from->name,
                                  r->offset - from->start);
      return FALSE;
    }
  if (entry == NULL)
    return refuse (
        from, r, "use only functions that the program calls already, or put the code into the fix itself",
        error,
        "refers to \"%s\", which %s neither defines nor imports, nor do the libraries that it is linked with",
        name, diff->target->name);
  to_import (destination, entry, ref->offset);
  return TRUE;
}

static gboolean
external (LpDiff *diff, LpPiece *from, const LpElfRelocation *r, const LpReference *ref,
          LpDestination *destination, GError **error)
{
  const char *name = ref->symbol->name;
  LpPiece *piece = g_hash_table_lookup (diff->new_globals, name);
  const LpElfSymbol *symbol;

  if (ref->symbol->shndx == SHN_ABS)
    return refuse (from, r, NULL, error, "refers to the absolute symbol \"%s\"", name);
  if (piece != NULL)
    {
      *destination
          = (LpDestination){ .kind = LP_TO_IMAGE, .piece = piece, .offset = ref->offset, .name = name };
      return TRUE;
    }
  if (!lp_target_global (diff->target, name, &symbol, error))
    return FALSE;
  if (symbol != NULL && symbol->type == STT_TLS)
    return thread_variable (diff, from, r, ref, destination, error);

  LpDynamicName *entry = lp_target_dynamic (diff->target, name);
  if (entry != NULL && entry->copy != 0)
    {
      to_target (destination, name, entry->copy, ref->offset); /* the whole process uses the program's copy */
      return TRUE;
    }
  if (symbol != NULL)
    return global_symbol (diff, from, r, symbol, name, ref->offset, destination, error);
  if (entry == NULL)
    return new_import (diff, from, r, ref, destination, error);
  if (!entry->is_import)
    return refuse (from, r, NULL, error, "refers to \"%s\", which %s exports but its twin doesn't know", name,
                   diff->target->name);
  if (entry->is_ambiguous)
    return refuse (from, r, NULL, error, "refers to \"%s\", which %s imports in several versions", name,
                   diff->target->name);
  if (entry->type == STT_TLS || ref->info->kind == LP_RELOC_TLS_IE || ref->info->kind == LP_RELOC_TLS_GD)
    return thread_variable (diff, from, r, ref, destination, error);
  to_import (destination, entry, ref->offset);
  return TRUE;
}

/* Whether the reference must stay inside the new code: labels, .cold parts, the function's jumps to itself.
 * The function's start, seen as an address, is the old one's: pointers must compare equal, and later patches
 * must be honoured. */
static gboolean
stays_inside (LpPiece *from, const LpElfRelocation *r, const LpReference *ref)
{
  LpPiece *function = lp_piece_function (ref->piece);

  if (function->peer == NULL || ref->piece->parent != NULL)
    return TRUE;
  if (!function->changed)
    return FALSE;
  if (ref->offset != 0)
    return TRUE;
  if (from->kind == LP_PIECE_ANONYMOUS && ref->info->kind == LP_RELOC_PC)
    return TRUE;
  return lp_piece_function (from) == function && lp_link_is_branch (from, r, ref);
}

static gboolean
inside_function (LpDiff *diff, LpPiece *from, const LpElfRelocation *r, const LpReference *ref,
                 LpDestination *destination, GError **error)
{
  LpPiece *piece = ref->piece;

  if (stays_inside (from, r, ref))
    {
      *destination = (LpDestination){
        .kind = LP_TO_IMAGE, .piece = piece, .offset = ref->offset, .name = piece->name
      };
      return TRUE;
    }
  if (ref->offset != 0)
    return refuse (from, r, NULL, error,
                   "refers into the middle of the function \"%s\", which doesn't change", piece->name);
  if (piece->symbol->bind != STB_LOCAL && lp_target_is_preemptible (diff->target, piece->name))
    {
      to_import (destination, lp_target_dynamic (diff->target, piece->name), 0);
      return TRUE;
    }
  if (piece->symbol->type == STT_GNU_IFUNC)
    return refuse (from, r, NULL, error, "refers to the ifunc \"%s\"", piece->name);
  if (!lp_placement_locate (lp_diff_unit_of (diff, from)->placement, piece->peer, error))
    return FALSE;
  if (!piece->changed)
    g_hash_table_add (diff->relied_on, piece->peer);
  to_target (destination, piece->name, piece->peer->address, 0);
  return TRUE;
}

static gboolean
inside_data (LpDiff *diff, LpPiece *from, const LpElfRelocation *r, const LpReference *ref,
             LpDestination *destination, GError **error)
{
  LpPiece *piece = ref->piece;

  if (piece->kind == LP_PIECE_TLS)
    return thread_variable (diff, from, r, ref, destination, error);
  if (piece->kind == LP_PIECE_SPECIAL)
    return refuse (from, r, NULL, error, "refers to section %s, whose purpose isn't known", piece->name);
  if (lp_piece_is_private (piece) || piece->peer == NULL)
    {
      *destination = (LpDestination){
        .kind = LP_TO_IMAGE, .piece = piece, .offset = ref->offset, .name = piece->name
      };
      return TRUE;
    }
  LpDynamicName *entry = lp_target_dynamic (diff->target, piece->name);
  if (piece->symbol->bind != STB_LOCAL && lp_target_is_preemptible (diff->target, piece->name))
    {
      to_import (destination, entry, ref->offset);
      return TRUE;
    }
  if (!lp_placement_locate (lp_diff_unit_of (diff, from)->placement, piece->peer, error))
    return FALSE;
  if (piece->peer->linked_size != piece->peer->size && piece->peer->linked_size != piece->peer->symbol->size)
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL,
                    "%s: \"%s\" has %" G_GUINT64_FORMAT " bytes in %s, %" G_GUINT64_FORMAT
                    " in the rebuilt object",
                    from->object->unit, piece->name, piece->peer->linked_size, diff->target->name,
                    piece->peer->symbol->size);
      return FALSE;
    }
  g_hash_table_add (diff->proof.symbols, (gpointer)g_intern_string (piece->name));
  to_target (destination, piece->name, piece->peer->address, ref->offset);
  return TRUE;
}

/* What an import can't do: be reached as if it were here. */
static gboolean
check_import (LpPiece *from, const LpElfRelocation *r, const LpReference *ref, LpDestination *destination,
              GError **error)
{
  gboolean direct = ref->info->kind == LP_RELOC_PC || ref->info->kind == LP_RELOC_PLT
                    || (ref->info->kind == LP_RELOC_ABSOLUTE && ref->info->width < 8);

  if (!direct || lp_link_is_branch (from, r, ref))
    return TRUE;
  if (destination->import->is_import && destination->import->value != 0)
    {
      /* a non-PIE program's PLT entry is the function's address for everybody */
      to_target (destination, destination->name, destination->import->value, ref->offset);
      return TRUE;
    }
  return refuse (from, r, NULL, error, "takes the address of \"%s\" of another module without the GOT (%s)",
                 destination->name, ref->info->name);
}

gboolean
lp_link_destination (LpDiff *diff, LpPiece *from, const LpElfRelocation *relocation, const LpReference *ref,
                     LpDestination *destination, GError **error)
{
  gboolean ok;

  *destination = (LpDestination){ 0 };
  if (ref->piece == NULL)
    ok = external (diff, from, relocation, ref, destination, error);
  else if (ref->piece->kind == LP_PIECE_FUNCTION)
    ok = inside_function (diff, from, relocation, ref, destination, error);
  else
    ok = inside_data (diff, from, relocation, ref, destination, error);
  if (!ok)
    return FALSE;

  if (destination->kind == LP_TO_IMPORT)
    return check_import (from, relocation, ref, destination, error);
  if (destination->only_calls && !lp_link_is_branch (from, relocation, ref))
    return refuse (from, relocation, NULL, error, "takes the address of the ifunc \"%s\"", destination->name);
  if (destination->kind != LP_TO_NUMBER && ref->info->kind != LP_RELOC_ABSOLUTE
      && ref->info->kind != LP_RELOC_PC && ref->info->kind != LP_RELOC_PLT
      && ref->info->kind != LP_RELOC_GOT_PC)
    return refuse (from, relocation, NULL, error, "refers to \"%s\" by %s, which a patch can't",
                   destination->name, ref->info->name);
  return TRUE;
}
