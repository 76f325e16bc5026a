/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Applies an entity to its own process before main() runs: preloaded into the small programs of the diff
 * tests, so that what the diff made is executed without root and without the user engine. LP_APPLY_ENTITY
 * names the file. Only for single-threaded test programs: nothing is stopped, nothing is undone. Any failure
 * ends the process with status 99. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/error.h"
#include "format/entity.h"

G_NORETURN static void
fail (const char *what)
{
  fprintf (stderr, "apply: %s\n", what);
  _exit (99);
}

typedef struct {
  const LpEntityIdentity *identity;
  gboolean found;
  guint64 bias;
} Search;

static int
match_module (struct dl_phdr_info *info, size_t size, void *data)
{
  Search *search = data;

  for (int i = 0; i < info->dlpi_phnum; i++)
    {
      if (info->dlpi_phdr[i].p_type != PT_NOTE)
        continue;
      const guint8 *notes = (const guint8 *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
      if (memmem (notes, info->dlpi_phdr[i].p_memsz, search->identity->build_id,
                  search->identity->build_id_size)
          == NULL)
        continue;
      search->found = TRUE;
      search->bias = info->dlpi_addr;
      return 1;
    }
  return 0;
}

/* A free place within reach of the target's code. */
static guint8 *
map_near (guint64 target, gsize size, gboolean low)
{
  for (guint64 distance = 0x100000; distance < 0x60000000; distance += 0x100000)
    for (int sign = -1; sign <= 1; sign += 2)
      {
        guint64 at = (target + (guint64)((gint64)distance * sign)) & ~(guint64)0xfff;
        if (low && at >= 0x7f000000)
          continue;
        void *map = mmap ((void *)at, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (map == (void *)at)
          return map;
        if (map != MAP_FAILED)
          munmap (map, size);
      }
  fail ("no room near the target");
}

static guint64
symbol_value (const LpEntity *entity, const LpEntitySymbol *symbol, const guint8 *image, guint64 bias)
{
  const char *name = lp_entity_string (entity, symbol->name),
             *version = lp_entity_string (entity, symbol->version);
  void *found;

  switch (symbol->kind)
    {
    case LP_ENTITY_SYMBOL_IMAGE:
      return (guint64)image + symbol->value;
    case LP_ENTITY_SYMBOL_TARGET:
      return bias + symbol->value;
    default:
      found = version[0] != '\0' ? dlvsym (RTLD_DEFAULT, name, version) : dlsym (RTLD_DEFAULT, name);
      if (found == NULL && (symbol->flags & LP_ENTITY_IMPORT_WEAK) == 0)
        fail (name);
      return (guint64)found;
    }
}

static void
relocate (const LpEntity *entity, const LpArch *arch, guint8 *image, gsize size, guint64 bias)
{
  guint n, n_symbols;
  const LpEntityRelocation *relocations = lp_entity_relocations (entity, &n);
  const LpEntitySymbol *symbols = lp_entity_symbols (entity, &n_symbols);

  for (guint i = 0; i < n; i++)
    {
      const LpEntityRelocation *r = &relocations[i];
      g_autoptr (GError) error = NULL;
      if (!arch->relocate (r->type, image + r->offset, size - r->offset, (guint64)image + r->offset,
                           symbol_value (entity, &symbols[r->symbol], image, bias), r->addend, &error))
        fail (error->message);
    }
}

static void
redirect (const LpEntity *entity, const LpArch *arch, const guint8 *image, guint64 bias)
{
  guint n;
  const LpEntityFunction *functions = lp_entity_functions (entity, &n);
  const guint64 page = (guint64)sysconf (_SC_PAGESIZE);

  for (guint i = 0; i < n; i++)
    {
      guint64 site = bias + functions[i].old_address + functions[i].site_offset;
      guint8 bytes[16];
      g_autoptr (GError) error = NULL;

      if (memcmp ((const void *)site, functions[i].site_original, functions[i].site_size) != 0)
        fail ("the original bytes are not there");
      if (!arch->encode_redirect (site, (guint64)image + functions[i].stub_address, bytes, &error))
        fail (error->message);
      void *start = (void *)(site & ~(page - 1));
      if (mprotect (start, 2 * page, PROT_READ | PROT_WRITE | PROT_EXEC) != 0
          && mprotect (start, page, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        fail ("the text can't be made writable");
      memcpy ((void *)site, bytes, functions[i].site_size);
    }
}

__attribute__ ((constructor)) static void
apply (void)
{
  const char *path = getenv ("LP_APPLY_ENTITY");
  g_autoptr (GError) error = NULL;
  if (path == NULL)
    return;

  g_autoptr (LpEntity) entity = lp_entity_open (path, &error);
  if (entity == NULL)
    fail (error->message);

  const LpEntityIdentity *identity = lp_entity_identity (entity);
  Search search = { .identity = identity };
  dl_iterate_phdr (match_module, &search);
  if (!search.found)
    fail ("the target isn't in this process");

  guint n;
  const Elf64_Phdr *segments = lp_elf_segments (lp_entity_elf (entity), &n);
  const guint8 *file = g_bytes_get_data (lp_elf_bytes (lp_entity_elf (entity)), NULL);
  const LpArch *arch = lp_arch_for_machine (lp_elf_header (lp_entity_elf (entity))->e_machine);
  guint n_functions;
  guint64 near_by = search.bias + lp_entity_functions (entity, &n_functions)[0].old_address;
  guint8 *image = map_near (near_by, identity->image_size, (identity->flags & LP_ENTITY_LOW32) != 0);
  for (guint i = 0; i < n; i++)
    if (segments[i].p_type == PT_LOAD)
      memcpy (image + segments[i].p_vaddr, file + segments[i].p_offset, segments[i].p_filesz);

  relocate (entity, arch, image, identity->image_size, search.bias);
  redirect (entity, arch, image, search.bias);
}
