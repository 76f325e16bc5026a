/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What collecting and laying out (entity-writer.c) hands over to making the file (entity-file.c). */
#pragma once

#include "format/entity-private.h"
#include "format/entity-writer.h"

G_BEGIN_DECLS

typedef enum { LP_WRITER_COLLECT, LP_WRITER_FILL, LP_WRITER_DONE } LpWriterStep;

typedef struct {
  LpEntityPart part;
  guint64 offset; /* in its part */
  guint64 size;
} LpWriterPiece;

/* One output section made of pieces. */
typedef struct {
  GByteArray *bytes; /* NULL for .bss */
  guint64 size;
  guint64 align;
  guint64 address; /* after laying out */
} LpWriterPart;

/* A row of .eh_frame_hdr's table: pieces and offsets in them. */
typedef struct {
  guint frame, text;
  guint64 frame_offset, text_offset;
} LpWriterFde;

typedef struct {
  guint32 name; /* in debug_strings */
  guint8 type;
  guint piece;
  guint64 offset;
  guint64 size;
} LpWriterDebugSymbol;

/* NUL-terminated strings, each once; offset 0 is "". */
typedef struct {
  GByteArray *bytes;
  GHashTable *offsets; /* char* -> offset */
} LpWriterStrings;

struct LpEntityWriter {
  LpWriterStep step;
  guint16 machine;
  guint page_size;
  LpEntityIdentity identity;

  gboolean too_large; /* a piece was beyond the limit */
  GArray *pieces;     /* LpWriterPiece */
  LpWriterPart parts[LP_ENTITY_N_PARTS];
  GArray *fdes;                                    /* LpWriterFde */
  guint64 frame_header_address, frame_header_size; /* .eh_frame_hdr; size 0 when there is no .eh_frame */
  guint n_segments;
  guint n_functions; /* as announced */
  guint64 text_end;
  guint64 data_start, data_file_end, data_end; /* equal when there is no data */

  GArray *functions, *ranges, *symbols, *relocations; /* as in the file */
  GHashTable *symbol_indexes;                         /* char* key -> index */
  LpWriterStrings strings;
  GArray *debug_symbols; /* LpWriterDebugSymbol */
  LpWriterStrings debug_strings;
};

void lp_writer_strings_init (LpWriterStrings *strings);
void lp_writer_strings_clear (LpWriterStrings *strings);
guint32 lp_writer_strings_add (LpWriterStrings *strings, const char *text);

/* The ELF file of a writer that was laid out and filled. */
GBytes *lp_writer_make_file (LpEntityWriter *writer);

G_END_DECLS
