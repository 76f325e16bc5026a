/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test helper: makes an entity without libpatch/diff, so that the engine can be tested alone and with odd
 * input: every function of an object file (one section each) that the target has too is replaced. Knows only
 * what the tests need: calls and references to symbols of the target, constants of its own. */
#include "arch/arch.h"
#include "format/entity-writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const LpElfSymbol *old;
  guint text, stub;
  const LpElfSection *section;
  LpEntryInfo info;
  LpEntityFunction record;
  gsize undo_size;
} Function;

static LpElf *target, *object;
static const LpArch *arch;
static LpEntityWriter *writer;
static guint pieces[4096]; /* by section index of the object, plus one */
static GHashTable *slots;  /* symbol index of the object -> piece of its GOT slot */

static void
die (const char *what, GError *error)
{
  fprintf (stderr, "make-entity: %s%s%s\n", what, error != NULL ? ": " : "",
           error != NULL ? error->message : "");
  exit (1);
}

static const LpElfSymbol *
find_in_target (const char *name)
{
  guint n;
  const LpElfSymbol *symbols = lp_elf_symbols (target, LP_ELF_SYMTAB, &n, NULL);

  for (guint i = 1; symbols != NULL && i < n; i++)
    if (strcmp (symbols[i].name, name) == 0 && symbols[i].section != SHN_UNDEF)
      return &symbols[i];
  return NULL;
}

/* Adds stub and code of one function. */
static void
add_function (GArray *functions, const LpElfSymbol *old, const LpElfSection *section)
{
  Function f = { .old = old, .section = section };
  GError *error = NULL;
  gsize size;
  const guint8 *code = lp_elf_at (target, old->value, old->size);
  const guint8 *bytes = lp_elf_section_data (object, section, &size);
  g_autoptr (GByteArray) undo = g_byte_array_new ();

  if (code == NULL || !arch->entry_info (code, old->size, &f.info, &error))
    die (old->name, error);
  if (f.info.class != LP_ENTRY_CANNOT_UNDO && f.info.length + arch->redirect_size <= old->size
      && getenv ("AT_ENTRY") == NULL)
    {
      f.record.site_offset = f.info.length;
      arch->emit_undo (&f.info, undo);
    }
  else
    f.record.flags |= LP_FUNCTION_AT_ENTRY;
  f.record.flags |= LP_FUNCTION_ENTRY_SAFE;
  f.undo_size = undo->len;
  g_byte_array_set_size (undo, undo->len + arch->redirect_size);
  f.stub = lp_entity_writer_add_piece (writer, LP_ENTITY_TEXT, undo->data, undo->len, 16);
  f.text = lp_entity_writer_add_piece (writer, LP_ENTITY_TEXT, bytes, size, 16);
  pieces[section->index] = f.text + 1;
  f.record.old_address = old->value;
  f.record.old_size = old->size;
  f.record.new_size = size;
  f.record.site_size = arch->redirect_size;
  memcpy (f.record.site_original, code + f.record.site_offset, arch->redirect_size);
  g_array_append_val (functions, f);
}

/* Every symbol that @section reaches through a GOT slot gets one. */
static void
add_slots (const LpElfSection *section)
{
  GArray *relocations = lp_elf_relocations (object, section->index, NULL);

  for (guint i = 0; relocations != NULL && i < relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, i);
      const LpRelocInfo *info = arch->reloc_info (r->type);
      gpointer key = GUINT_TO_POINTER (r->symbol);
      if (info != NULL && info->kind == LP_RELOC_GOT_PC && !g_hash_table_contains (slots, key))
        g_hash_table_insert (slots, key,
                             GUINT_TO_POINTER (
                                 lp_entity_writer_add_piece (writer, LP_ENTITY_GOT, NULL, 8, 8)));
    }
}

/* The entity's symbol for symbol @s of the object. */
static guint
symbol_for (const LpElfSymbol *s)
{
  const LpElfSymbol *old = find_in_target (s->name);

  if (s->section != SHN_UNDEF && s->section < G_N_ELEMENTS (pieces) && pieces[s->section] != 0)
    return lp_entity_writer_add_symbol (writer, LP_ENTITY_SYMBOL_IMAGE, s->name, NULL, 0,
                                        lp_entity_writer_address (writer, pieces[s->section] - 1) + s->value,
                                        0);
  if (old != NULL)
    return lp_entity_writer_add_symbol (writer, LP_ENTITY_SYMBOL_TARGET, s->name, NULL, 0, old->value,
                                        old->size);
  return lp_entity_writer_add_symbol (writer, LP_ENTITY_SYMBOL_IMPORT, s->name, NULL, 0, 0, 0);
}

static void
fill_slots (void)
{
  guint n;
  const LpElfSymbol *symbols = lp_elf_symbols (object, LP_ELF_SYMTAB, &n, NULL);
  GHashTableIter iter;
  gpointer key, piece;

  g_hash_table_iter_init (&iter, slots);
  while (g_hash_table_iter_next (&iter, &key, &piece))
    lp_entity_writer_add_relocation (writer, lp_entity_writer_address (writer, GPOINTER_TO_UINT (piece)),
                                     arch->reloc_absolute, symbol_for (&symbols[GPOINTER_TO_UINT (key)]), 0);
}

