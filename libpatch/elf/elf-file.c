/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens an ELF file: header, segments, sections, addresses. Must not know what symbols, relocations or notes
 * look like. The file is copied into memory, so that nobody can change or truncate it between a check and a
 * use. */
#include "elf/elf-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"

/* Larger than any program or object that is met (an unstripped QEMU has 200 MB). */
#define ELF_FILE_MAX (G_GUINT64_CONSTANT (2) << 30)

gboolean
lp_elf_corrupt (const LpElf *elf, GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *raw = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *what = lp_text_printable (raw);

  lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: %s", elf->name, what);
  return FALSE;
}

static gboolean
read_header (LpElf *elf, GError **error)
{
  if (elf->size < sizeof elf->header)
    return lp_elf_corrupt (elf, error, "too short for an ELF file (%" G_GSIZE_FORMAT " bytes)", elf->size);
  memcpy (&elf->header, elf->data, sizeof elf->header);

  const Elf64_Ehdr *header = &elf->header;
  if (memcmp (header->e_ident, ELFMAG, SELFMAG) != 0)
    return lp_elf_corrupt (elf, error, "not an ELF file");
  if (header->e_ident[EI_CLASS] != ELFCLASS64)
    return lp_elf_corrupt (elf, error, "not a 64-bit ELF file");
  if (header->e_ident[EI_DATA] != ELFDATA2LSB)
    return lp_elf_corrupt (elf, error, "not a little-endian ELF file");
  if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
    return lp_elf_corrupt (elf, error, "unknown ELF version %u", header->e_version);
  if (header->e_type != ET_REL && header->e_type != ET_EXEC && header->e_type != ET_DYN)
    return lp_elf_corrupt (elf, error, "neither an object, a program nor a library (ELF type %u)",
                           header->e_type);
  if (header->e_ehsize < sizeof *header)
    return lp_elf_corrupt (elf, error, "ELF header says it has %u bytes", header->e_ehsize);
  return TRUE;
}

/* The first section header holds the counts that don't fit into the ELF header (gABI "Extended section
 * numbering"). */
static gboolean
read_first_section_header (LpElf *elf, Elf64_Shdr *first, GError **error)
{
  memset (first, 0, sizeof *first);
  if (elf->header.e_shoff == 0)
    return TRUE;
  if (elf->header.e_shentsize != sizeof *first)
    return lp_elf_corrupt (elf, error, "section headers have %u bytes each", elf->header.e_shentsize);
  if (!lp_span_inside (elf->header.e_shoff, sizeof *first, elf->size))
    return lp_elf_corrupt (elf, error,
                           "section header table at 0x%" G_GINT64_MODIFIER "x lies outside the file",
                           (guint64)elf->header.e_shoff);
  memcpy (first, elf->data + elf->header.e_shoff, sizeof *first);
  return TRUE;
}

static gboolean
read_section (LpElf *elf, guint index, GError **error)
{
  LpElfSection *section = &elf->sections[index];
  Elf64_Shdr raw;

  memcpy (&raw, elf->data + elf->header.e_shoff + (guint64)index * sizeof raw, sizeof raw);
  *section = (LpElfSection){
    .index = index,
    .name = "",
    .type = raw.sh_type,
    .flags = raw.sh_flags,
    .address = raw.sh_addr,
    .offset = raw.sh_offset,
    .size = raw.sh_size,
    .align = raw.sh_addralign,
    .entry_size = raw.sh_entsize,
    .link = raw.sh_link,
    .info = raw.sh_info,
  };
  if (index == 0 || raw.sh_type == SHT_NULL)
    {
      section->size = 0; /* section 0 keeps extended counts there */
      section->offset = 0;
      return TRUE;
    }
  if (raw.sh_type != SHT_NOBITS && !lp_span_inside (raw.sh_offset, raw.sh_size, elf->size))
    return lp_elf_corrupt (elf, error, "section %u lies outside the file", index);
  if (raw.sh_size > LP_ELF_SANE_MAX)
    return lp_elf_corrupt (elf, error, "section %u has an impossible size", index);
  if (raw.sh_size > G_MAXUINT64 - raw.sh_addr)
    return lp_elf_corrupt (elf, error, "section %u goes beyond the end of the address space", index);
  if (raw.sh_addralign != 0 && !lp_is_power_of_two (raw.sh_addralign))
    return lp_elf_corrupt (elf, error, "alignment of section %u is not a power of two", index);
  return TRUE;
}

