/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unwind information: copies CIEs and FDEs of selected functions. Must not know why they were selected. */
#include "diff/frame.h"

#include <string.h>

#include "base/error.h"

#define RECORD_ALIGN 8
#define LENGTH_SIZE 4 /* the record's length field, which doesn't count itself */
#define CIE_POINTER 4 /* offset of the CIE pointer (FDE) or the zero id (CIE) */
#define PC_BEGIN 8    /* offset of the FDE's first address */
#define ENCODING_PCREL_SDATA4 0x1b

typedef struct {
  guint frame;   /* writer piece */
  guint cie;     /* writer piece */
  guint text;    /* writer piece of the function */
  gint64 offset; /* of the described code in it */
} Fde;

struct LpFrames {
  const LpArch *arch;
  LpEntityWriter *writer;
  GArray *fdes;
  GHashTable *cies; /* GBytes -> writer piece + 1 */
};

LpFrames *
lp_frames_new (const LpArch *arch, LpEntityWriter *writer)
{
  LpFrames *frames = g_new0 (LpFrames, 1);

  frames->arch = arch;
  frames->writer = writer;
  frames->fdes = g_array_new (FALSE, FALSE, sizeof (Fde));
  frames->cies = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
  return frames;
}

void
lp_frames_free (LpFrames *frames)
{
  g_array_unref (frames->fdes);
  g_hash_table_unref (frames->cies);
  g_free (frames);
}

static guint32
load32 (const guint8 *bytes)
{
  guint32 value;
  memcpy (&value, bytes, sizeof value);
  return GUINT32_FROM_LE (value);
}

static void
store32 (guint8 *bytes, guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (bytes, &value, sizeof value);
}

/* Skips one LEB128 number; NULL at the end of the record. */
static const guint8 *
skip_leb128 (const guint8 *p, const guint8 *end)
{
  while (p < end && (*p & 0x80) != 0)
    p++;
  return p < end ? p + 1 : NULL;
}

/* Only CIEs whose FDEs hold a 32-bit PC-relative address and no language-specific data. */
static gboolean
cie_is_plain (const guint8 *cie, gsize size)
{
  const guint8 *end = cie + size, *p = cie + 2 * LENGTH_SIZE;
  if (size < 2 * LENGTH_SIZE + 2 || *p++ != 1)
    return FALSE;

  const char *augmentation = (const char *)p;
  p = memchr (p, 0, (gsize)(end - p));
  if (p == NULL)
    return FALSE;
  p++;
  for (int i = 0; i < 3 && p != NULL; i++) /* code and data alignment, return address register */
    p = skip_leb128 (p, end);
  if (p != NULL)
    p = skip_leb128 (p, end); /* length of augmentation data */
  if (p == NULL || augmentation[0] != 'z')
    return FALSE;
  for (const char *a = augmentation + 1; *a != '\0'; a++)
    {
      if (*a == 'S')
        continue;
      if (*a != 'R' || p >= end || *p++ != ENCODING_PCREL_SDATA4)
        return FALSE;
    }
  return TRUE;
}

/* A record, padded with DW_CFA_nop so that the next one is aligned. */
static guint
add_record (LpFrames *frames, const guint8 *bytes, gsize size)
{
  gsize padded = (size + RECORD_ALIGN - 1) & ~(gsize)(RECORD_ALIGN - 1);
  g_autofree guint8 *copy = g_malloc0 (padded);

  memcpy (copy, bytes, size);
  store32 (copy, (guint32)(padded - LENGTH_SIZE));
  return lp_entity_writer_add_piece (frames->writer, LP_ENTITY_EH_FRAME, copy, padded, RECORD_ALIGN);
}

static guint
add_cie (LpFrames *frames, const guint8 *cie, gsize size)
{
  GBytes *key = g_bytes_new (cie, size);
  guint known = GPOINTER_TO_UINT (g_hash_table_lookup (frames->cies, key));

  if (known != 0)
    {
      g_bytes_unref (key);
      return known - 1;
    }
  guint piece = add_record (frames, cie, size);
  g_hash_table_insert (frames->cies, key, GUINT_TO_POINTER (piece + 1));
  return piece;
}

typedef struct {
  LpObject *object;
  const guint8 *bytes;
  gsize size;
  GArray *relocations;
  guint next; /* first relocation at or behind the record at hand */
} Table;

static gboolean
refuse (const Table *table, GError **error, const char *what)
{
  lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: .eh_frame: %s", table->object->unit, what);
  return FALSE;
}

/* The function that the FDE at [@at, @at + @size) describes; NULL in @piece when it isn't one that goes
 * along. */
