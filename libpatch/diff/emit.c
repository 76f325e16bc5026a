/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Emit: lays out the selected pieces with stubs and slots, links them among themselves, and leaves the rest
 * to relocations that the engine applies. Must not decide what goes along. */
#include <string.h>

#include "base/error.h"
#include "diff/frame.h"
#include "diff/stages.h"

#define SLOT_SIZE 8
#define STUB_ALIGN 8

/* One place in the image that refers to something. */
typedef struct {
  guint piece; /* writer piece that holds the place */
  gsize offset;
  guint32 type;
  gint64 addend;
  LpDestinationKind kind;
  guint to_piece;  /* TO_IMAGE */
  guint64 address; /* TO_TARGET: target address; TO_NUMBER: the number */
  LpDynamicName *import;
  const char *name;
} Fixup;

typedef struct {
  LpDiff *diff;
  LpEntityWriter *writer;
  GArray *fixups;
  GHashTable *shared;  /* text key -> writer piece + 1: merged elements, slots, import stubs */
  GArray *redirects;   /* LpRedirect, one per replaced function */
  GPtrArray *replaced; /* LpPiece of the patched objects */
  GArray *stubs;       /* guint writer piece, one per replaced function */
  guint32 flags;
} Emitter;

/* --- pieces
 * ------------------------------------------------------------------------------------------------------------
 */

static LpEntityPart
part_of (const LpPiece *piece)
{
  if (piece->kind == LP_PIECE_FUNCTION)
    return LP_ENTITY_TEXT;
  if (piece->kind == LP_PIECE_DATA && !piece->is_table)
    return piece->bytes != NULL ? LP_ENTITY_DATA : LP_ENTITY_BSS;
  return LP_ENTITY_RODATA;
}

static gsize
align_of (const LpPiece *piece)
{
  if (piece->header == NULL)
    return piece->symbol != NULL && piece->symbol->value != 0 ? piece->symbol->value
                                                              : 16; /* common: st_value */
  gsize align = MAX (piece->header->align, 1);
  return piece->kind == LP_PIECE_FUNCTION ? MAX (align, 4) : align;
}

static void
add_selected (Emitter *emitter)
{
  for (guint i = 0; i < emitter->diff->selected->len; i++)
    {
      LpPiece *piece = emitter->diff->selected->pdata[i];
      piece->writer_piece = (gint)lp_entity_writer_add_piece (emitter->writer, part_of (piece), piece->bytes,
                                                              piece->size, align_of (piece));
    }
}

static gboolean
plan_redirects (Emitter *emitter, GError **error)
{
  for (guint i = 0; i < emitter->diff->selected->len; i++)
    {
      LpPiece *piece = emitter->diff->selected->pdata[i];
      LpRedirect redirect;
      if (piece->kind != LP_PIECE_FUNCTION || piece->parent != NULL || piece->peer == NULL)
        continue;
      if (!lp_redirect_plan (emitter->diff->target, piece->peer, &redirect, error))
        return FALSE;

      g_autoptr (GByteArray) code = g_byte_array_new ();
      if (redirect.site_offset != 0)
        emitter->diff->arch->emit_undo (&redirect.entry, code);
      g_byte_array_set_size (code, code->len + emitter->diff->arch->redirect_size);
      guint stub
          = lp_entity_writer_add_piece (emitter->writer, LP_ENTITY_TEXT, code->data, code->len, STUB_ALIGN);
      g_array_append_val (emitter->redirects, redirect);
      g_array_append_val (emitter->stubs, stub);
      g_ptr_array_add (emitter->replaced, piece);
    }
  lp_entity_writer_set_function_count (emitter->writer, emitter->replaced->len);
  return TRUE;
}

static gboolean
find_shared (Emitter *emitter, const char *key, guint *piece)
{
  guint known = GPOINTER_TO_UINT (g_hash_table_lookup (emitter->shared, key));
  *piece = known - 1;
  return known != 0;
}

