/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An object file: opening it, and what its relocations, instructions and constants are. How it is cut into
 * pieces: pieces.c. Must not know that there is a second object, or a linked file. */
#include "diff/object-private.h"

#include <string.h>

#include "base/error.h"

#define OFFSET_MAX (G_GINT64_CONSTANT (1) << 46) /* bytes: half of what a process can address */

static void
piece_free (gpointer data)
{
  LpPiece *piece = data;

  g_free (piece->base);
  g_clear_pointer (&piece->relocations, g_array_unref);
  g_clear_pointer (&piece->insns, g_array_unref);
  g_clear_pointer (&piece->parts, g_ptr_array_unref);
  g_clear_pointer (&piece->starts, g_array_unref);
  g_clear_pointer (&piece->referrers, g_hash_table_unref);
  g_free (piece);
}

void
lp_object_free (LpObject *object)
{
  if (object == NULL)
    return;
  for (guint i = 0; i < object->n_sections; i++)
    g_clear_pointer (&object->by_section[i], g_ptr_array_unref);
  g_free (object->by_section);
  g_free (object->by_symbol);
  lp_line_table_free (object->lines);
  g_clear_pointer (&object->pieces, g_ptr_array_unref);
  g_free (object);
}

LpObject *
lp_object_new (LpElf *elf, const char *unit, GError **error)
{
  return lp_object_new_for (elf, unit, NULL, error);
}

LpObject *
lp_object_new_for (LpElf *elf, const char *unit, LpSectionUse (*use) (const char *name), GError **error)
{
  const Elf64_Ehdr *header = lp_elf_header (elf);
  const LpArch *arch = lp_arch_for_machine (header->e_machine);

  if (header->e_type != ET_REL || arch == NULL)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: %s is not an object file of a supported machine",
                    unit, lp_elf_name (elf));
      return NULL;
    }
  if (lp_elf_section_by_name (elf, ".gnu.lto_.symtab") != NULL
      || lp_elf_section_by_name (elf, ".gnu.lto_.opts") != NULL)
    {
      lp_error_set (error, LP_ERROR_REFUSED, "build the target without -flto",
                    "%s: %s holds link-time optimiser bytecode", unit, lp_elf_name (elf));
      return NULL;
    }

  g_autoptr (LpObject) object = g_new0 (LpObject, 1);
  g_autoptr (GError) local_error = NULL;
  object->elf = elf;
  object->use = use;
  object->arch = arch;
  object->unit = unit;
  object->pieces = g_ptr_array_new_with_free_func (piece_free);
  lp_elf_sections (elf, &object->n_sections);
  object->by_section = g_new0 (GPtrArray *, object->n_sections);
  object->symbols = lp_elf_symbols (elf, LP_ELF_SYMTAB, &object->n_symbols, &local_error);
  if (local_error != NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&local_error), "%s: ", unit);
      return NULL;
    }
  object->by_symbol = g_new0 (LpPiece *, object->n_symbols);

  if (!lp_object_cut (object, error))
    {
      g_prefix_error (error, "%s: ", unit);
      return NULL;
    }
  return g_steal_pointer (&object);
}

GArray *
lp_piece_insns (LpPiece *piece)
{
  if (piece->insns != NULL || piece->undecodable)
    return piece->insns;

  g_autoptr (GArray) insns = g_array_new (FALSE, FALSE, sizeof (LpInsn));
  if (piece->bytes == NULL
      || !piece->object->arch->decode (piece->bytes, piece->size, piece->start, insns, NULL))
    {
      piece->undecodable = TRUE;
      return NULL;
    }
  piece->insns = g_steal_pointer (&insns);
  return piece->insns;
}

const LpInsn *
lp_piece_insn_at (LpPiece *piece, guint64 offset)
{
  GArray *insns = lp_piece_insns (piece);
  if (insns == NULL || insns->len == 0)
    return NULL;

  guint low = 0, high = insns->len;
  while (high - low > 1)
    {
      guint middle = low + (high - low) / 2;
      if (offset >= g_array_index (insns, LpInsn, middle).offset)
        low = middle;
      else
        high = middle;
    }
  const LpInsn *insn = &g_array_index (insns, LpInsn, low);
  return offset >= insn->offset && offset < (guint64)insn->offset + insn->length ? insn : NULL;
}

/* Where the table that @offset of @piece belongs to begins. */
static guint64
table_start (const LpPiece *piece, guint64 offset)
{
  guint64 start = 0;

  for (guint i = 0; piece->starts != NULL && i < piece->starts->len; i++)
    if (g_array_index (piece->starts, guint64, i) <= offset)
      start = g_array_index (piece->starts, guint64, i);
  return start;
}

/* What compilers count in when they make a PC-relative relocation. An operand counts from the end of its
 * instruction, the relocation from the field: the bytes between. An entry of a switch table (or of LLVM's
 * tables of strings) counts from the table's start: minus the bytes between. */
