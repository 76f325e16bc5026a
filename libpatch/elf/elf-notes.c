/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes, and the Build-ID in them. Must not know where notes are found in a file that was opened as an LpElf.
 * Sources: gABI "Note section"; ld(1) --build-id; Linux Extensions to gABI for the alignment of 8. */
#include "elf/elf-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* More than linkers ever write; keeps a hostile file from making us read much. */
#define PEEK_SEGMENTS_MAX 256
#define PEEK_NOTE_MAX (64 * 1024)
#define BUILD_ID_MAX 64 /* bytes; SHA-1 has 20 */

const guint8 *
lp_elf_find_build_id (const guint8 *notes, gsize size, guint64 align, gsize *build_id_size)
{
  guint64 unit = align == 8 ? 8 : 4;

  for (guint64 at = 0; lp_span_inside (at, sizeof (Elf64_Nhdr), size);)
    {
      Elf64_Nhdr note;
      memcpy (&note, notes + at, sizeof note);

      guint64 name = at + sizeof note;
      guint64 desc = lp_align_up (name + note.n_namesz, unit);
      if (!lp_span_inside (name, note.n_namesz, size) || !lp_span_inside (desc, note.n_descsz, size))
        return NULL;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU
          && memcmp (notes + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0)
        {
          gboolean sane = note.n_descsz > 0 && note.n_descsz <= BUILD_ID_MAX;
          *build_id_size = sane ? note.n_descsz : 0;
          return sane ? notes + desc : NULL;
        }
      at = lp_align_up (desc + note.n_descsz, unit);
    }
  return NULL;
}

static gboolean
read_at (int fd, void *buffer, gsize size, guint64 offset)
{
  ssize_t n;

  if (offset > G_MAXINT64)
    return FALSE;
  do
    n = pread (fd, buffer, size, offset);
  while (n < 0 && errno == EINTR);
  return n >= 0 && (gsize)n == size;
}

static GBytes *
peek_note_segment (int fd, const Elf64_Phdr *segment)
{
  g_autofree guint8 *notes = NULL;
  const guint8 *build_id;
  gsize size = 0;

  if (segment->p_filesz == 0 || segment->p_filesz > PEEK_NOTE_MAX)
    return NULL;
  notes = g_malloc (segment->p_filesz);
  if (!read_at (fd, notes, segment->p_filesz, segment->p_offset))
    return NULL;
  build_id = lp_elf_find_build_id (notes, segment->p_filesz, segment->p_align, &size);
  return build_id != NULL ? g_bytes_new (build_id, size) : NULL;
}

GBytes *
lp_elf_peek_build_id_fd (int fd)
{
  Elf64_Ehdr header;

  if (!read_at (fd, &header, sizeof header, 0) || memcmp (header.e_ident, ELFMAG, SELFMAG) != 0
      || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB
      || header.e_phentsize != sizeof (Elf64_Phdr) || header.e_phoff > G_MAXINT64)
    return NULL;

  guint n = MIN (header.e_phnum, PEEK_SEGMENTS_MAX);
  for (guint i = 0; i < n; i++)
    {
      Elf64_Phdr segment;

      if (!read_at (fd, &segment, sizeof segment, header.e_phoff + (guint64)i * sizeof segment))
        return NULL;
      GBytes *build_id = segment.p_type == PT_NOTE ? peek_note_segment (fd, &segment) : NULL;
      if (build_id != NULL)
        return build_id;
    }
  return NULL;
}
