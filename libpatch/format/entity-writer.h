/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lays out and writes an entity: takes pieces of code and data, gives each its image address, makes the ELF
 * file of entity.h. Must not know how the pieces were selected, what their relocations mean, or where the
 * file goes.
 *
 * In this order:
 *   1. lp_entity_writer_new()
 *   2. set_function_count(); add_piece() for every stub, function, constant, GOT slot, variable, and
 *      .eh_frame; add_fde() for its entries. A piece's bytes may still be unknown (NULL), its size may
 *      not.
 *   3. lay_out(): each piece now has its image address.
 *   4. Fill in the bytes: relocations between pieces (branch, PC-relative) can be resolved now, with
 *      image addresses for S and P: the distance stays the same in every process. Everything else
 *      becomes add_symbol() + add_relocation(). add_function(), add_range(), add_debug_symbol() in any
 *      order.
 *   5. finish(): the file. It has passed lp_entity_new().
 * The calls of one step may come in any order, but that order decides the layout: equal calls give equal
 * bytes. A call in the wrong step is a programming error (g_return_if_fail). */
#pragma once

#include "format/entity.h"

G_BEGIN_DECLS

typedef struct LpEntityWriter LpEntityWriter;

/* Where a piece goes. The first four share the r-x segment, in this order, with the headers and
 * .syscare.sites before them; DATA and BSS, if there are any, get the rw- segment, which starts on a page of
 * its own. */
typedef enum {
  LP_ENTITY_GOT,  /* .got: slots; one piece (size 8, bytes NULL) per slot, with an absolute relocation on it.
                     Close to the headers, because the process gets its own copy of what the engine writes to
                   */
  LP_ENTITY_TEXT, /* .text: stubs and functions */
  LP_ENTITY_RODATA, /* .rodata: constants, also those with relocations (the engine writes them before anything
                       runs) */
  LP_ENTITY_EH_FRAME, /* .eh_frame: CIEs and FDEs, laid end to end in the order they were added. Their size is
                         a multiple of 4 and @align is ignored: readers take padding for the end. The
                         terminating zero word is the writer's */
  LP_ENTITY_DATA,     /* .data */
  LP_ENTITY_BSS,      /* .bss: bytes NULL */
  LP_ENTITY_N_PARTS,
} LpEntityPart;

/**
 * lp_entity_writer_new:
 * @machine: EM_* of the target
 * @page_size: LpArch.page_size; segments are aligned to it
 * @uuid: Patch.Uuid, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
 * @build_id: (nullable): of the target, raw; NULL when it has none
 * @build_id_size: bytes, at most LP_BUILD_ID_MAX
 *
 * Errors: LP_ERROR_INVALID_ARGS (uuid or Build-ID malformed). Free with lp_entity_writer_free().
 */
LpEntityWriter *lp_entity_writer_new (guint16 machine, guint page_size, const char *uuid,
                                      const guint8 *build_id, gsize build_id_size, GError **error);
void lp_entity_writer_free (LpEntityWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpEntityWriter, lp_entity_writer_free)

/* Step 2. @bytes: (nullable): @size bytes, copied; NULL = zeroes. @align: power of two. Returns the piece's
 * index. */
guint lp_entity_writer_add_piece (LpEntityWriter *writer, LpEntityPart part, const guint8 *bytes, gsize size,
                                  gsize align);
/* Step 2. The FDE at @fde_offset of piece @frame (part EH_FRAME) describes the code from @text_offset of
 * piece @text on: becomes a row of .eh_frame_hdr's search table. */
void lp_entity_writer_add_fde (LpEntityWriter *writer, guint frame, gsize fde_offset, guint text,
                               gsize text_offset);

/* Step 2. How many add_function() calls will follow: .syscare.sites is loaded, so its size must be known. */
void lp_entity_writer_set_function_count (LpEntityWriter *writer, guint n);

/* Step 3. Errors: LP_ERROR_REFUSED when the image would be larger than LP_ENTITY_IMAGE_MAX. */
gboolean lp_entity_writer_lay_out (LpEntityWriter *writer, GError **error);

/* Step 4. Image address of a piece. */
guint64 lp_entity_writer_address (LpEntityWriter *writer, guint piece);
/* Step 4. The piece's bytes, writable, valid until finish(); NULL for BSS. */
guint8 *lp_entity_writer_bytes (LpEntityWriter *writer, guint piece, gsize *size);

/* Step 4. LP_ENTITY_* flags of the identity (LP_ENTITY_LOW32); the last call counts. */
void lp_entity_writer_set_flags (LpEntityWriter *writer, guint32 flags);

/* Step 4. @function with everything but its name offset filled in. Returns its index. Its row of
 * .syscare.sites is made from it. */
guint lp_entity_writer_add_function (LpEntityWriter *writer, const char *name,
                                     const LpEntityFunction *function);
/* Step 4. A further code range of function @function (.cold part), target address. */
void lp_entity_writer_add_range (LpEntityWriter *writer, guint function, guint64 address, guint64 size);
/* Step 4. @version: (nullable). Equal symbols get one index. */
guint lp_entity_writer_add_symbol (LpEntityWriter *writer, LpEntitySymbolKind kind, const char *name,
                                   const char *version, guint32 flags, guint64 value, guint64 size);
/* Step 4. @offset: image address of the place; @symbol: from add_symbol(). */
void lp_entity_writer_add_relocation (LpEntityWriter *writer, guint64 offset, guint32 type, guint symbol,
                                      gint64 addend);
/* Step 4. A local symbol for people and debuggers; @type: STT_FUNC or STT_OBJECT. */
void lp_entity_writer_add_debug_symbol (LpEntityWriter *writer, const char *name, guint8 type, guint piece,
                                        gsize offset, gsize size);

/* Step 5. The file; the caller frees it. The writer can only be freed afterwards.
 * Errors: LP_ERROR_FAILED when the result doesn't pass lp_entity_new() (its message says why). */
GBytes *lp_entity_writer_finish (LpEntityWriter *writer, GError **error);

G_END_DECLS
