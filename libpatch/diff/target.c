/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The linked file that is to be patched. Sources: gABI chapter 5 (dynamic linking); x86-64 psABI 5.2 and TLS
 * ABI variant II. */
#include "diff/target.h"

#include <string.h>

#include "base/error.h"

#define ALL_BYTES_OF_PLACE 8

static void
group_free (gpointer data)
{
  LpFileGroup *group = data;

  g_hash_table_unref (group->locals);
  g_free (group);
}

void
lp_target_free (LpTarget *target)
{
  if (target == NULL)
    return;
  g_clear_pointer (&target->globals, g_hash_table_unref);
  g_clear_pointer (&target->hidden, g_hash_table_unref);
  g_clear_pointer (&target->files, g_hash_table_unref);
  g_clear_pointer (&target->dynamic, g_hash_table_unref);
  g_clear_pointer (&target->provided, g_hash_table_unref);
  g_clear_pointer (&target->words, g_hash_table_unref);
  g_clear_pointer (&target->resolver_slots, g_hash_table_unref);
  g_clear_pointer (&target->code_starts, g_array_unref);
  g_clear_pointer (&target->functions_at, g_hash_table_unref);
  g_free (target);
}

/* A separate debug file has the sections' headers but not their bytes. */
static gboolean
section_differs (LpElf *shipped, const LpElfSection *a, LpElf *twin, const LpElfSection *b)
{
  if (b == NULL || a->address != b->address || a->size != b->size)
    return TRUE;
  if (a->type == SHT_NOBITS || b->type == SHT_NOBITS || a->size == 0)
    return FALSE;

  gsize a_size, b_size;
  const guint8 *a_bytes = lp_elf_section_data (shipped, a, &a_size),
               *b_bytes = lp_elf_section_data (twin, b, &b_size);
  return a_size != b_size || memcmp (a_bytes, b_bytes, a_size) != 0;
}

static gboolean
check_twin (LpTarget *target, GError **error)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (target->shipped, &n);

  if (lp_elf_header (target->shipped)->e_machine != lp_elf_header (target->twin)->e_machine || n < 2)
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH, NULL,
                    "%s and %s can't be compared: other machine, or no section headers",
                    lp_elf_name (target->shipped), lp_elf_name (target->twin));
      return FALSE;
    }
  for (guint i = 1; i < n; i++)
    {
      if ((sections[i].flags & SHF_ALLOC) == 0 || strcmp (sections[i].name, ".note.gnu.build-id") == 0)
        continue;
      if (section_differs (target->shipped, &sections[i], target->twin,
                           lp_elf_section_by_name (target->twin, sections[i].name)))
        {
          lp_error_set (error, LP_ERROR_TARGET_MISMATCH,
                        "build exactly the source of the installed version, or give its debug file",
                        "%s: section %s differs from the rebuilt %s", lp_elf_name (target->shipped),
                        sections[i].name, lp_elf_name (target->twin));
          return FALSE;
        }
    }

  gsize a_size = 0, b_size = 0;
  const guint8 *a = lp_elf_build_id (target->shipped, &a_size), *b = lp_elf_build_id (target->twin, &b_size);
  target->build_id_differs = a_size != b_size || (a_size != 0 && memcmp (a, b, a_size) != 0);
  return TRUE;
}

static gint
compare_addresses (gconstpointer a, gconstpointer b)
{
  guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;
  return x < y ? -1 : x > y;
}

/* "stdout@GLIBC_2.2.5" in .symtab -> "stdout". The result is interned: it lives as long as the process. */
static const char *
name_without_version (const char *name)
{
  const char *at = strchr (name, '@');
  if (at == NULL || at == name)
    return name;
  g_autofree char *plain = g_strndup (name, (gsize)(at - name));
  return g_intern_string (plain);
}

static void
note_unique (GHashTable *table, const char *name, const LpElfSymbol *symbol)
{
  gpointer known;

  if (!g_hash_table_lookup_extended (table, name, NULL, &known))
    g_hash_table_insert (table, (gpointer)name, (gpointer)symbol);
  else if (known != NULL
           && (((const LpElfSymbol *)known)->value != symbol->value
               || ((const LpElfSymbol *)known)->shndx != symbol->shndx))
    g_hash_table_insert (table, (gpointer)name, NULL);
}

