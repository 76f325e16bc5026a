/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resolves and writes an image. Every value is range-checked; what isn't understood is an error. Must not
 * know about redirects. */
#include "user/fill.h"
#include "arch/arch.h"

#include <string.h>

#define PAGE 0x1000
#define NOTE_DESC_OFFSET (LP_ENTITY_NOTE_OFFSET + 12 + 8) /* note header, name "SysCare\0" */

typedef struct {
  LpProcess *process;
  LpEntity *entity;
  const LpModule *module;
  LpSymbols *symbols;
  const LpArch *arch;
  guint64 base;
  guint8 *bytes; /* the image as it shall be */
  guint64 size;
} Fill;

/* Bytes of the image as the file holds them. */
static gboolean
copy_segments (Fill *fill, GError **error)
{
  guint n;
  const Elf64_Phdr *segments = lp_elf_segments (lp_entity_elf (fill->entity), &n);

  for (guint i = 0; i < n; i++)
    {
      if (segments[i].p_type != PT_LOAD || segments[i].p_filesz == 0)
        continue;
      const guint8 *bytes
          = lp_elf_at (lp_entity_elf (fill->entity), segments[i].p_vaddr, segments[i].p_filesz);
      if (bytes == NULL || segments[i].p_vaddr > fill->size
          || segments[i].p_filesz > fill->size - segments[i].p_vaddr)
        {
          lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: segment %u does not fit into the image",
                        lp_elf_name (lp_entity_elf (fill->entity)), i);
          return FALSE;
        }
      memcpy (fill->bytes + segments[i].p_vaddr, bytes, segments[i].p_filesz);
    }
  return TRUE;
}

static gboolean
resolve_import (Fill *fill, const LpEntitySymbol *symbol, guint64 *value, GError **error)
{
  const char *name = lp_entity_string (fill->entity, symbol->name);
  const char *version = symbol->version != 0 ? lp_entity_string (fill->entity, symbol->version) : NULL;
  g_autoptr (GError) local_error = NULL;
  LpSymbolMatch match;

  if (!lp_symbols_find (fill->symbols, name, version, &match, &local_error))
    {
      gboolean is_absent = g_error_matches (local_error, LP_ERROR, LP_ERROR_TARGET_MISMATCH);
      *value = 0;
      if (is_absent && (symbol->flags & LP_ENTITY_IMPORT_WEAK) != 0)
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  *value = match.address;
  if (match.type != STT_TLS && match.type != STT_GNU_IFUNC)
    return TRUE;
  lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL, "process %d: %s in %s is %s",
                lp_process_pid (fill->process), name, match.module->path,
                match.type == STT_TLS ? "a thread-local variable" : "an indirect function");
  return FALSE;
}

static gboolean
resolve (Fill *fill, const LpEntitySymbol *symbol, guint64 *value, GError **error)
{
  switch (symbol->kind)
    {
    case LP_ENTITY_SYMBOL_IMAGE:
      *value = fill->base + symbol->value;
      return TRUE;
    case LP_ENTITY_SYMBOL_TARGET:
      *value = fill->module->bias + symbol->value;
      return TRUE;
    case LP_ENTITY_SYMBOL_IMPORT:
      return resolve_import (fill, symbol, value, error);
    default:
      lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: symbol of unknown kind %u",
                    lp_elf_name (lp_entity_elf (fill->entity)), symbol->kind);
      return FALSE;
    }
}

static gboolean
apply_relocations (Fill *fill, GError **error)
{
  guint n_symbols, n;
  const LpEntitySymbol *symbols = lp_entity_symbols (fill->entity, &n_symbols);
  const LpEntityRelocation *relocations = lp_entity_relocations (fill->entity, &n);
  g_autofree guint64 *values = g_new0 (guint64, n_symbols);

  for (guint i = 0; i < n_symbols; i++)
    if (!resolve (fill, &symbols[i], &values[i], error))
      return FALSE;
  for (guint i = 0; i < n; i++)
    {
      const LpEntityRelocation *r = &relocations[i];
      if (r->symbol >= n_symbols || r->offset >= fill->size)
        {
          lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: relocation %u points outside",
                        lp_elf_name (lp_entity_elf (fill->entity)), i);
          return FALSE;
        }
      if (!fill->arch->relocate (r->type, fill->bytes + r->offset, fill->size - r->offset,
                                 fill->base + r->offset, values[r->symbol], r->addend, error))
        {
          g_prefix_error (error, "process %d: relocation %u (%s): ", lp_process_pid (fill->process), i,
                          lp_entity_string (fill->entity, symbols[r->symbol].name));
          return FALSE;
        }
    }
  return TRUE;
}

static void
fill_identity (Fill *fill)
{
  guint8 *place = fill->bytes + NOTE_DESC_OFFSET; /* aligned to 4 only */
  const char *digest = lp_entity_digest (fill->entity);
  LpEntityIdentity identity;

  memcpy (&identity, place, sizeof identity);
  for (guint i = 0; i < LP_DIGEST_SIZE; i++)
    identity.digest[i] = g_ascii_xdigit_value (digest[2 * i]) << 4 | g_ascii_xdigit_value (digest[2 * i + 1]);
  identity.load_bias = fill->module->bias;
  identity.load_time = g_get_real_time ();
  memcpy (place, &identity, sizeof identity);
}

/* Writes the pages that differ from what is mapped there. The first page goes last: its digest says that the
 * image is complete. */
static gboolean
write_pages (Fill *fill, guint *pages, GError **error)
{
  guint8 present[PAGE];

  *pages = 0;
  for (guint64 i = fill->size / PAGE; i-- > 0;)
    {
      guint64 address = fill->base + i * PAGE;
      const guint8 *wanted = fill->bytes + i * PAGE;

      /* A page that can't be read lies between the segments. The first one differs: it says who it is. */
      gsize n = i > 0 ? lp_process_read_some (fill->process, address, present, PAGE) : 0;
      if (n == PAGE && memcmp (present, wanted, PAGE) == 0)
        continue;
      if (n != PAGE && lp_elf_at (lp_entity_elf (fill->entity), i * PAGE, 1) == NULL)
        continue;
      if (!lp_process_write (fill->process, address, wanted, PAGE, 0, error))
        return FALSE;
      (*pages)++;
    }
  return TRUE;
}

gboolean
lp_fill_image (LpProcess *process, LpEntity *entity, const LpModule *module, LpSymbols *symbols, guint64 base,
               guint *pages, GError **error)
{
  guint64 size = (lp_entity_identity (entity)->image_size + PAGE - 1) & ~(guint64)(PAGE - 1);
  g_autofree guint8 *bytes = g_malloc0 (size);
  Fill fill = { process, entity, module, symbols, lp_arch_for_machine (module->machine), base, bytes, size };

  if (!copy_segments (&fill, error) || !apply_relocations (&fill, error))
    return FALSE;
  fill_identity (&fill);
  return write_pages (&fill, pages, error);
}
