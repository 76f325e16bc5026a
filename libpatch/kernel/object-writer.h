/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes an ELF64 object file (ET_REL) from sections, symbols and relocations. Must not know what is in them.
 * Source: System V gABI chapters 4-5; Documentation/livepatch/module-elf-format.rst for the second kind of
 * relocation section. */
#pragma once

#include <elf.h>
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct LpObjectWriter LpObjectWriter;

LpObjectWriter *lp_object_writer_new (guint16 machine);
void lp_object_writer_free (LpObjectWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpObjectWriter, lp_object_writer_free)

/* Adds a section; gives its index in the file, from 1 on in the order of the calls. @align: a power of two,
 * or 0. */
guint lp_object_writer_section (LpObjectWriter *writer, const char *name, guint32 type, guint64 flags,
                                guint64 align, guint64 entry_size);
/* The first section of this name, 0 when there is none. */
guint lp_object_writer_find_section (LpObjectWriter *writer, const char *name);
/* Appends @size bytes (zeroes when @bytes is NULL; nothing but the size counts for SHT_NOBITS) at the next
 * multiple of @align, which the section takes over when it is larger; gives where they begin. */
guint64 lp_object_writer_append (LpObjectWriter *writer, guint section, const void *bytes, gsize size,
                                 guint64 align);
/* For SHF_LINK_ORDER. */
void lp_object_writer_link (LpObjectWriter *writer, guint section, guint link);

typedef struct {
  const char *name;
  guint8 bind;
  guint8 type;
  guint8 visibility;
  guint16 shndx; /* index of a section of this writer, or SHN_UNDEF, SHN_ABS ... */
  guint64 value;
  guint64 size;
} LpObjectSymbol;

/* Adds a symbol; gives a handle for relocations (the file lists local ones first). */
guint lp_object_writer_symbol (LpObjectWriter *writer, const LpObjectSymbol *symbol);

/* @livepatch: (nullable): the kernel object whose loading applies it: the relocation goes to
 * .klp.rela.@livepatch.SECTION. @symbol: a handle, 0 for none. */
void lp_object_writer_relocation (LpObjectWriter *writer, guint section, const char *livepatch,
                                  guint64 offset, guint32 type, guint symbol, gint64 addend);

/* The file. The writer can't be used any more. Errors: LP_ERROR_LIMITS_EXCEEDED (more sections than the
 * header can count). */
GBytes *lp_object_writer_finish (LpObjectWriter *writer, GError **error);

G_END_DECLS