static gboolean
described_piece (Table *table, gsize at, gsize size, LpPiece **piece, gint64 *offset, GError **error)
{
  LpObject *object = table->object;
  guint n = 0;

  *piece = NULL;
  while (table->next < table->relocations->len
         && g_array_index (table->relocations, LpElfRelocation, table->next).offset < at)
    table->next++;
  for (guint i = table->next; i < table->relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (table->relocations, LpElfRelocation, i);
      if (r->offset >= at + size)
        break;
      n++;
      if (r->offset != at + PC_BEGIN || r->symbol >= object->n_symbols)
        continue;

      const LpElfSymbol *symbol = &object->symbols[r->symbol];
      LpPiece *named = object->by_symbol[r->symbol];
      gint64 place = (gint64)symbol->value + r->addend;
      GPtrArray *pieces = named != NULL ? object->by_section[named->section] : NULL;
      for (guint k = 0; pieces != NULL && k < pieces->len; k++)
        {
          LpPiece *candidate = pieces->pdata[k];
          if (place >= (gint64)candidate->start && place < (gint64)(candidate->start + candidate->size))
            {
              *piece = candidate;
              *offset = place - (gint64)candidate->start;
            }
        }
    }
  if (*piece == NULL || (*piece)->writer_piece < 0)
    *piece = NULL;
  else if (n != 1)
    return refuse (
        table, error,
        "a changed function has exception tables (cleanup attribute or C++), which aren't supported yet");
  return TRUE;
}

static gboolean
add_fde (LpFrames *frames, Table *table, gsize at, gsize size, GError **error)
{
  const guint8 *fde = table->bytes + at;
  guint32 back = load32 (fde + CIE_POINTER);
  LpPiece *piece;
  gint64 offset = 0;

  if (size < PC_BEGIN + 8 || back > at + CIE_POINTER)
    return refuse (table, error, "malformed record");
  if (!described_piece (table, at, size, &piece, &offset, error))
    return FALSE;
  if (piece == NULL)
    return TRUE;

  gsize cie_at = at + CIE_POINTER - back;
  if (cie_at + 2 * LENGTH_SIZE > table->size)
    return refuse (table, error, "malformed record");
  gsize cie_size = (gsize)load32 (table->bytes + cie_at) + LENGTH_SIZE;
  if (cie_size > table->size - cie_at || !cie_is_plain (table->bytes + cie_at, cie_size))
    return refuse (table, error, "a changed function has exception tables or an unknown address encoding");

  Fde entry = { .cie = add_cie (frames, table->bytes + cie_at, cie_size),
                .text = (guint)piece->writer_piece,
                .offset = offset };
  entry.frame = add_record (frames, fde, size);
  g_array_append_val (frames->fdes, entry);
  lp_entity_writer_add_fde (frames->writer, entry.frame, 0, entry.text, (gsize)offset);
  return TRUE;
}

static gboolean
add_section (LpFrames *frames, LpObject *object, const LpElfSection *section, GError **error)
{
  Table table = { .object = object };

  table.bytes = lp_elf_section_data (object->elf, section, &table.size);
  table.relocations = lp_elf_relocations (object->elf, section->index, error);
  if (table.relocations == NULL)
    return FALSE;

  for (gsize at = 0; table.bytes != NULL && at + LENGTH_SIZE <= table.size;)
    {
      guint32 length = load32 (table.bytes + at);
      if (length == 0)
        break;
      if (length == G_MAXUINT32 || length < LENGTH_SIZE || length > table.size - at - LENGTH_SIZE)
        return refuse (&table, error, "malformed record");
      if (load32 (table.bytes + at + CIE_POINTER) != 0
          && !add_fde (frames, &table, at, (gsize)length + LENGTH_SIZE, error))
        return FALSE;
      at += (gsize)length + LENGTH_SIZE;
    }
  return TRUE;
}

gboolean
lp_frames_add (LpFrames *frames, LpObject *object, GError **error)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (object->elf, &n);

  for (guint i = 1; i < n; i++)
    if (strcmp (sections[i].name, ".eh_frame") == 0 && !add_section (frames, object, &sections[i], error))
      return FALSE;
  return TRUE;
}

gboolean
lp_frames_finish (LpFrames *frames, GError **error)
{
  for (guint i = 0; i < frames->fdes->len; i++)
    {
      const Fde *fde = &g_array_index (frames->fdes, Fde, i);
      guint64 at = lp_entity_writer_address (frames->writer, fde->frame);
      guint64 begin = lp_entity_writer_address (frames->writer, fde->text) + (guint64)fde->offset;
      gsize size;
      guint8 *bytes = lp_entity_writer_bytes (frames->writer, fde->frame, &size);

      store32 (bytes + CIE_POINTER,
               (guint32)(at + CIE_POINTER - lp_entity_writer_address (frames->writer, fde->cie)));
      store32 (bytes + PC_BEGIN, (guint32)(begin - (at + PC_BEGIN)));
    }
  return TRUE;
}