static void
note_local (LpTarget *target, const LpElfSymbol *symbol, GHashTable *groups)
{
  if (symbol->file_index == 0)
    return;

  LpFileGroup *group = g_hash_table_lookup (groups, GUINT_TO_POINTER (symbol->file_index));
  if (group == NULL)
    {
      group = g_new0 (LpFileGroup, 1);
      group->file_index = symbol->file_index;
      group->locals = g_hash_table_new (g_str_hash, g_str_equal);
      g_hash_table_insert (groups, GUINT_TO_POINTER (symbol->file_index), group);

      GPtrArray *same_name = g_hash_table_lookup (target->files, symbol->file);
      if (same_name == NULL)
        {
          same_name = g_ptr_array_new_with_free_func (group_free);
          g_hash_table_insert (target->files, (gpointer)symbol->file, same_name);
        }
      g_ptr_array_add (same_name, group);
    }

  /* Two things of one name in one file: neither can be told by name. */
  gpointer known;
  gboolean again = g_hash_table_lookup_extended (group->locals, symbol->name, NULL, &known);
  g_hash_table_insert (group->locals, (gpointer)symbol->name, again ? NULL : (gpointer)symbol);
}

static gboolean
is_code (LpElf *elf, const LpElfSymbol *symbol)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (elf, &n);

  return symbol->shndx != SHN_ABS && symbol->shndx != SHN_COMMON && symbol->section < n
         && symbol->section != SHN_UNDEF && (sections[symbol->section].flags & SHF_EXECINSTR) != 0;
}

static gboolean
read_symbols (LpTarget *target, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GHashTable) groups = g_hash_table_new (NULL, NULL);
  guint n;
  const LpElfSymbol *symbols = lp_elf_symbols (target->twin, LP_ELF_SYMTAB, &n, &local_error);

  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (n <= 1)
    {
      lp_error_set (error, LP_ERROR_TARGET_MISMATCH, "give the file with debug information",
                    "%s has no symbol table", lp_elf_name (target->twin));
      return FALSE;
    }

  for (guint i = 1; i < n; i++)
    {
      const LpElfSymbol *symbol = &symbols[i];
      if (symbol->shndx == SHN_UNDEF || symbol->type == STT_SECTION || symbol->type == STT_FILE)
        continue;
      if (symbol->bind == STB_LOCAL)
        note_local (target, symbol, groups);
      else
        note_unique (target->globals, name_without_version (symbol->name), symbol);

      /* GNU ld lists globals that became local behind a nameless STT_FILE, lld keeps their visibility. */
      if (symbol->bind == STB_LOCAL
          && (symbol->file == NULL || symbol->file[0] == '\0' || symbol->visibility != STV_DEFAULT))
        note_unique (target->hidden, symbol->name, symbol);
      if (is_code (target->twin, symbol))
        {
          g_array_append_val (target->code_starts, symbol->value);
          if (symbol->type == STT_FUNC)
            g_hash_table_insert (target->functions_at, (gpointer)&symbol->value,
                                 GUINT_TO_POINTER (lp_target_functions_at (target, symbol->value) + 1));
        }
    }
  g_array_sort (target->code_starts, compare_addresses);
  return TRUE;
}

static LpDynamicName *
dynamic_name (LpTarget *target, const LpElfSymbol *symbol)
{
  LpDynamicName *entry = g_hash_table_lookup (target->dynamic, symbol->name);

  if (entry == NULL)
    {
      entry = g_new0 (LpDynamicName, 1);
      entry->name = symbol->name;
      entry->version = symbol->version;
      entry->is_import = symbol->shndx == SHN_UNDEF;
      entry->is_weak = symbol->bind == STB_WEAK;
      entry->is_protected = symbol->visibility != STV_DEFAULT;
      entry->type = symbol->type;
      entry->value = symbol->value;
      g_hash_table_insert (target->dynamic, (gpointer)symbol->name, entry);
    }
  else if (g_strcmp0 (entry->version, symbol->version) != 0)
    entry->is_ambiguous = TRUE;
  return entry;
}