/* The string or constant of a MERGED piece that @ref means, once for all who use an equal one. */
static gboolean
merged_element (Emitter *emitter, const LpReference *ref, guint *writer_piece, gint64 *delta, GError **error)
{
  const LpPiece *piece = ref->piece;
  guint64 start;
  gsize size = lp_piece_element (piece, ref->element, &start);

  if (size == 0)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "%s: %s+0x%" G_GINT64_MODIFIER "x is not a string or constant", piece->object->unit,
                    piece->name, (guint64)ref->element);
      return FALSE;
    }
  *delta = ref->offset - (gint64)start;
  g_autofree char *digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256, piece->bytes + start, size);
  g_autofree char *key = g_strdup_printf ("merged %" G_GUINT64_FORMAT " %s", piece->header->align, digest);
  if (find_shared (emitter, key, writer_piece))
    return TRUE;
  *writer_piece = lp_entity_writer_add_piece (emitter->writer, LP_ENTITY_RODATA, piece->bytes + start, size,
                                              MAX (piece->header->align, 1));
  g_hash_table_insert (emitter->shared, g_steal_pointer (&key), GUINT_TO_POINTER (*writer_piece + 1));
  return TRUE;
}

/* --- references
 * ---------------------------------------------------------------------------------------------------------
 */

static void
add_fixup (Emitter *emitter, Fixup fixup)
{
  g_array_append_val (emitter->fixups, fixup);
}

/* Turns @fixup, which says where to, into a slot in the image that holds that address. Returns the slot's
 * writer piece. */
static guint
image_slot (Emitter *emitter, const Fixup *to)
{
  g_autofree char *key = g_strdup_printf ("slot %d %u %" G_GINT64_MODIFIER "x %" G_GINT64_MODIFIER "x %s",
                                          to->kind, to->to_piece, to->address, (guint64)to->addend,
                                          to->kind == LP_TO_IMPORT ? to->name : "");
  guint slot;

  if (find_shared (emitter, key, &slot))
    return slot;
  slot = lp_entity_writer_add_piece (emitter->writer, LP_ENTITY_GOT, NULL, SLOT_SIZE, SLOT_SIZE);
  g_hash_table_insert (emitter->shared, g_steal_pointer (&key), GUINT_TO_POINTER (slot + 1));

  Fixup fixup = *to;
  fixup.piece = slot;
  fixup.offset = 0;
  fixup.type = emitter->diff->arch->reloc_absolute;
  add_fixup (emitter, fixup);
  return slot;
}

/* A stub that jumps through a slot: the target's own (@slot), else one of ours. */
static gboolean
call_stub (Emitter *emitter, const Fixup *to, guint64 slot, guint *stub, GError **error)
{
  g_autofree char *key = g_strdup_printf ("stub %s", to->name);
  g_autoptr (GByteArray) code = g_byte_array_new ();
  Fixup fixup = { .kind = LP_TO_TARGET, .address = slot, .name = to->name };

  if (find_shared (emitter, key, stub))
    return TRUE;
  fixup.offset = emitter->diff->arch->emit_slot_branch (code, &fixup.addend);
  if (fixup.offset > code->len)
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL, "calls to other modules aren't supported on %s yet",
                    emitter->diff->arch->name);
      return FALSE;
    }
  *stub = lp_entity_writer_add_piece (emitter->writer, LP_ENTITY_TEXT, code->data, code->len, STUB_ALIGN);
  g_hash_table_insert (emitter->shared, g_steal_pointer (&key), GUINT_TO_POINTER (*stub + 1));

  fixup.piece = *stub;
  fixup.type = emitter->diff->arch->reloc_slot;
  if (slot == 0)
    {
      Fixup content = *to;
      content.addend = 0;
      fixup.kind = LP_TO_IMAGE;
      fixup.to_piece = image_slot (emitter, &content);
    }
  add_fixup (emitter, fixup);
  return TRUE;
}

