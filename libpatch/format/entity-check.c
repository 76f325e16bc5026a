/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checks that make an entity safe to use: after them no length, offset or index in it needs a second
 * look. Must not know where the entity came from: trust is somebody else's question. */
#include "format/entity-private.h"

#include <string.h>

#include "arch/arch.h"
#include "base/error.h"
#include "base/span.h"

#define X64 "0x%" G_GINT64_MODIFIER "x"

static gboolean
is_zero (const void *bytes, gsize size)
{
  const guint8 *byte = bytes;

  for (gsize i = 0; i < size; i++)
    if (byte[i] != 0)
      return FALSE;
  return TRUE;
}

static gboolean
refuse_version (const LpEntity *entity, GError **error, const char *what, guint32 value)
{
  lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "A newer SysCare made it: update SysCare on this machine.",
                "%s: has %s 0x%x, which this SysCare doesn't know", lp_elf_name (entity->elf), what, value);
  return FALSE;
}

gboolean
lp_entity_check_identity (LpEntity *entity, GError **error)
{
  const LpEntityIdentity *identity = &entity->identity;
  const Elf64_Ehdr *header = lp_elf_header (entity->elf);
  gsize size;
  const guint8 *file = g_bytes_get_data (lp_elf_bytes (entity->elf), &size);

  if (header->e_type != ET_DYN)
    return lp_entity_corrupt (entity, error, "not of ELF type ET_DYN");
  if (lp_arch_for_machine (header->e_machine) == NULL)
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL, "%s: is for an unknown machine (ELF machine %u)",
                    lp_elf_name (entity->elf), header->e_machine);
      return FALSE;
    }
  if (size < LP_ENTITY_NOTE_OFFSET + sizeof (LpEntityNote)
      || !lp_entity_peek_identity (file, size, &entity->identity))
    return lp_entity_corrupt (entity, error, "has no SysCare note at offset 0x%x", LP_ENTITY_NOTE_OFFSET);
  if (identity->version != LP_ENTITY_VERSION)
    return refuse_version (entity, error, "format version", identity->version);
  if ((identity->flags & ~LP_ENTITY_LOW32) != 0)
    return refuse_version (entity, error, "flags", identity->flags);
  if (!is_zero (identity->digest, sizeof identity->digest) || identity->load_bias != 0
      || identity->load_time != 0 || !is_zero (identity->reserved, sizeof identity->reserved))
    return lp_entity_corrupt (entity, error, "its note has run-time values: it was copied out of a process");
  if (!is_zero (identity->build_id + identity->build_id_size, LP_BUILD_ID_MAX - identity->build_id_size))
    return lp_entity_corrupt (entity, error, "its note has more Build-ID bytes than it says");
  return TRUE;
}

static gboolean
check_text_segment (LpEntity *entity, const Elf64_Phdr *segment, GError **error)
{
  const Elf64_Ehdr *header = lp_elf_header (entity->elf);
  guint64 headers_end = header->e_phoff + (guint64)header->e_phnum * sizeof (Elf64_Phdr);

  if (entity->text_end != 0)
    return lp_entity_corrupt (entity, error, "has more than one executable segment");
  if (segment->p_offset != 0 || segment->p_vaddr != 0 || segment->p_filesz != segment->p_memsz)
    return lp_entity_corrupt (entity, error,
                              "its executable segment does not start at 0 or has bytes that the file lacks");
  if (header->e_phoff < LP_ENTITY_NOTE_OFFSET + sizeof (LpEntityNote) || headers_end > segment->p_filesz)
    return lp_entity_corrupt (entity, error,
                              "its headers are not in the executable segment, or overlap the note");
  entity->code_start = headers_end;
  entity->text_end = segment->p_memsz;
  return TRUE;
}

static gboolean
check_data_segment (LpEntity *entity, const Elf64_Phdr *segment, guint64 page_size, GError **error)
{
  if (entity->text_end == 0 || entity->data_end != 0)
    return lp_entity_corrupt (entity, error, "its writable segment is not the second one");
  if (segment->p_vaddr % page_size != 0 || segment->p_offset % page_size != 0
      || segment->p_vaddr < entity->text_end || segment->p_memsz == 0)
    return lp_entity_corrupt (entity, error, "its writable segment is not on pages of its own");
  entity->data_start = segment->p_vaddr;
  entity->data_file_end = segment->p_vaddr + segment->p_filesz;
  entity->data_end = segment->p_vaddr + segment->p_memsz;
  return TRUE;
}