static void
name_sections (LpElf *elf, guint32 names_index)
{
  const guint8 *raw = elf->data + elf->header.e_shoff + G_STRUCT_OFFSET (Elf64_Shdr, sh_name);
  gsize size;
  const guint8 *data = lp_elf_section_data (elf, &elf->sections[names_index], &size);
  const guint8 *last_nul = size > 0 ? memrchr (data, '\0', size) : NULL;

  size = last_nul != NULL ? last_nul - data + 1
                          : 0; /* every string that starts before it ends at it or before */

  for (guint i = 1; i < elf->n_sections; i++)
    {
      LpElfSection *section = &elf->sections[i];
      guint32 offset;

      memcpy (&offset, raw + (guint64)i * sizeof (Elf64_Shdr), sizeof offset);
      if (offset < size)
        section->name = (const char *)data + offset;
      if (!g_hash_table_contains (elf->sections_by_name, section->name))
        g_hash_table_insert (elf->sections_by_name, (gpointer)section->name, section);
    }
}

static gboolean
read_sections (LpElf *elf, const Elf64_Shdr *first, GError **error)
{
  if (elf->header.e_shoff == 0)
    return TRUE;

  guint64 n = elf->header.e_shnum != 0 ? elf->header.e_shnum : first->sh_size;
  guint32 names_index = elf->header.e_shstrndx == SHN_XINDEX ? first->sh_link : elf->header.e_shstrndx;
  if (n == 0)
    return TRUE;
  if (n > G_MAXUINT32 || !lp_span_inside (elf->header.e_shoff, n * sizeof (Elf64_Shdr), elf->size))
    return lp_elf_corrupt (elf, error,
                           "section header table with %" G_GUINT64_FORMAT
                           " entries goes beyond the end of the file",
                           n);
  if (names_index >= n)
    return lp_elf_corrupt (elf, error, "section names are said to be in section %u of %" G_GUINT64_FORMAT,
                           names_index, n);

  elf->sections = g_new0 (LpElfSection, n);
  elf->n_sections = n;
  for (guint i = 0; i < n; i++)
    if (!read_section (elf, i, error))
      return FALSE;
  name_sections (elf, names_index);
  return TRUE;
}

/* Detached debug information keeps the program headers of a file whose contents it doesn't have: its code is
 * SHT_NOBITS. */
static gboolean
is_detached_debug_file (const LpElf *elf)
{
  for (guint i = 1; i < elf->n_sections; i++)
    if (elf->sections[i].type == SHT_NOBITS && (elf->sections[i].flags & SHF_EXECINSTR) != 0)
      return TRUE;
  return FALSE;
}

static gboolean
read_segment (LpElf *elf, guint index, gboolean detached, GError **error)
{
  Elf64_Phdr *segment = &elf->segments[index];

  memcpy (segment, elf->data + elf->header.e_phoff + (guint64)index * sizeof *segment, sizeof *segment);
  if (!lp_span_inside (segment->p_offset, segment->p_filesz, elf->size))
    {
      if (!detached)
        return lp_elf_corrupt (elf, error, "segment %u lies outside the file", index);
      segment->p_offset = 0;
      segment->p_filesz = 0;
    }
  if (segment->p_memsz > G_MAXUINT64 - segment->p_vaddr)
    return lp_elf_corrupt (elf, error, "segment %u goes beyond the end of the address space", index);
  if (segment->p_type == PT_LOAD && segment->p_filesz > segment->p_memsz)
    return lp_elf_corrupt (elf, error, "segment %u has more bytes in the file than in memory", index);
  return TRUE;
}

