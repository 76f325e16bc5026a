/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collects the pieces and tables of an entity and lays out its image. Must not know the ELF file around them:
 * entity-file.c. */
#include "format/entity-writer-private.h"

#include <string.h>

#include "base/error.h"
#include "base/span.h"
#include "base/text.h"

#define FRAME_HEADER_FIXED                                                                                   \
  12 /* bytes of .eh_frame_hdr before its table; LSB Core, "The .eh_frame_hdr section" */
#define FRAME_HEADER_ROW 8

void
lp_writer_strings_init (LpWriterStrings *strings)
{
  strings->bytes = g_byte_array_new ();
  strings->offsets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  lp_writer_strings_add (strings, "");
}

void
lp_writer_strings_clear (LpWriterStrings *strings)
{
  g_byte_array_unref (strings->bytes);
  g_hash_table_unref (strings->offsets);
}

guint32
lp_writer_strings_add (LpWriterStrings *strings, const char *text)
{
  gpointer known;

  if (g_hash_table_lookup_extended (strings->offsets, text, NULL, &known))
    return GPOINTER_TO_UINT (known);

  guint32 offset = strings->bytes->len;
  g_byte_array_append (strings->bytes, (const guint8 *)text, strlen (text) + 1);
  g_hash_table_insert (strings->offsets, g_strdup (text), GUINT_TO_POINTER (offset));
  return offset;
}

LpEntityWriter *
lp_entity_writer_new (guint16 machine, guint page_size, const char *uuid, const guint8 *build_id,
                      gsize build_id_size, GError **error)
{
  g_autoptr (LpEntityWriter) writer = g_new0 (LpEntityWriter, 1);

  g_return_val_if_fail (lp_is_power_of_two (page_size), NULL);
  writer->machine = machine;
  writer->page_size = page_size;
  writer->identity.version = LP_ENTITY_VERSION;
  writer->pieces = g_array_new (FALSE, TRUE, sizeof (LpWriterPiece));
  writer->fdes = g_array_new (FALSE, TRUE, sizeof (LpWriterFde));
  writer->functions = g_array_new (FALSE, TRUE, sizeof (LpEntityFunction));
  writer->ranges = g_array_new (FALSE, TRUE, sizeof (LpEntityRange));
  writer->symbols = g_array_new (FALSE, TRUE, sizeof (LpEntitySymbol));
  writer->relocations = g_array_new (FALSE, TRUE, sizeof (LpEntityRelocation));
  writer->debug_symbols = g_array_new (FALSE, TRUE, sizeof (LpWriterDebugSymbol));
  writer->symbol_indexes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  lp_writer_strings_init (&writer->strings);
  lp_writer_strings_init (&writer->debug_strings);
  for (guint i = 0; i < LP_ENTITY_N_PARTS; i++)
    {
      writer->parts[i].bytes = i == LP_ENTITY_BSS ? NULL : g_byte_array_new ();
      writer->parts[i].align = i == LP_ENTITY_EH_FRAME ? 8 : 1;
    }

  if (!lp_uuid_parse (uuid, writer->identity.uuid))
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "entity: the patch's uuid is malformed: %s", uuid);
      return NULL;
    }
  if (build_id_size > LP_BUILD_ID_MAX)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL,
                    "entity: the target's Build-ID has %" G_GSIZE_FORMAT " bytes, more than %u",
                    build_id_size, LP_BUILD_ID_MAX);
      return NULL;
    }
  writer->identity.build_id_size = build_id_size;
  if (build_id_size > 0)
    memcpy (writer->identity.build_id, build_id, build_id_size);
  return g_steal_pointer (&writer);
}

void
lp_entity_writer_free (LpEntityWriter *writer)
{
  g_array_unref (writer->pieces);
  g_array_unref (writer->fdes);
  g_array_unref (writer->functions);
  g_array_unref (writer->ranges);
  g_array_unref (writer->symbols);
  g_array_unref (writer->relocations);
  g_array_unref (writer->debug_symbols);
  g_hash_table_unref (writer->symbol_indexes);
  lp_writer_strings_clear (&writer->strings);
  lp_writer_strings_clear (&writer->debug_strings);
  for (guint i = 0; i < LP_ENTITY_N_PARTS; i++)
    g_clear_pointer (&writer->parts[i].bytes, g_byte_array_unref);
  g_free (writer);
}

/* Lengthens a part to @size; gaps in code trap where the machine has a one-byte trap, and are zero elsewhere.
 */
static void
extend (LpEntityWriter *writer, LpEntityPart index, guint64 size)
{
  LpWriterPart *part = &writer->parts[index];
  guint8 filler = index == LP_ENTITY_TEXT && writer->machine == EM_X86_64 ? 0xcc /* int3 */ : 0;
  guint64 before = part->size;

  part->size = size;
  if (part->bytes == NULL || size == before)
    return;
  g_byte_array_set_size (part->bytes, size);
  memset (part->bytes->data + before, filler, size - before);
}