static gboolean
check_segment (LpEntity *entity, guint index, const Elf64_Phdr *segment, guint64 page_size, GError **error)
{
  switch (segment->p_type)
    {
    case PT_LOAD:
      if (!lp_is_power_of_two (segment->p_align) || segment->p_align < page_size)
        return lp_entity_corrupt (entity, error, "segment %u: not aligned to pages", index);
      if (!lp_span_inside (segment->p_vaddr, segment->p_memsz, LP_ENTITY_IMAGE_MAX))
        return lp_entity_corrupt (entity, error, "segment %u: larger than the limit", index);
      if (segment->p_flags == (PF_R | PF_X))
        return check_text_segment (entity, segment, error);
      if (segment->p_flags == (PF_R | PF_W))
        return check_data_segment (entity, segment, page_size, error);
      return lp_entity_corrupt (entity, error, "segment %u: neither r-x nor rw-", index);
    case PT_NOTE:
      if (segment->p_offset != LP_ENTITY_NOTE_OFFSET || segment->p_filesz != sizeof (LpEntityNote))
        return lp_entity_corrupt (entity, error, "segment %u: not the SysCare note", index);
      return TRUE;
    case PT_GNU_EH_FRAME:
      if (!lp_span_inside (segment->p_vaddr, segment->p_memsz, entity->text_end)
          || segment->p_offset != segment->p_vaddr)
        return lp_entity_corrupt (entity, error, "segment %u: unwind table outside the executable segment",
                                  index);
      return TRUE;
    default:
      return lp_entity_corrupt (entity, error, "segment %u: type %u has no place in an entity", index,
                                segment->p_type);
    }
}

gboolean
lp_entity_check_segments (LpEntity *entity, GError **error)
{
  const LpArch *arch = lp_arch_for_machine (lp_elf_header (entity->elf)->e_machine);
  guint n;
  const Elf64_Phdr *segments = lp_elf_segments (entity->elf, &n);

  for (guint i = 0; i < n; i++)
    if (!check_segment (entity, i, &segments[i], arch->page_size, error))
      return FALSE;
  if (entity->text_end == 0)
    return lp_entity_corrupt (entity, error, "has no executable segment");

  guint64 image_size = lp_align_up (MAX (entity->text_end, entity->data_end), arch->page_size);
  if (entity->identity.image_size != image_size)
    return lp_entity_corrupt (entity, error,
                              "says it needs " X64 " bytes of address space, its segments need " X64,
                              entity->identity.image_size, image_size);
  return TRUE;
}

static gboolean
is_name (const LpEntity *entity, guint32 offset)
{
  return offset < entity->strings_size && entity->strings[offset] != '\0';
}

static gboolean
in_code (const LpEntity *entity, guint64 address, guint64 size)
{
  return size > 0 && address >= entity->code_start && lp_span_inside (address, size, entity->text_end);
}

/* Inside the image, one past the end included (a symbol may mark an end). */
static gboolean
in_image (const LpEntity *entity, guint64 address, guint64 size)
{
  return lp_span_inside (address, size, entity->text_end)
         || (entity->data_end != 0
             && lp_span_contains (entity->data_start, entity->data_end - entity->data_start, address, size));
}

/* Where a relocation may write: bytes that the file holds, behind the headers. */
static gboolean
in_bytes (const LpEntity *entity, guint64 address, guint64 size)
{
  return in_code (entity, address, size)
         || (entity->data_end != 0
             && lp_span_contains (entity->data_start, entity->data_file_end - entity->data_start, address,
                                  size));
}