static gboolean
read_segments (LpElf *elf, const Elf64_Shdr *first, GError **error)
{
  guint n = elf->header.e_phnum == PN_XNUM ? first->sh_info : elf->header.e_phnum;
  gboolean detached = is_detached_debug_file (elf);

  if (elf->header.e_phoff == 0 || n == 0)
    return TRUE;
  if (elf->header.e_phentsize != sizeof (Elf64_Phdr))
    return lp_elf_corrupt (elf, error, "program headers have %u bytes each", elf->header.e_phentsize);
  if (!lp_span_inside (elf->header.e_phoff, (guint64)n * sizeof (Elf64_Phdr), elf->size))
    return lp_elf_corrupt (elf, error, "program header table with %u entries goes beyond the end of the file",
                           n);

  elf->segments = g_new0 (Elf64_Phdr, n);
  elf->n_segments = n;
  for (guint i = 0; i < n; i++)
    if (!read_segment (elf, i, detached, error))
      return FALSE;
  return TRUE;
}

/* Program headers first: what is loaded counts; a relocatable object or a detached debug file may have
 * sections only. */
static void
find_build_id (LpElf *elf)
{
  for (guint i = 0; i < elf->n_segments && elf->build_id == NULL; i++)
    {
      const Elf64_Phdr *segment = &elf->segments[i];

      if (segment->p_type == PT_NOTE)
        elf->build_id = lp_elf_find_build_id (elf->data + segment->p_offset, segment->p_filesz,
                                              segment->p_align, &elf->build_id_size);
    }
  for (guint i = 1; i < elf->n_sections && elf->build_id == NULL; i++)
    {
      const LpElfSection *section = &elf->sections[i];

      if (section->type == SHT_NOTE)
        elf->build_id = lp_elf_find_build_id (elf->data + section->offset, section->size, section->align,
                                              &elf->build_id_size);
    }
}

LpElf *
lp_elf_new (GBytes *bytes, const char *name, GError **error)
{
  g_autoptr (LpElf) elf = g_new0 (LpElf, 1);
  Elf64_Shdr first;

  g_atomic_ref_count_init (&elf->references);
  elf->name = lp_text_printable (name);
  elf->bytes = g_bytes_ref (bytes);
  elf->data = g_bytes_get_data (bytes, &elf->size);
  elf->sections_by_name = g_hash_table_new (g_str_hash, g_str_equal);
  elf->relocations = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_array_unref);

  if (!read_header (elf, error) || !read_first_section_header (elf, &first, error)
      || !read_sections (elf, &first, error) || !read_segments (elf, &first, error))
    return NULL;
  find_build_id (elf);
  return g_steal_pointer (&elf);
}

LpElf *
lp_elf_open_fd (int fd, const char *name, GError **error)
{
  g_autofree char *printable = lp_text_printable (name);
  g_autoptr (GBytes) bytes = lp_io_read_fd (fd, printable, ELF_FILE_MAX, error);

  return bytes != NULL ? lp_elf_new (bytes, name, error) : NULL;
}

LpElf *
lp_elf_open (const char *path, GError **error)
{
  LP_AUTO_FD int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0)
    {
      g_autofree char *printable = lp_text_printable (path);
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot open", printable);
      return NULL;
    }
  return lp_elf_open_fd (fd, path, error);
}

LpElf *
lp_elf_ref (LpElf *elf)
{
  g_atomic_ref_count_inc (&elf->references);
  return elf;
}

void
lp_elf_unref (LpElf *elf)
{
  if (!g_atomic_ref_count_dec (&elf->references))
    return;
  g_free (elf->name);
  g_bytes_unref (elf->bytes);
  g_free (elf->segments);
  g_free (elf->sections);
  g_hash_table_unref (elf->sections_by_name);
  g_hash_table_unref (elf->relocations);
  g_clear_pointer (&elf->dynamic_relocations, g_array_unref);
  for (guint i = 0; i < G_N_ELEMENTS (elf->tables); i++)
    g_free (elf->tables[i].symbols);
  g_free (elf);
}

const char *
lp_elf_name (const LpElf *elf)
{
  return elf->name;
}