guint
lp_entity_writer_add_piece (LpEntityWriter *writer, LpEntityPart part, const guint8 *bytes, gsize size,
                            gsize align)
{
  g_return_val_if_fail (writer->step == LP_WRITER_COLLECT && part < LP_ENTITY_N_PARTS, 0);
  g_return_val_if_fail (lp_is_power_of_two (align) && (bytes == NULL || part != LP_ENTITY_BSS), 0);
  g_return_val_if_fail (part != LP_ENTITY_EH_FRAME || size % 4 == 0, 0);

  LpWriterPart *target = &writer->parts[part];
  if (size > LP_ENTITY_IMAGE_MAX || align > LP_ENTITY_IMAGE_MAX || target->size > LP_ENTITY_IMAGE_MAX)
    {
      writer->too_large
          = TRUE; /* an object can claim any size: lay_out() refuses, until then nothing is allocated */
      size = 0;
      align = 1;
    }
  if (part != LP_ENTITY_EH_FRAME)
    {
      target->align = MAX (target->align, align);
      extend (writer, part, lp_align_up (target->size, align));
    }

  LpWriterPiece piece = { part, target->size, size };
  extend (writer, part, target->size + size);
  if (target->bytes != NULL && size > 0 && bytes != NULL)
    memcpy (target->bytes->data + piece.offset, bytes, size);
  else if (target->bytes != NULL && size > 0)
    memset (target->bytes->data + piece.offset, 0, size);
  g_array_append_val (writer->pieces, piece);
  return writer->pieces->len - 1;
}

void
lp_entity_writer_add_fde (LpEntityWriter *writer, guint frame, gsize fde_offset, guint text,
                          gsize text_offset)
{
  LpWriterFde fde = { .frame = frame, .text = text, .frame_offset = fde_offset, .text_offset = text_offset };

  g_return_if_fail (writer->step == LP_WRITER_COLLECT && frame < writer->pieces->len
                    && text < writer->pieces->len);
  g_return_if_fail (g_array_index (writer->pieces, LpWriterPiece, frame).part == LP_ENTITY_EH_FRAME);
  g_array_append_val (writer->fdes, fde);
}

void
lp_entity_writer_set_function_count (LpEntityWriter *writer, guint n)
{
  g_return_if_fail (writer->step == LP_WRITER_COLLECT);
  writer->n_functions = n;
}

static guint64
place (LpWriterPart *part, guint64 cursor)
{
  part->address = lp_align_up (cursor, part->align);
  return part->address + part->size;
}

/* Without pieces, no table and no terminator. */
static guint64
place_frames (LpEntityWriter *writer, guint64 cursor)
{
  LpWriterPart *frames = &writer->parts[LP_ENTITY_EH_FRAME];

  if (frames->size == 0)
    return place (frames, cursor);
  extend (writer, LP_ENTITY_EH_FRAME, frames->size + 4);
  writer->frame_header_address = lp_align_up (cursor, 4);
  writer->frame_header_size = FRAME_HEADER_FIXED + (guint64)writer->fdes->len * FRAME_HEADER_ROW;
  return place (frames, writer->frame_header_address + writer->frame_header_size);
}

gboolean
lp_entity_writer_lay_out (LpEntityWriter *writer, GError **error)
{
  g_return_val_if_fail (writer->step == LP_WRITER_COLLECT, FALSE);
  LpWriterPart *parts = writer->parts;
  gboolean has_frames = parts[LP_ENTITY_EH_FRAME].size > 0;
  gboolean has_data = parts[LP_ENTITY_DATA].size + parts[LP_ENTITY_BSS].size > 0;

  writer->n_segments = 2 + has_frames + has_data; /* the code and the note always */
  guint64 cursor = lp_align_up (LP_ENTITY_NOTE_OFFSET + sizeof (LpEntityNote), 8);
  cursor += writer->n_segments * sizeof (Elf64_Phdr);
  writer->identity.sites = cursor;
  cursor += writer->n_functions * sizeof (LpEntitySite);
  cursor = place (&parts[LP_ENTITY_GOT], cursor);
  cursor = place (&parts[LP_ENTITY_TEXT], cursor);
  cursor = place (&parts[LP_ENTITY_RODATA], cursor);
  cursor = place_frames (writer, cursor);
  writer->text_end = cursor;

  if (has_data)
    {
      writer->data_start = lp_align_up (cursor, MAX (writer->page_size, MAX (parts[LP_ENTITY_DATA].align,
                                                                             parts[LP_ENTITY_BSS].align)));
      writer->data_file_end = place (&parts[LP_ENTITY_DATA], writer->data_start);
      cursor = writer->data_end = place (&parts[LP_ENTITY_BSS], writer->data_file_end);
    }
  writer->identity.image_size = lp_align_up (cursor, writer->page_size);
  if (writer->too_large || cursor > LP_ENTITY_IMAGE_MAX)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "entity: the new code and data need more than the limit of %u bytes",
                    LP_ENTITY_IMAGE_MAX);
      return FALSE;
    }
  writer->step = LP_WRITER_FILL;
  return TRUE;
}