/* Makes a fixup out of one relocation of a selected piece. */
static gboolean
add_reference (Emitter *emitter, LpPiece *piece, const LpElfRelocation *r, GError **error)
{
  const LpArch *arch = emitter->diff->arch;
  LpReference ref;
  LpDestination to;

  if (!lp_object_reference (piece, r, &ref, error))
    return FALSE;
  if (ref.info->kind == LP_RELOC_NONE)
    return TRUE;
  if (!lp_link_destination (emitter->diff, piece, r, &ref, &to, error))
    return FALSE;

  Fixup fixup = { .piece = (guint)piece->writer_piece,
                  .offset = r->offset - piece->start,
                  .type = r->type,
                  .kind = to.kind,
                  .addend = to.offset,
                  .address = to.address,
                  .import = to.import,
                  .name = to.name };
  if (to.kind == LP_TO_IMAGE)
    {
      fixup.to_piece = (guint)to.piece->writer_piece;
      if (to.piece->kind == LP_PIECE_MERGED
          && !merged_element (emitter, &ref, &fixup.to_piece, &fixup.addend, error))
        return FALSE;
    }

  if (ref.info->kind == LP_RELOC_GOT_PC)
    {
      fixup.addend = 0; /* the slot holds the symbol's address, nothing added */
      if (to.address_slot != 0)
        {
          fixup.kind = LP_TO_TARGET;
          fixup.address = to.address_slot;
        }
      else
        {
          guint slot = image_slot (emitter, &fixup);
          fixup.kind = LP_TO_IMAGE;
          fixup.to_piece = slot;
        }
      fixup.addend = to.offset;
    }
  else if ((to.kind == LP_TO_IMPORT || to.only_calls) && lp_link_is_branch (piece, r, &ref))
    {
      guint stub;
      if (!call_stub (emitter, &fixup, to.slot, &stub, error))
        return FALSE;
      fixup.kind = LP_TO_IMAGE;
      fixup.to_piece = stub;
    }

  fixup.addend -= ref.to_base;
  if (arch->reloc_near != 0 && (ref.info->kind == LP_RELOC_PLT || ref.info->kind == LP_RELOC_GOT_PC))
    fixup.type = arch->reloc_near;
  add_fixup (emitter, fixup);
  return TRUE;
}

static gboolean
collect_references (Emitter *emitter, GError **error)
{
  for (guint i = 0; i < emitter->diff->selected->len; i++)
    {
      LpPiece *piece = emitter->diff->selected->pdata[i];
      for (guint k = 0; k < piece->relocations->len; k++)
        if (!add_reference (emitter, piece, &g_array_index (piece->relocations, LpElfRelocation, k), error))
          return FALSE;
    }
  return TRUE;
}

/* --- after the layout
 * ----------------------------------------------------------------------------------------------------- */

static guint
fixup_symbol (Emitter *emitter, const Fixup *fixup)
{
  guint32 flags = 0;

  switch (fixup->kind)
    {
    case LP_TO_IMAGE:
      return lp_entity_writer_add_symbol (emitter->writer, LP_ENTITY_SYMBOL_IMAGE, fixup->name, NULL, 0,
                                          lp_entity_writer_address (emitter->writer, fixup->to_piece), 0);
    case LP_TO_IMPORT:
      if (fixup->import->type == STT_FUNC || fixup->import->type == STT_GNU_IFUNC)
        flags |= LP_ENTITY_IMPORT_FUNCTION;
      if (fixup->import->is_weak && fixup->import->is_import)
        flags |= LP_ENTITY_IMPORT_WEAK;
      return lp_entity_writer_add_symbol (emitter->writer, LP_ENTITY_SYMBOL_IMPORT, fixup->import->name,
                                          fixup->import->version, flags, 0, 0);
    default:
      return lp_entity_writer_add_symbol (emitter->writer, LP_ENTITY_SYMBOL_TARGET, fixup->name, NULL, 0,
                                          fixup->address, 0);
    }
}