static gboolean
read_dynamic (LpTarget *target, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  target->dynamic_symbols
      = lp_elf_symbols (target->shipped, LP_ELF_DYNSYM, &target->n_dynamic_symbols, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  for (guint i = 1; i < target->n_dynamic_symbols; i++)
    if (target->dynamic_symbols[i].bind != STB_LOCAL)
      dynamic_name (target, &target->dynamic_symbols[i]);

  GArray *relocations = lp_elf_dynamic_relocations (target->shipped, error);
  if (relocations == NULL)
    return FALSE;
  for (guint i = 0; i < relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, i);
      LpDynamicKind kind = target->arch->dynamic_kind (r->type);

      g_hash_table_insert (target->words, (gpointer)&r->offset, (gpointer)r);
      if (kind == LP_DYNAMIC_RESOLVER)
        g_hash_table_insert (target->resolver_slots, (gpointer)&r->addend, (gpointer)&r->offset);
      if (r->symbol == 0 || r->symbol >= target->n_dynamic_symbols)
        continue;

      LpDynamicName *entry = g_hash_table_lookup (target->dynamic, target->dynamic_symbols[r->symbol].name);
      if (entry == NULL || entry->is_ambiguous)
        continue;
      if (!entry->is_import && entry->type == STT_FUNC
          && (kind == LP_DYNAMIC_CALL || kind == LP_DYNAMIC_SYMBOL))
        target->calls_exports = TRUE;
      if (kind == LP_DYNAMIC_CALL)
        entry->call_slot = r->offset;
      else if (kind == LP_DYNAMIC_COPY)
        entry->copy = r->offset;
      else if (kind == LP_DYNAMIC_SYMBOL && r->addend == 0)
        {
          const LpElfSection *got = lp_elf_section_by_name (target->shipped, ".got");
          const LpElfSection *got_plt = lp_elf_section_by_name (target->shipped, ".got.plt");
          gboolean in_got = (got != NULL && r->offset - got->address < got->size)
                            || (got_plt != NULL && r->offset - got_plt->address < got_plt->size);
          if (in_got) /* a pointer in writable data may be changed by the program */
            entry->address_slot = r->offset;
        }
    }
  return TRUE;
}

/* TLS ABI variant II: the program's own block ends at the thread pointer. */
static void
read_segments (LpTarget *target)
{
  guint n;
  const Elf64_Phdr *segments = lp_elf_segments (target->shipped, &n);
  guint64 flags = 0, flags_1 = 0;
  gboolean has_interpreter = FALSE, has_name = FALSE;

  for (guint i = 0; i < n; i++)
    {
      if (segments[i].p_type == PT_INTERP)
        has_interpreter = TRUE;
      if (segments[i].p_type == PT_TLS && segments[i].p_align != 0 && target->arch->machine == EM_X86_64)
        {
          guint64 align = segments[i].p_align;
          target->thread_offset = 0 - ((segments[i].p_memsz + align - 1) & ~(align - 1));
          target->has_thread_block = TRUE;
        }
      if (segments[i].p_type != PT_DYNAMIC)
        continue;
      const guint8 *bytes = lp_elf_at (target->shipped, segments[i].p_vaddr, segments[i].p_filesz);
      for (guint64 at = 0; bytes != NULL && at + sizeof (Elf64_Dyn) <= segments[i].p_filesz;
           at += sizeof (Elf64_Dyn))
        {
          Elf64_Dyn entry;
          memcpy (&entry, bytes + at, sizeof entry);
          if (entry.d_tag == DT_NULL)
            break;
          if (entry.d_tag == DT_FLAGS)
            flags = entry.d_un.d_val;
          if (entry.d_tag == DT_FLAGS_1)
            flags_1 = entry.d_un.d_val;
          has_name = has_name || entry.d_tag == DT_SONAME;
          target->is_bound_inside = target->is_bound_inside || entry.d_tag == DT_SYMBOLIC;
        }
    }
  target->is_bound_inside = target->is_bound_inside || (flags & DF_SYMBOLIC) != 0;
  target->is_library = lp_elf_header (target->shipped)->e_type == ET_DYN && (flags_1 & DF_1_PIE) == 0
                       && (has_name || !has_interpreter);
  target->has_thread_block = target->has_thread_block && !target->is_library;
}