static void
relocate_section (guint piece, const LpElfSection *section)
{
  GError *error = NULL;
  GArray *relocations = lp_elf_relocations (object, section->index, &error);
  guint n;
  const LpElfSymbol *symbols = lp_elf_symbols (object, LP_ELF_SYMTAB, &n, NULL);

  for (guint i = 0; relocations != NULL && i < relocations->len; i++)
    {
      const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, i);
      const LpElfSymbol *s = &symbols[r->symbol];
      guint32 type = r->type;
      gpointer slot;
      guint index;

      if (g_hash_table_lookup_extended (slots, GUINT_TO_POINTER (r->symbol), NULL, &slot)
          && arch->reloc_info (type)->kind == LP_RELOC_GOT_PC)
        {
          g_autofree char *name = g_strdup_printf ("%s@got", s->name);
          index = lp_entity_writer_add_symbol (writer, LP_ENTITY_SYMBOL_IMAGE, name, NULL, 0,
                                               lp_entity_writer_address (writer, GPOINTER_TO_UINT (slot)), 0);
          type = arch->reloc_near;
        }
      else
        index = symbol_for (s);
      lp_entity_writer_add_relocation (writer, lp_entity_writer_address (writer, piece) + r->offset, r->type,
                                       index, r->addend);
    }
}

static void
add_pieces (GArray *functions)
{
  guint n, n_symbols;
  const LpElfSection *sections = lp_elf_sections (object, &n);
  const LpElfSymbol *symbols = lp_elf_symbols (object, LP_ELF_SYMTAB, &n_symbols, NULL);

  for (guint i = 1; i < n; i++)
    {
      gsize size;
      const guint8 *bytes = lp_elf_section_data (object, &sections[i], &size);
      if ((sections[i].flags & SHF_ALLOC) == 0 || sections[i].size == 0
          || g_str_has_prefix (sections[i].name, ".eh_frame") || g_str_has_prefix (sections[i].name, ".note"))
        continue;
      if ((sections[i].flags & SHF_EXECINSTR) == 0)
        {
          LpEntityPart part = (sections[i].flags & SHF_WRITE) == 0 ? LP_ENTITY_RODATA
                              : bytes != NULL                      ? LP_ENTITY_DATA
                                                                   : LP_ENTITY_BSS;
          pieces[i]
              = lp_entity_writer_add_piece (writer, part, bytes, sections[i].size, MAX (sections[i].align, 1))
                + 1;
          continue;
        }
      for (guint j = 1; j < n_symbols; j++)
        if (symbols[j].section == i && symbols[j].type == STT_FUNC)
          {
            const LpElfSymbol *old = find_in_target (symbols[j].name);
            if (old != NULL)
              add_function (functions, old, &sections[i]);
            else
              pieces[i] = lp_entity_writer_add_piece (writer, LP_ENTITY_TEXT, bytes, size, 16) + 1;
          }
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GArray) functions = g_array_new (FALSE, TRUE, sizeof (Function));
  GError *error = NULL;
  gsize id_size;

  if (argc != 5)
    die ("usage: make-entity TARGET OBJECT UUID OUTPUT", NULL);
  target = lp_elf_open (argv[1], &error);
  object = target != NULL ? lp_elf_open (argv[2], &error) : NULL;
  if (object == NULL)
    die ("input", error);
  arch = lp_arch_for_machine (lp_elf_header (target)->e_machine);
  const guint8 *id = lp_elf_build_id (target, &id_size);
  writer = lp_entity_writer_new (arch->machine, arch->page_size, argv[3], id, id_size, &error);
  if (writer == NULL)
    die ("writer", error);

  slots = g_hash_table_new (g_direct_hash, g_direct_equal);
  add_pieces (functions);
  guint n;
  const LpElfSection *sections = lp_elf_sections (object, &n);
  for (guint i = 1; i < n && i < G_N_ELEMENTS (pieces); i++)
    if (pieces[i] != 0)
      add_slots (&sections[i]);
  if (functions->len == 0)
    die ("the target has none of the object's functions", NULL);
  lp_entity_writer_set_function_count (writer, functions->len);
  if (!lp_entity_writer_lay_out (writer, &error))
    die ("layout", error);
  for (guint i = 0; i < functions->len; i++)
    {
      Function *f = &g_array_index (functions, Function, i);
      gsize size;
      guint8 *stub = lp_entity_writer_bytes (writer, f->stub, &size);
      f->record.stub_address = lp_entity_writer_address (writer, f->stub);
      f->record.new_address = lp_entity_writer_address (writer, f->text);
      if (!arch->encode_redirect (f->record.stub_address + f->undo_size, f->record.new_address,
                                  stub + f->undo_size, &error))
        die ("stub", error);
      lp_entity_writer_add_function (writer, f->old->name, &f->record);
    }
  fill_slots ();
  for (guint i = 1; i < n && i < G_N_ELEMENTS (pieces); i++)
    if (pieces[i] != 0)
      relocate_section (pieces[i] - 1, &sections[i]);
  if (getenv ("LOW32") != NULL)
    lp_entity_writer_set_flags (writer, LP_ENTITY_LOW32);
  g_autoptr (GBytes) file = lp_entity_writer_finish (writer, &error);
  if (file == NULL
      || !g_file_set_contents (argv[4], g_bytes_get_data (file, NULL), g_bytes_get_size (file), &error))
    die ("output", error);
  return 0;
}