static gboolean
check_function (const LpEntity *entity, guint i, GError **error)
{
  const LpEntityFunction *function = &entity->functions[i];

  if (!is_name (entity, function->name))
    return lp_entity_corrupt (entity, error, "%s: function %u has no name", SECTION_FUNCTIONS, i);
  const char *name = lp_entity_string (entity, function->name);
  if ((function->flags & ~(LP_FUNCTION_AT_ENTRY | LP_FUNCTION_ENTRY_SAFE)) != 0)
    return lp_entity_corrupt (entity, error, "%s: %s: unknown flags 0x%x", SECTION_FUNCTIONS, name,
                              function->flags);
  if (function->old_size == 0
      || function->old_size > G_MAXUINT64 - function->old_address - sizeof function->site_original)
    return lp_entity_corrupt (entity, error, "%s: %s: old code at " X64 " has an impossible size",
                              SECTION_FUNCTIONS, name, function->old_address);
  if (!in_code (entity, function->new_address, function->new_size))
    return lp_entity_corrupt (entity, error, "%s: %s: new code lies outside the executable segment",
                              SECTION_FUNCTIONS, name);
  if (!in_code (entity, function->stub_address, 1))
    return lp_entity_corrupt (entity, error, "%s: %s: stub lies outside the executable segment",
                              SECTION_FUNCTIONS, name);
  if (function->site_size == 0 || function->site_size > sizeof function->site_original
      || function->site_offset >= function->old_size)
    return lp_entity_corrupt (entity, error, "%s: %s: its redirect does not lie in the old code",
                              SECTION_FUNCTIONS, name);
  if (((function->flags & LP_FUNCTION_AT_ENTRY) != 0) != (function->site_offset == 0))
    return lp_entity_corrupt (entity, error, "%s: %s: redirect at the entry or not: flag and offset differ",
                              SECTION_FUNCTIONS, name);
  if (!is_zero (function->site_original + function->site_size,
                sizeof function->site_original - function->site_size))
    return lp_entity_corrupt (entity, error, "%s: %s: more original bytes than the redirect has",
                              SECTION_FUNCTIONS, name);
  return TRUE;
}

/* Bytes of the target that belong to the function: its code, and the padding that the redirect may reach
 * into. */
static guint64
function_end (const LpEntityFunction *function)
{
  return function->old_address
         + MAX (function->old_size, (guint64)function->site_offset + function->site_size);
}

static int
compare_addresses (gconstpointer a, gconstpointer b)
{
  const LpEntityFunction *left = *(const LpEntityFunction *const *)a;
  const LpEntityFunction *right = *(const LpEntityFunction *const *)b;

  return left->old_address < right->old_address ? -1 : left->old_address > right->old_address;
}

/* Two redirects must never meet: undoing one would damage the other. */
static gboolean
check_overlaps (const LpEntity *entity, GError **error)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_sized_new (entity->n_functions);

  for (guint i = 0; i < entity->n_functions; i++)
    g_ptr_array_add (sorted, &entity->functions[i]);
  g_ptr_array_sort (sorted, compare_addresses);
  for (guint i = 1; i < sorted->len; i++)
    {
      const LpEntityFunction *before = sorted->pdata[i - 1];
      const LpEntityFunction *after = sorted->pdata[i];

      if (after->old_address < function_end (before))
        return lp_entity_corrupt (entity, error, "%s: old code of %s and %s overlaps", SECTION_FUNCTIONS,
                                  lp_entity_string (entity, before->name),
                                  lp_entity_string (entity, after->name));
    }
  return TRUE;
}

/* The table that is loaded says the same as the one that isn't. */
static gboolean
check_sites (const LpEntity *entity, GError **error)
{
  guint64 address = entity->identity.sites;

  if (address % sizeof (guint64) != 0
      || !in_code (entity, address, (guint64)entity->n_functions * sizeof (LpEntitySite)))
    return lp_entity_corrupt (entity, error, "%s: table at " X64 " lies outside the executable segment",
                              SECTION_SITES, address);
  for (guint i = 0; i < entity->n_functions; i++)
    {
      const LpEntityFunction *function = &entity->functions[i];
      LpEntitySite site;

      /* The executable segment starts at offset 0, so the address is the offset. */
      memcpy (&site,
              (const guint8 *)g_bytes_get_data (lp_elf_bytes (entity->elf), NULL) + address + i * sizeof site,
              sizeof site);
      if (site.site != function->old_address + function->site_offset || site.stub != function->stub_address
          || site.previous != 0)
        return lp_entity_corrupt (entity, error, "%s: entry %u does not fit its function", SECTION_SITES, i);
    }
  return TRUE;
}