static gboolean
apply_fixup (Emitter *emitter, const Fixup *fixup, GError **error)
{
  const LpRelocInfo *info = emitter->diff->arch->reloc_info (fixup->type);
  guint64 p = lp_entity_writer_address (emitter->writer, fixup->piece) + fixup->offset;
  gsize size;
  guint8 *bytes = lp_entity_writer_bytes (emitter->writer, fixup->piece, &size);
  gboolean relative
      = info->kind == LP_RELOC_PC || info->kind == LP_RELOC_PLT || info->kind == LP_RELOC_GOT_PC;

  if (bytes == NULL || fixup->offset > size)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "relocation outside of its section (\"%s\")", fixup->name);
      return FALSE;
    }
  if (fixup->kind == LP_TO_NUMBER)
    return emitter->diff->arch->relocate (fixup->type, bytes + fixup->offset, size - fixup->offset, p, 0,
                                          fixup->addend, error);
  if (fixup->kind == LP_TO_IMAGE && relative)
    return emitter->diff->arch->relocate (fixup->type, bytes + fixup->offset, size - fixup->offset, p,
                                          lp_entity_writer_address (emitter->writer, fixup->to_piece),
                                          fixup->addend, error);

  if (fixup->kind == LP_TO_IMAGE && info->width < 8)
    emitter->flags |= LP_ENTITY_LOW32;
  lp_entity_writer_add_relocation (emitter->writer, p, fixup->type, fixup_symbol (emitter, fixup),
                                   fixup->addend);
  return TRUE;
}

static gboolean
add_replaced (Emitter *emitter, guint i, GPtrArray *functions, GError **error)
{
  const LpArch *arch = emitter->diff->arch;
  LpPiece *piece = emitter->replaced->pdata[i], *old = piece->peer;
  const LpRedirect *redirect = &g_array_index (emitter->redirects, LpRedirect, i);
  guint stub = g_array_index (emitter->stubs, guint, i);
  LpEntityFunction function = { .flags = redirect->flags,
                                .old_address = old->address,
                                .old_size = old->linked_size,
                                .new_size = piece->size,
                                .site_offset = redirect->site_offset,
                                .site_size = arch->redirect_size };
  gsize size;
  guint8 *code = lp_entity_writer_bytes (emitter->writer, stub, &size);

  function.new_address = lp_entity_writer_address (emitter->writer, (guint)piece->writer_piece);
  function.stub_address = lp_entity_writer_address (emitter->writer, stub);
  gsize jump = size - arch->redirect_size;
  if (!arch->encode_redirect (function.stub_address + jump, function.new_address, code + jump, error))
    return FALSE;

  const guint8 *site
      = lp_elf_at (emitter->diff->target->shipped, old->address + redirect->site_offset, arch->redirect_size);
  if (site == NULL || arch->redirect_size > sizeof function.site_original)
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL, "%s: no code at the place of the redirect",
                    piece->name);
      return FALSE;
    }
  memcpy (function.site_original, site, arch->redirect_size);
  guint index = lp_entity_writer_add_function (emitter->writer, piece->name, &function);
  for (guint k = 0; old->parts != NULL && k < old->parts->len; k++)
    {
      const LpPiece *part = old->parts->pdata[k];
      lp_entity_writer_add_range (emitter->writer, index, part->address, part->linked_size);
    }

  LpManifestFunction *entry = lp_manifest_function_new ();
  entry->name = g_strdup (piece->name);
  entry->kind = g_strdup ("changed");
  entry->address = old->address;
  entry->size = old->linked_size;
  entry->unit = g_strdup (lp_diff_unit_of (emitter->diff, piece)->file);
  entry->proof = g_strdup ("identical");
  entry->redirect = g_strdup (redirect->flags & LP_FUNCTION_AT_ENTRY ? "at-entry" : "after-entry");
  g_ptr_array_add (functions, entry);
  return TRUE;
}