guint64
lp_entity_writer_address (LpEntityWriter *writer, guint piece)
{
  g_return_val_if_fail (writer->step == LP_WRITER_FILL && piece < writer->pieces->len, 0);
  const LpWriterPiece *found = &g_array_index (writer->pieces, LpWriterPiece, piece);

  return writer->parts[found->part].address + found->offset;
}

guint8 *
lp_entity_writer_bytes (LpEntityWriter *writer, guint piece, gsize *size)
{
  g_return_val_if_fail (writer->step == LP_WRITER_FILL && piece < writer->pieces->len, NULL);
  const LpWriterPiece *found = &g_array_index (writer->pieces, LpWriterPiece, piece);
  GByteArray *bytes = writer->parts[found->part].bytes;

  *size = found->size;
  return bytes != NULL ? bytes->data + found->offset : NULL;
}

void
lp_entity_writer_set_flags (LpEntityWriter *writer, guint32 flags)
{
  g_return_if_fail (writer->step == LP_WRITER_FILL);
  writer->identity.flags = flags;
}

guint
lp_entity_writer_add_function (LpEntityWriter *writer, const char *name, const LpEntityFunction *function)
{
  g_return_val_if_fail (writer->step == LP_WRITER_FILL, 0);
  LpEntityFunction copy = *function;

  copy.name = lp_writer_strings_add (&writer->strings, name);
  g_array_append_val (writer->functions, copy);
  return writer->functions->len - 1;
}

void
lp_entity_writer_add_range (LpEntityWriter *writer, guint function, guint64 address, guint64 size)
{
  g_return_if_fail (writer->step == LP_WRITER_FILL);
  LpEntityRange range = { .function = function, .address = address, .size = size };

  g_array_append_val (writer->ranges, range);
}

guint
lp_entity_writer_add_symbol (LpEntityWriter *writer, LpEntitySymbolKind kind, const char *name,
                             const char *version, guint32 flags, guint64 value, guint64 size)
{
  g_return_val_if_fail (writer->step == LP_WRITER_FILL, 0);
  LpEntitySymbol symbol = {
    .name = lp_writer_strings_add (&writer->strings, name),
    .version = version != NULL ? lp_writer_strings_add (&writer->strings, version) : 0,
    .kind = kind,
    .flags = flags,
    .value = value,
    .size = size,
  };
  g_autofree char *key = g_strdup_printf ("%u %u %u %u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, symbol.name,
                                          symbol.version, symbol.kind, symbol.flags, value, size);
  gpointer known;

  if (g_hash_table_lookup_extended (writer->symbol_indexes, key, NULL, &known))
    return GPOINTER_TO_UINT (known);
  g_array_append_val (writer->symbols, symbol);
  g_hash_table_insert (writer->symbol_indexes, g_steal_pointer (&key),
                       GUINT_TO_POINTER (writer->symbols->len - 1));
  return writer->symbols->len - 1;
}

void
lp_entity_writer_add_relocation (LpEntityWriter *writer, guint64 offset, guint32 type, guint symbol,
                                 gint64 addend)
{
  g_return_if_fail (writer->step == LP_WRITER_FILL && symbol < writer->symbols->len);
  LpEntityRelocation relocation = { .offset = offset, .type = type, .symbol = symbol, .addend = addend };

  g_array_append_val (writer->relocations, relocation);
}

void
lp_entity_writer_add_debug_symbol (LpEntityWriter *writer, const char *name, guint8 type, guint piece,
                                   gsize offset, gsize size)
{
  g_return_if_fail (writer->step == LP_WRITER_FILL && piece < writer->pieces->len);
  LpWriterDebugSymbol symbol = {
    .name = lp_writer_strings_add (&writer->debug_strings, name),
    .type = type,
    .piece = piece,
    .offset = offset,
    .size = size,
  };

  g_array_append_val (writer->debug_symbols, symbol);
}

GBytes *
lp_entity_writer_finish (LpEntityWriter *writer, GError **error)
{
  g_autoptr (GError) reason = NULL;

  g_return_val_if_fail (writer->step == LP_WRITER_FILL, NULL);
  if (writer->functions->len != writer->n_functions)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "new entity: %u functions were announced, %u added",
                    writer->n_functions, writer->functions->len);
      return NULL;
    }
  writer->identity.n_functions = writer->n_functions;
  g_autoptr (GBytes) file = lp_writer_make_file (writer);
  writer->step = LP_WRITER_DONE;

  g_autoptr (LpEntity) entity = lp_entity_new (file, "new entity", &reason);
  if (entity == NULL)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", reason->message);
      return NULL;
    }
  return g_steal_pointer (&file);
}
