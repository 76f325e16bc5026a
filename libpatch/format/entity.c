/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads an entity and hands out its tables. Must not know about processes. What is checked: entity-check.c.
 */
#include "format/entity-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"

gboolean
lp_entity_corrupt (const LpEntity *entity, GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *raw = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *what = lp_text_printable (raw);

  lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: %s", lp_elf_name (entity->elf), what);
  return FALSE;
}

/* A copy of a table: its place in the file may be misaligned. */
static gboolean
read_table (const LpEntity *entity, const char *name, gsize entry_size, gpointer *entries, guint *n,
            GError **error)
{
  const LpElfSection *section = lp_elf_section_by_name (entity->elf, name);
  gsize size;

  if (section == NULL)
    return lp_entity_corrupt (entity, error, "has no section %s", name);
  if ((section->flags & SHF_ALLOC) != 0)
    return lp_entity_corrupt (entity, error, "%s: must not be loaded", name);

  const guint8 *data = lp_elf_section_data (entity->elf, section, &size);
  if (section->type != SHT_PROGBITS || size % entry_size != 0)
    return lp_entity_corrupt (entity, error,
                              "%s: %" G_GSIZE_FORMAT " bytes are no table with entries of %" G_GSIZE_FORMAT,
                              name, size, entry_size);
  *entries = g_memdup2 (data, size);
  *n = size / entry_size;
  return TRUE;
}

static gboolean
read_strings (LpEntity *entity, GError **error)
{
  const LpElfSection *section = lp_elf_section_by_name (entity->elf, SECTION_STRINGS);

  if (section == NULL)
    return lp_entity_corrupt (entity, error, "has no section %s", SECTION_STRINGS);
  entity->strings = (const char *)lp_elf_section_data (entity->elf, section, &entity->strings_size);
  if (entity->strings_size == 0 || entity->strings[0] != '\0'
      || entity->strings[entity->strings_size - 1] != '\0')
    return lp_entity_corrupt (entity, error, "%s: does not begin and end with a NUL", SECTION_STRINGS);
  for (gsize at = 0; at < entity->strings_size; at += strlen (entity->strings + at) + 1)
    if (!g_utf8_validate (entity->strings + at, -1, NULL))
      return lp_entity_corrupt (entity, error, "%s: offset %" G_GSIZE_FORMAT " is not UTF-8", SECTION_STRINGS,
                                at);
  return TRUE;
}

static gboolean
read_tables (LpEntity *entity, GError **error)
{
  return read_strings (entity, error)
         && read_table (entity, SECTION_FUNCTIONS, sizeof *entity->functions, (gpointer *)&entity->functions,
                        &entity->n_functions, error)
         && read_table (entity, SECTION_RANGES, sizeof *entity->ranges, (gpointer *)&entity->ranges,
                        &entity->n_ranges, error)
         && read_table (entity, SECTION_SYMBOLS, sizeof *entity->symbols, (gpointer *)&entity->symbols,
                        &entity->n_symbols, error)
         && read_table (entity, SECTION_RELOCATIONS, sizeof *entity->relocations,
                        (gpointer *)&entity->relocations, &entity->n_relocations, error);
}

LpEntity *
lp_entity_new (GBytes *file, const char *name, GError **error)
{
  g_autoptr (LpElf) elf = lp_elf_new (file, name, error);
  if (elf == NULL)
    return NULL;

  g_autoptr (LpEntity) entity = g_new0 (LpEntity, 1);
  g_atomic_ref_count_init (&entity->references);
  entity->elf = g_steal_pointer (&elf);
  entity->digest = lp_io_digest (file);
  if (!lp_entity_check_identity (entity, error) || !lp_entity_check_segments (entity, error)
      || !read_tables (entity, error) || !lp_entity_check_tables (entity, error))
    return NULL;
  return g_steal_pointer (&entity);
}

LpEntity *
lp_entity_open (const char *path, GError **error)
{
  g_autofree char *printable = lp_text_printable (path);
  LP_AUTO_FD int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot open", printable);
      return NULL;
    }
  g_autoptr (GBytes) file = lp_io_read_fd (fd, printable, LP_ENTITY_FILE_MAX, error);
  return file != NULL ? lp_entity_new (file, path, error) : NULL;
}

LpEntity *
lp_entity_ref (LpEntity *entity)
{
  g_atomic_ref_count_inc (&entity->references);
  return entity;
}

void
lp_entity_unref (LpEntity *entity)
{
  if (!g_atomic_ref_count_dec (&entity->references))
    return;
  lp_elf_unref (entity->elf);
  g_free (entity->digest);
  g_free (entity->functions);
  g_free (entity->ranges);
  g_free (entity->symbols);
  g_free (entity->relocations);
  g_free (entity->file_mark);
  g_free (entity);
}

LpElf *
lp_entity_elf (const LpEntity *entity)
{
  return entity->elf;
}

gpointer *
lp_entity_file_mark (LpEntity *entity)
{
  return &entity->file_mark;
}

const LpEntityIdentity *
lp_entity_identity (const LpEntity *entity)
{
  return &entity->identity;
}

const char *
lp_entity_digest (const LpEntity *entity)
{
  return entity->digest;
}

char *
lp_entity_uuid (const LpEntity *entity)
{
  return lp_uuid_format (entity->identity.uuid);
}

char *
lp_entity_build_id (const LpEntity *entity)
{
  return lp_hex_encode (entity->identity.build_id, entity->identity.build_id_size);
}

const LpEntityFunction *
lp_entity_functions (const LpEntity *entity, guint *n)
{
  *n = entity->n_functions;
  return entity->functions;
}

const LpEntityRange *
lp_entity_ranges (const LpEntity *entity, guint *n)
{
  *n = entity->n_ranges;
  return entity->ranges;
}

const LpEntitySymbol *
lp_entity_symbols (const LpEntity *entity, guint *n)
{
  *n = entity->n_symbols;
  return entity->symbols;
}

const LpEntityRelocation *
lp_entity_relocations (const LpEntity *entity, guint *n)
{
  *n = entity->n_relocations;
  return entity->relocations;
}

const char *
lp_entity_string (const LpEntity *entity, guint32 offset)
{
  return offset < entity->strings_size ? entity->strings + offset : "";
}

gboolean
lp_entity_peek_identity (const guint8 *bytes, gsize size, LpEntityIdentity *identity)
{
  LpEntityNote note;

  if (size < LP_ENTITY_NOTE_OFFSET + sizeof note || memcmp (bytes, ELFMAG, SELFMAG) != 0)
    return FALSE;
  memcpy (&note, bytes + LP_ENTITY_NOTE_OFFSET, sizeof note);
  if (note.header.n_namesz != sizeof note.name || note.header.n_descsz != sizeof note.identity
      || note.header.n_type != LP_ENTITY_NOTE
      || memcmp (note.name, LP_ENTITY_NOTE_NAME, sizeof note.name) != 0
      || note.identity.build_id_size > LP_BUILD_ID_MAX)
    return FALSE;
  *identity = note.identity;
  return TRUE;
}