static void
add_names (Emitter *emitter, GPtrArray *functions)
{
  for (guint i = 0; i < emitter->replaced->len; i++)
    {
      const LpPiece *piece = emitter->replaced->pdata[i];
      guint stub = g_array_index (emitter->stubs, guint, i);
      gsize size;
      g_autofree char *name = g_strconcat (piece->name, ".stub", NULL);
      lp_entity_writer_bytes (emitter->writer, stub, &size);
      lp_entity_writer_add_debug_symbol (emitter->writer, name, STT_FUNC, stub, 0, size);
    }
  for (guint i = 0; i < emitter->diff->selected->len; i++)
    {
      const LpPiece *piece = emitter->diff->selected->pdata[i];
      if (piece->symbol == NULL)
        continue;
      lp_entity_writer_add_debug_symbol (emitter->writer, piece->name,
                                         piece->kind == LP_PIECE_FUNCTION ? STT_FUNC : STT_OBJECT,
                                         (guint)piece->writer_piece, 0, piece->size);
      if (piece->kind != LP_PIECE_FUNCTION || piece->parent != NULL || piece->peer != NULL)
        continue;
      LpManifestFunction *entry = lp_manifest_function_new ();
      entry->name = g_strdup (piece->name);
      entry->kind = g_strdup ("new");
      entry->size = piece->size;
      entry->unit = g_strdup (lp_diff_unit_of (emitter->diff, piece)->file);
      entry->proof = g_strdup ("");
      entry->redirect = g_strdup ("");
      g_ptr_array_add (functions, entry);
    }
}

static gboolean
fill_in (Emitter *emitter, LpFrames *frames, GPtrArray *functions, GError **error)
{
  if (!lp_entity_writer_lay_out (emitter->writer, error) || !lp_frames_finish (frames, error))
    return FALSE;
  for (guint i = 0; i < emitter->fixups->len; i++)
    if (!apply_fixup (emitter, &g_array_index (emitter->fixups, Fixup, i), error))
      return FALSE;
  for (guint i = 0; i < emitter->replaced->len; i++)
    if (!add_replaced (emitter, i, functions, error))
      return FALSE;
  add_names (emitter, functions);
  lp_entity_writer_set_flags (emitter->writer, emitter->flags);
  return TRUE;
}

static void
emitter_clear (Emitter *emitter)
{
  g_clear_pointer (&emitter->writer, lp_entity_writer_free);
  g_clear_pointer (&emitter->fixups, g_array_unref);
  g_clear_pointer (&emitter->shared, g_hash_table_unref);
  g_clear_pointer (&emitter->redirects, g_array_unref);
  g_clear_pointer (&emitter->stubs, g_array_unref);
  g_clear_pointer (&emitter->replaced, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Emitter, emitter_clear)

GBytes *
lp_emit (LpDiff *diff, GPtrArray *functions, GError **error)
{
  g_auto (Emitter) emitter = { .diff = diff };
  gsize build_id_size = 0;
  const guint8 *build_id = lp_elf_build_id (diff->request->shipped, &build_id_size);

  emitter.writer = lp_entity_writer_new (diff->arch->machine, diff->arch->page_size, diff->request->uuid,
                                         build_id, build_id_size, error);
  if (emitter.writer == NULL)
    return NULL;
  emitter.fixups = g_array_new (FALSE, FALSE, sizeof (Fixup));
  emitter.shared = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  emitter.redirects = g_array_new (FALSE, FALSE, sizeof (LpRedirect));
  emitter.stubs = g_array_new (FALSE, FALSE, sizeof (guint));
  emitter.replaced = g_ptr_array_new ();

  g_autoptr (LpFrames) frames = lp_frames_new (diff->arch, emitter.writer);
  if (!plan_redirects (&emitter, error))
    return NULL;
  add_selected (&emitter);
  for (guint i = 0; i < diff->units->len; i++)
    {
      LpUnitState *unit = diff->units->pdata[i];
      if (unit->patched != NULL && !lp_frames_add (frames, unit->patched, error))
        return NULL;
    }
  if (!collect_references (&emitter, error) || !fill_in (&emitter, frames, functions, error))
    return NULL;
  return lp_entity_writer_finish (emitter.writer, error);
}
