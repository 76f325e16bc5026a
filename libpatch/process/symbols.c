/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dynamic symbol lookup over the modules of a process. Must not know what the symbols are for. */
#include "process/symbols.h"
#include "elf/elf-file.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINK_MAPS 4096
#define MAX_DYNAMIC_ENTRIES 512
#define RETRIES 20 /* times 1 ms: a dlopen() that is changing the list */

/* A module in search order; its file is read when first needed. */
typedef struct {
  const LpModule *module;
  LpElf *elf;
} Entry;

struct LpSymbols {
  LpProcess *process;
  const GPtrArray *modules; /* borrowed */
  gboolean stopped;
  GArray *entries; /* Entry; NULL until somebody asks */
};

/* Value of auxiliary vector entry @type, 0 when absent. */
static guint64
auxiliary_value (LpProcess *process, guint64 type)
{
  gsize size = 0;
  g_autofree char *bytes = lp_process_read_file (process, "auxv", &size, NULL);

  for (gsize i = 0; bytes != NULL && i + sizeof (Elf64_auxv_t) <= size; i += sizeof (Elf64_auxv_t))
    {
      Elf64_auxv_t entry;
      memcpy (&entry, bytes + i, sizeof entry);
      if (entry.a_type == type)
        return entry.a_un.a_val;
    }
  return 0;
}

static guint64
find_debug_address (LpProcess *process, guint64 dynamic)
{
  g_autofree Elf64_Dyn *entries = g_new (Elf64_Dyn, MAX_DYNAMIC_ENTRIES);
  gsize n = dynamic != 0
                ? lp_process_read_some (process, dynamic, entries, MAX_DYNAMIC_ENTRIES * sizeof *entries)
                      / sizeof *entries
                : 0;

  for (gsize i = 0; i < n && entries[i].d_tag != DT_NULL; i++)
    if (entries[i].d_tag == DT_DEBUG)
      return entries[i].d_un.d_ptr;
  return 0;
}

static const LpModule *
module_by_dynamic (const GPtrArray *modules, guint64 dynamic)
{
  for (guint i = 0; i < modules->len; i++)
    {
      const LpModule *module = g_ptr_array_index (modules, i);
      if (module->dynamic == dynamic)
        return module;
    }
  return NULL;
}

static void
add_module (LpSymbols *symbols, const LpModule *module)
{
  Entry entry = { .module = module };

  for (guint i = 0; i < symbols->entries->len; i++)
    if (g_array_index (symbols->entries, Entry, i).module == module)
      return;
  g_array_append_val (symbols->entries, entry);
}

/* The link map as it is now; FALSE when it is being changed or can't be read. */
static gboolean
read_link_map (LpSymbols *symbols, const GPtrArray *modules, guint64 debug_address)
{
  struct r_debug debug;
  guint64 next;

  if (!lp_process_read (symbols->process, debug_address, &debug, sizeof debug, NULL))
    return FALSE;
  next = (guint64)(gsize)debug.r_map;
  for (guint i = 0; next != 0 && i < MAX_LINK_MAPS; i++)
    {
      struct link_map map;
      if (!lp_process_read (symbols->process, next, &map, sizeof map, NULL))
        return FALSE;
      const LpModule *module
          = map.l_ld != NULL ? module_by_dynamic (modules, (guint64)(gsize)map.l_ld) : NULL;
      if (module != NULL)
        add_module (symbols, module);
      next = (guint64)(gsize)map.l_next;
    }
  return debug.r_state == RT_CONSISTENT;
}

LpSymbols *
lp_symbols_new (LpProcess *process, const GPtrArray *modules, gboolean stopped)
{
  LpSymbols *symbols = g_new0 (LpSymbols, 1);

  symbols->process = process;
  symbols->modules = modules;
  symbols->stopped = stopped;
  return symbols;
}

/* Most patches import nothing. */
static void
find_entries (LpSymbols *symbols)
{
  LpProcess *process = symbols->process;
  const GPtrArray *modules = symbols->modules;
  const LpModule *program = lp_modules_find (modules, auxiliary_value (process, AT_PHDR));
  guint64 debug_address = program != NULL ? find_debug_address (process, program->dynamic) : 0;

  symbols->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  if (program != NULL)
    add_module (symbols, program);
  guint attempts
      = symbols->stopped ? 1 : RETRIES; /* who stands still doesn't finish a change of the link map */
  for (guint i = 0; debug_address != 0 && i < attempts && !read_link_map (symbols, modules, debug_address);
       i++)
    g_usleep (1000);
  if (debug_address == 0)
    for (guint i = 0; i < modules->len; i++)
      add_module (symbols, g_ptr_array_index (modules, i));
}

void
lp_symbols_free (LpSymbols *symbols)
{
  if (symbols == NULL)
    return;
  for (guint i = 0; symbols->entries != NULL && i < symbols->entries->len; i++)
    g_clear_pointer (&g_array_index (symbols->entries, Entry, i).elf, lp_elf_unref);
  g_clear_pointer (&symbols->entries, g_array_unref);
  g_free (symbols);
}

/* Opens the file of @entry once. A module that can't be read might define the symbol: that is an error, not
 * "not found". */
static gboolean
open_entry (LpSymbols *symbols, Entry *entry, GError **error)
{
  if (entry->elf != NULL)
    return TRUE;
  int fd = lp_module_open (symbols->process, entry->module, error);
  if (fd < 0)
    return FALSE;
  entry->elf = lp_elf_open_fd (fd, entry->module->path, error);
  close (fd);
  return entry->elf != NULL;
}

/* Whether the definition @symbol answers a reference to @name@@version, as ld.so decides it. */
static gboolean
symbol_matches (const LpElfSymbol *symbol, const char *name, const char *version)
{
  if (symbol->section == SHN_UNDEF || symbol->bind == STB_LOCAL || strcmp (symbol->name, name) != 0)
    return FALSE;
  if (symbol->visibility == STV_HIDDEN || symbol->visibility == STV_INTERNAL || symbol->version == NULL)
    return symbol->visibility != STV_HIDDEN && symbol->visibility != STV_INTERNAL;
  return version != NULL ? strcmp (symbol->version, version) == 0 : !symbol->version_hidden;
}

gboolean
lp_symbols_find (LpSymbols *symbols, const char *name, const char *version, LpSymbolMatch *match,
                 GError **error)
{
  if (symbols->entries == NULL)
    find_entries (symbols);
  for (guint i = 0; i < symbols->entries->len; i++)
    {
      Entry *entry = &g_array_index (symbols->entries, Entry, i);
      guint n;

      if (!open_entry (symbols, entry, error))
        return FALSE;
      const LpElfSymbol *table = lp_elf_symbols (entry->elf, LP_ELF_DYNSYM, &n, error);
      if (table == NULL)
        return FALSE;
      for (guint j = 1; j < n; j++)
        if (symbol_matches (&table[j], name, version))
          {
            match->address
                = table[j].section == SHN_ABS ? table[j].value : entry->module->bias + table[j].value;
            match->type = table[j].type;
            match->module = entry->module;
            return TRUE;
          }
    }
  lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL, "process %d: no loaded module defines %s%s%s",
                lp_process_pid (symbols->process), name, version != NULL ? "@" : "",
                version != NULL ? version : "");
  return FALSE;
}