LpTarget *
lp_target_new (LpElf *shipped, LpElf *twin, const char *name, GError **error)
{
  const Elf64_Ehdr *header = lp_elf_header (shipped);
  const LpArch *arch = lp_arch_for_machine (header->e_machine);

  if (arch == NULL || (header->e_type != ET_EXEC && header->e_type != ET_DYN))
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL,
                    "%s is not a program or library of a supported machine", name);
      return NULL;
    }

  g_autoptr (LpTarget) target = g_new0 (LpTarget, 1);
  target->shipped = shipped;
  target->twin = twin;
  target->arch = arch;
  target->name = name;
  target->globals = g_hash_table_new (g_str_hash, g_str_equal);
  target->hidden = g_hash_table_new (g_str_hash, g_str_equal);
  target->files = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
  target->dynamic = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  target->provided = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  target->words = g_hash_table_new (g_int64_hash, g_int64_equal);
  target->resolver_slots = g_hash_table_new (g_int64_hash, g_int64_equal);
  target->functions_at = g_hash_table_new (g_int64_hash, g_int64_equal);
  target->code_starts = g_array_new (FALSE, FALSE, sizeof (guint64));

  read_segments (target);
  if (!check_twin (target, error) || !read_symbols (target, error) || !read_dynamic (target, error))
    return NULL;
  return g_steal_pointer (&target);
}

gboolean
lp_target_global (LpTarget *target, const char *name, const LpElfSymbol **found, GError **error)
{
  gpointer value = NULL;
  gboolean known = g_hash_table_lookup_extended (target->globals, name, NULL, &value)
                   || g_hash_table_lookup_extended (target->hidden, name, NULL, &value);

  *found = value;
  if (!known || value != NULL)
    return TRUE;
  lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: symbol \"%s\" is defined at more than one address",
                target->name, name);
  return FALSE;
}

LpDynamicName *
lp_target_dynamic (LpTarget *target, const char *name)
{
  return g_hash_table_lookup (target->dynamic, name);
}

gboolean
lp_target_word (LpTarget *target, guint64 address, LpTargetWord *word)
{
  const LpElfRelocation *r = g_hash_table_lookup (target->words, &address);

  *word = (LpTargetWord){ .kind = LP_DYNAMIC_OTHER };
  if (r == NULL)
    {
      const guint8 *bytes = lp_elf_at (target->shipped, address, ALL_BYTES_OF_PLACE);
      if (bytes == NULL)
        return FALSE;
      guint64 value;
      memcpy (&value, bytes, sizeof value);
      word->is_plain = TRUE;
      word->value = GUINT64_FROM_LE (value);
      return TRUE;
    }

  word->kind = target->arch->dynamic_kind (r->type);
  word->value = (guint64)r->addend;
  if (r->symbol != 0 && r->symbol < target->n_dynamic_symbols)
    word->symbol = &target->dynamic_symbols[r->symbol];
  return TRUE;
}

gboolean
lp_target_plt_slot (LpTarget *target, guint64 address, guint64 *slot)
{
  guint size = target->arch->plt_entry_max;
  const guint8 *bytes = NULL;

  while (size >= 6 && (bytes = lp_elf_at (target->shipped, address, size)) == NULL)
    size--;
  return bytes != NULL && target->arch->plt_slot (bytes, size, address, slot);
}

guint64
lp_target_next_code (LpTarget *target, guint64 address)
{
  guint n;
  const LpElfSection *sections = lp_elf_sections (target->shipped, &n);
  guint64 end = address;

  for (guint i = 1; i < n; i++)
    if ((sections[i].flags & SHF_EXECINSTR) != 0 && address - sections[i].address < sections[i].size)
      end = sections[i].address + sections[i].size;

  guint low = 0, high = target->code_starts->len;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (target->code_starts, guint64, middle) <= address)
        low = middle + 1;
      else
        high = middle;
    }
  if (low < target->code_starts->len)
    end = MIN (end, g_array_index (target->code_starts, guint64, low));
  return end;
}

guint
lp_target_functions_at (LpTarget *target, guint64 address)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (target->functions_at, &address));
}

gboolean
lp_target_is_preemptible (LpTarget *target, const char *name)
{
  LpDynamicName *entry = lp_target_dynamic (target, name);

  if (!target->is_library || target->is_bound_inside || entry == NULL || entry->is_import
      || entry->is_protected)
    return FALSE;
  return entry->type != STT_FUNC || target->calls_exports;
}