GBytes *
lp_elf_bytes (const LpElf *elf)
{
  return elf->bytes;
}

const Elf64_Ehdr *
lp_elf_header (const LpElf *elf)
{
  return &elf->header;
}

const Elf64_Phdr *
lp_elf_segments (const LpElf *elf, guint *n)
{
  *n = elf->n_segments;
  return elf->segments;
}

const guint8 *
lp_elf_build_id (const LpElf *elf, gsize *size)
{
  if (size != NULL)
    *size = elf->build_id_size;
  return elf->build_id;
}

char *
lp_elf_build_id_hex (const LpElf *elf)
{
  return elf->build_id != NULL ? lp_hex_encode (elf->build_id, elf->build_id_size) : NULL;
}

const LpElfSection *
lp_elf_sections (const LpElf *elf, guint *n)
{
  *n = elf->n_sections;
  return elf->sections;
}

const LpElfSection *
lp_elf_section_by_name (const LpElf *elf, const char *name)
{
  return g_hash_table_lookup (elf->sections_by_name, name);
}

const LpElfSection *
lp_elf_section_by_type (const LpElf *elf, guint32 type)
{
  for (guint i = 1; i < elf->n_sections; i++)
    if (elf->sections[i].type == type)
      return &elf->sections[i];
  return NULL;
}

const guint8 *
lp_elf_section_data (const LpElf *elf, const LpElfSection *section, gsize *size)
{
  gboolean has_data = section->type != SHT_NOBITS && section->size > 0;

  *size = has_data ? section->size : 0;
  return has_data ? elf->data + section->offset : NULL;
}

const char *
lp_elf_string (const LpElf *elf, const LpElfSection *section, guint64 offset)
{
  return offset < section->size ? (const char *)elf->data + section->offset + offset : NULL;
}

const LpElfSection *
lp_elf_linked_strings (const LpElf *elf, const LpElfSection *user, GError **error)
{
  const LpElfSection *strings
      = user->link > 0 && user->link < elf->n_sections ? &elf->sections[user->link] : NULL;

  if (strings == NULL || strings->type != SHT_STRTAB)
    {
      lp_elf_corrupt (elf, error, "%s: section %u is not its string table", user->name, user->link);
      return NULL;
    }
  if (strings->size == 0 || elf->data[strings->offset + strings->size - 1] != '\0')
    {
      lp_elf_corrupt (elf, error, "%s: its string table %s does not end in a NUL", user->name, strings->name);
      return NULL;
    }
  return strings;
}

/* The PT_LOAD segment whose file image holds all of [address, address + size). */
static const Elf64_Phdr *
segment_at (const LpElf *elf, guint64 address, guint64 size)
{
  for (guint i = 0; i < elf->n_segments; i++)
    {
      const Elf64_Phdr *segment = &elf->segments[i];

      if (segment->p_type == PT_LOAD && lp_span_contains (segment->p_vaddr, segment->p_filesz, address, size))
        return segment;
    }
  return NULL;
}

const guint8 *
lp_elf_at (const LpElf *elf, guint64 address, gsize size)
{
  const Elf64_Phdr *segment = segment_at (elf, address, size);

  return segment != NULL ? elf->data + segment->p_offset + (address - segment->p_vaddr) : NULL;
}

gboolean
lp_elf_address_to_offset (const LpElf *elf, guint64 address, guint64 *offset)
{
  const Elf64_Phdr *segment = segment_at (elf, address, 1);

  if (segment == NULL)
    return FALSE;
  *offset = segment->p_offset + (address - segment->p_vaddr);
  return TRUE;
}

gboolean
lp_elf_offset_to_address (const LpElf *elf, guint64 offset, guint64 *address)
{
  for (guint i = 0; i < elf->n_segments; i++)
    {
      const Elf64_Phdr *segment = &elf->segments[i];

      if (segment->p_type == PT_LOAD && lp_span_contains (segment->p_offset, segment->p_filesz, offset, 1))
        {
          *address = segment->p_vaddr + (offset - segment->p_offset);
          return TRUE;
        }
    }
  return FALSE;
}