static gint64
distance_to_base (LpPiece *from, const LpElfRelocation *relocation, const LpRelocInfo *info)
{
  guint64 offset = relocation->offset - from->start;

  gboolean is_code = from->header != NULL && (from->header->flags & SHF_EXECINSTR) != 0;
  if (from->kind != LP_PIECE_FUNCTION && !is_code)
    return info->kind == LP_RELOC_PC ? -(gint64)(offset - table_start (from, offset)) : 0;
  if (from->object->arch->machine != EM_X86_64)
    return 0;
  const LpInsn *insn = lp_piece_insn_at (from, offset);
  return insn != NULL ? (gint64)(insn->offset + insn->length - offset) : (gint64)info->width;
}

gboolean
lp_object_reference (LpPiece *from, const LpElfRelocation *relocation, LpReference *reference, GError **error)
{
  LpObject *object = from->object;
  const LpRelocInfo *info = object->arch->reloc_info (relocation->type);

  if (info == NULL || info->kind == LP_RELOC_UNKNOWN || relocation->symbol >= object->n_symbols)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "%s+0x%" G_GINT64_MODIFIER "x: relocation type %u (%s) is not understood", from->name,
                    relocation->offset - from->start, relocation->type,
                    info != NULL ? info->name : "unknown");
      return FALSE;
    }

  const LpElfSymbol *symbol = &object->symbols[relocation->symbol];
  LpPiece *piece = object->by_symbol[relocation->symbol];
  gint64 offset = relocation->addend, element = 0, to_base = 0;

  if (ABS (offset / 2) > OFFSET_MAX || symbol->value > OFFSET_MAX)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "%s+0x%" G_GINT64_MODIFIER "x: impossible addend or symbol value", from->name,
                    relocation->offset - from->start);
      return FALSE;
    }
  if (info->kind == LP_RELOC_PC || info->kind == LP_RELOC_PLT || info->kind == LP_RELOC_GOT_PC
      || info->kind == LP_RELOC_TLS_IE || info->kind == LP_RELOC_TLS_GD || info->kind == LP_RELOC_TLS_LD)
    to_base = distance_to_base (from, relocation, info);
  offset += to_base;

  if (piece != NULL)
    {
      gint64 place = offset + (symbol->shndx == SHN_COMMON ? 0 : (gint64)symbol->value);
      if (symbol->type == STT_SECTION)
        piece = lp_object_piece_at (object, symbol->section, place);
      offset = place - (gint64)piece->start;
      /* A section's symbol names no element: there the sum says which one is meant. */
      element = symbol->type == STT_SECTION ? offset : (gint64)symbol->value - (gint64)piece->start;
    }
  *reference = (LpReference){
    .piece = piece, .offset = offset, .element = element, .symbol = symbol, .info = info, .to_base = to_base
  };
  return TRUE;
}

gsize
lp_piece_element (const LpPiece *piece, gint64 offset, guint64 *start)
{
  if (piece->bytes == NULL || offset < 0 || (guint64)offset >= piece->size)
    return 0;

  guint64 unit = MAX (piece->header->entry_size, 1);
  guint64 at = (guint64)offset;
  if ((piece->header->flags & SHF_STRINGS) == 0)
    {
      *start = at - at % unit;
      return MIN (unit, piece->size - *start);
    }

  *start = at;
  for (guint64 end = at; end + unit <= piece->size; end += unit)
    {
      gboolean zero = TRUE;
      for (guint64 i = 0; i < unit; i++)
        zero = zero && piece->bytes[end + i] == 0;
      if (zero)
        return end + unit - at;
    }
  return 0;
}

guint64
lp_piece_constant_end (const LpPiece *piece, guint64 offset)
{
  guint low = 0, high = piece->starts != NULL ? piece->starts->len : 0;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (piece->starts, guint64, middle) <= offset)
        low = middle + 1;
      else
        high = middle;
    }
  guint64 end = piece->starts != NULL && low < piece->starts->len
                    ? g_array_index (piece->starts, guint64, low)
                    : piece->size;

  /* Alignment of the next constant: zeroes, of which one may end a string. */
  while (piece->is_pool && (piece->header->flags & SHF_EXECINSTR) == 0 && end > offset + 1
         && piece->bytes != NULL && piece->bytes[end - 1] == 0 && piece->bytes[end - 2] == 0)
    end--;
  return end;
}

gboolean
lp_piece_is_private (const LpPiece *piece)
{
  return piece->kind == LP_PIECE_ANONYMOUS || piece->kind == LP_PIECE_MERGED || piece->is_table;
}

LpPiece *
lp_piece_function (LpPiece *piece)
{
  if (piece->parent != NULL)
    return piece->parent;
  return piece->kind == LP_PIECE_FUNCTION ? piece : NULL;
}

char *
lp_piece_describe (const LpPiece *piece)
{
  return g_strdup_printf ("%s: %s", piece->object->unit, piece->name);
}