static gboolean
check_range (const LpEntity *entity, guint i, GError **error)
{
  const LpEntityRange *range = &entity->ranges[i];

  if (range->function >= entity->n_functions)
    return lp_entity_corrupt (entity, error, "%s: range %u belongs to function %u of %u", SECTION_RANGES, i,
                              range->function, entity->n_functions);
  if (range->size == 0 || range->size > G_MAXUINT64 - range->address || range->reserved != 0)
    return lp_entity_corrupt (entity, error, "%s: range %u is impossible", SECTION_RANGES, i);
  return TRUE;
}

static gboolean
check_symbol (const LpEntity *entity, guint i, GError **error)
{
  const LpEntitySymbol *symbol = &entity->symbols[i];
  const guint32 import_flags = LP_ENTITY_IMPORT_FUNCTION | LP_ENTITY_IMPORT_WEAK;

  if (symbol->name >= entity->strings_size || symbol->version >= entity->strings_size)
    return lp_entity_corrupt (entity, error, "%s: name of symbol %u lies outside %s", SECTION_SYMBOLS, i,
                              SECTION_STRINGS);
  switch (symbol->kind)
    {
    case LP_ENTITY_SYMBOL_IMAGE:
      if (!in_image (entity, symbol->value, 0) || symbol->flags != 0)
        return lp_entity_corrupt (entity, error, "%s: symbol %u lies outside the image", SECTION_SYMBOLS, i);
      return TRUE;
    case LP_ENTITY_SYMBOL_TARGET:
      if (symbol->flags != 0 || symbol->size > G_MAXUINT64 - symbol->value)
        return lp_entity_corrupt (entity, error, "%s: symbol %u is impossible", SECTION_SYMBOLS, i);
      return TRUE;
    case LP_ENTITY_SYMBOL_IMPORT:
      if (!is_name (entity, symbol->name) || symbol->value != 0 || (symbol->flags & ~import_flags) != 0)
        return lp_entity_corrupt (entity, error,
                                  "%s: symbol %u is no import: no name, a value, or unknown flags",
                                  SECTION_SYMBOLS, i);
      return TRUE;
    default:
      return lp_entity_corrupt (entity, error, "%s: symbol %u is of unknown kind %u", SECTION_SYMBOLS, i,
                                symbol->kind);
    }
}

static gboolean
check_relocation (const LpEntity *entity, const LpArch *arch, guint i, GError **error)
{
  const LpEntityRelocation *relocation = &entity->relocations[i];
  const LpRelocInfo *info = arch->reloc_info (relocation->type);

  if (info == NULL || info->kind == LP_RELOC_UNKNOWN || info->width == 0)
    return lp_entity_corrupt (entity, error, "%s: relocation %u is of unknown type %u", SECTION_RELOCATIONS,
                              i, relocation->type);
  if (!in_bytes (entity, relocation->offset, info->width))
    return lp_entity_corrupt (entity, error, "%s: relocation %u (%s) lies outside the segments' bytes",
                              SECTION_RELOCATIONS, i, info->name);
  if (relocation->symbol >= entity->n_symbols)
    return lp_entity_corrupt (entity, error, "%s: relocation %u names symbol %u of %u", SECTION_RELOCATIONS,
                              i, relocation->symbol, entity->n_symbols);
  return TRUE;
}

gboolean
lp_entity_check_tables (LpEntity *entity, GError **error)
{
  const LpArch *arch = lp_arch_for_machine (lp_elf_header (entity->elf)->e_machine);

  if (entity->n_functions == 0 || entity->n_functions != entity->identity.n_functions)
    return lp_entity_corrupt (entity, error, "%s: %u functions, the note says %u", SECTION_FUNCTIONS,
                              entity->n_functions, entity->identity.n_functions);
  for (guint i = 0; i < entity->n_functions; i++)
    if (!check_function (entity, i, error))
      return FALSE;
  if (!check_overlaps (entity, error) || !check_sites (entity, error))
    return FALSE;
  for (guint i = 0; i < entity->n_ranges; i++)
    if (!check_range (entity, i, error))
      return FALSE;
  for (guint i = 0; i < entity->n_symbols; i++)
    if (!check_symbol (entity, i, error))
      return FALSE;
  for (guint i = 0; i < entity->n_relocations; i++)
    if (!check_relocation (entity, arch, i, error))
      return FALSE;
  return TRUE;
}
