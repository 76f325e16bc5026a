/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An object file put together: bytes first, then relocation sections, symbol table, names, section headers.
 */
#include "kernel/object-writer.h"

#include <string.h>

#include "base/error.h"
#include "base/span.h"

#define SHF_RELA_LIVEPATCH 0x00100000 /* include/uapi/linux/elf.h of the kernel */

typedef struct {
  char *livepatch; /* NULL: an ordinary relocation */
  Elf64_Rela rela; /* r_info holds the type only; @symbol is put in at the end */
  guint symbol;
} Relocation;

typedef struct {
  char *name;
  Elf64_Shdr header; /* sh_size, sh_type, sh_flags, sh_addralign, sh_entsize, sh_link; the rest at the end */
  GByteArray *data;
  GArray *relocations; /* Relocation */
} Section;

typedef struct {
  char *name;
  Elf64_Sym sym;
  guint index; /* in the file */
} Symbol;

struct LpObjectWriter {
  guint16 machine;
  GPtrArray *sections; /* Section; [0] is the null section */
  GPtrArray *symbols;  /* Symbol; [0] is the null symbol */
};

static void
relocation_clear (gpointer data)
{
  g_free (((Relocation *)data)->livepatch);
}

static void
section_free (gpointer data)
{
  Section *section = data;

  g_free (section->name);
  g_byte_array_unref (section->data);
  g_array_unref (section->relocations);
  g_free (section);
}

static void
symbol_free (gpointer data)
{
  g_free (((Symbol *)data)->name);
  g_free (data);
}

LpObjectWriter *
lp_object_writer_new (guint16 machine)
{
  LpObjectWriter *writer = g_new0 (LpObjectWriter, 1);

  writer->machine = machine;
  writer->sections = g_ptr_array_new_with_free_func (section_free);
  writer->symbols = g_ptr_array_new_with_free_func (symbol_free);
  lp_object_writer_section (writer, "", SHT_NULL, 0, 0, 0);
  lp_object_writer_symbol (writer, &(LpObjectSymbol){ .name = "" });
  return writer;
}

void
lp_object_writer_free (LpObjectWriter *writer)
{
  if (writer == NULL)
    return;
  g_ptr_array_unref (writer->sections);
  g_ptr_array_unref (writer->symbols);
  g_free (writer);
}

guint
lp_object_writer_section (LpObjectWriter *writer, const char *name, guint32 type, guint64 flags,
                          guint64 align, guint64 entry_size)
{
  Section *section = g_new0 (Section, 1);

  section->name = g_strdup (name);
  section->header.sh_type = type;
  section->header.sh_flags = flags;
  section->header.sh_addralign = align;
  section->header.sh_entsize = entry_size;
  section->data = g_byte_array_new ();
  section->relocations = g_array_new (FALSE, FALSE, sizeof (Relocation));
  g_array_set_clear_func (section->relocations, relocation_clear);
  g_ptr_array_add (writer->sections, section);
  return writer->sections->len - 1;
}

guint
lp_object_writer_find_section (LpObjectWriter *writer, const char *name)
{
  for (guint i = 1; i < writer->sections->len; i++)
    if (strcmp (((Section *)writer->sections->pdata[i])->name, name) == 0)
      return i;
  return 0;
}

/* Appends zeroes up to a multiple of @align. */
static void
pad (GByteArray *bytes, guint64 align)
{
  guint old = bytes->len;

  g_byte_array_set_size (bytes, (guint)lp_align_up (old, align));
  if (bytes->len > old)
    memset (bytes->data + old, 0, bytes->len - old);
}

guint64
lp_object_writer_append (LpObjectWriter *writer, guint index, const void *bytes, gsize size, guint64 align)
{
  Section *section = writer->sections->pdata[index];
  guint64 at = lp_align_up (section->header.sh_size, MAX (align, 1));

  section->header.sh_addralign = MAX (section->header.sh_addralign, align);
  section->header.sh_size = at + size;
  if (section->header.sh_type == SHT_NOBITS)
    return at;
  pad (section->data, MAX (align, 1));
  guint old = section->data->len;
  g_byte_array_set_size (section->data, old + (guint)size);
  if (size > 0 && bytes != NULL)
    memcpy (section->data->data + old, bytes, size);
  else if (size > 0)
    memset (section->data->data + old, 0, size);
  return at;
}

void
lp_object_writer_link (LpObjectWriter *writer, guint section, guint link)
{
  ((Section *)writer->sections->pdata[section])->header.sh_link = link;
}

guint
lp_object_writer_symbol (LpObjectWriter *writer, const LpObjectSymbol *given)
{
  Symbol *symbol = g_new0 (Symbol, 1);

  symbol->name = g_strdup (given->name);
  symbol->sym.st_info = ELF64_ST_INFO (given->bind, given->type);
  symbol->sym.st_other = given->visibility;
  symbol->sym.st_shndx = given->shndx;
  symbol->sym.st_value = given->value;
  symbol->sym.st_size = given->size;
  g_ptr_array_add (writer->symbols, symbol);
  return writer->symbols->len - 1;
}

void
lp_object_writer_relocation (LpObjectWriter *writer, guint section, const char *livepatch, guint64 offset,
                             guint32 type, guint symbol, gint64 addend)
{
  Relocation relocation = { g_strdup (livepatch), { offset, type, addend }, symbol };

  g_array_append_val (((Section *)writer->sections->pdata[section])->relocations, relocation);
}

static guint
add_name (GByteArray *names, const char *name)
{
  guint at = names->len;

  if (name[0] == '\0')
    return 0;
  g_byte_array_append (names, (const guint8 *)name, (guint)strlen (name) + 1);
  return at;
}

/* Local symbols first; gives the index of the first other one. */
static guint
number_symbols (LpObjectWriter *writer)
{
  guint index = 0, first = 0;

  for (guint pass = 0; pass < 2; pass++)
    {
      for (guint i = 0; i < writer->symbols->len; i++)
        {
          Symbol *symbol = writer->symbols->pdata[i];
          if ((ELF64_ST_BIND (symbol->sym.st_info) == STB_LOCAL) == (pass == 0))
            symbol->index = index++;
        }
      first = pass == 0 ? index : first;
    }
  return first;
}

static void
write_symbols (LpObjectWriter *writer, guint symtab, guint first_global)
{
  Section *table = writer->sections->pdata[symtab], *names = writer->sections->pdata[symtab + 1];

  g_byte_array_append (names->data, (const guint8 *)"", 1);
  g_byte_array_set_size (table->data, (guint)(writer->symbols->len * sizeof (Elf64_Sym)));
  for (guint i = 0; i < writer->symbols->len; i++)
    {
      Symbol *symbol = writer->symbols->pdata[i];
      symbol->sym.st_name = add_name (names->data, symbol->name);
      memcpy (table->data->data + symbol->index * sizeof (Elf64_Sym), &symbol->sym, sizeof (Elf64_Sym));
    }
  table->header.sh_link = symtab + 1;
  table->header.sh_info = first_global;
  table->header.sh_size = table->data->len;
  names->header.sh_size = names->data->len;
}

static gint
by_offset (gconstpointer a, gconstpointer b)
{
  const Relocation *x = a, *y = b;

  return x->rela.r_offset < y->rela.r_offset ? -1 : x->rela.r_offset > y->rela.r_offset;
}

/* The relocation section that @relocation of @section belongs to, made when missing. */
static Section *
relocation_section (LpObjectWriter *writer, guint section, const Relocation *relocation, guint symtab)
{
  const Section *target = writer->sections->pdata[section];
  g_autofree char *name = relocation->livepatch != NULL
                              ? g_strdup_printf (".klp.rela.%s.%s", relocation->livepatch, target->name)
                              : g_strconcat (".rela", target->name, NULL);
  guint64 flags
      = relocation->livepatch != NULL ? SHF_ALLOC | SHF_INFO_LINK | SHF_RELA_LIVEPATCH : SHF_INFO_LINK;

  for (guint i = symtab; i < writer->sections->len; i++)
    {
      Section *found = writer->sections->pdata[i];
      if (found->header.sh_type == SHT_RELA && found->header.sh_info == section
          && strcmp (found->name, name) == 0)
        return found;
    }
  guint index = lp_object_writer_section (writer, name, SHT_RELA, flags, 8, sizeof (Elf64_Rela));
  Section *made = writer->sections->pdata[index];
  made->header.sh_info = section;
  made->header.sh_link = symtab;
  return made;
}

static void
write_relocations (LpObjectWriter *writer, guint n_sections, guint symtab)
{
  for (guint i = 1; i < n_sections; i++)
    {
      GArray *relocations = ((Section *)writer->sections->pdata[i])->relocations;
      g_array_sort (relocations, by_offset);
      for (guint k = 0; k < relocations->len; k++)
        {
          const Relocation *relocation = &g_array_index (relocations, Relocation, k);
          Section *section = relocation_section (writer, i, relocation, symtab);
          Elf64_Rela rela = relocation->rela;
          const Symbol *symbol = writer->symbols->pdata[relocation->symbol];
          rela.r_info = ELF64_R_INFO ((guint64)symbol->index, rela.r_info);
          g_byte_array_append (section->data, (const guint8 *)&rela, sizeof rela);
          section->header.sh_size = section->data->len;
        }
    }
}

static void
write_headers (LpObjectWriter *writer, GByteArray *file)
{
  guint n = writer->sections->len;
  g_autofree Elf64_Shdr *headers = g_new0 (Elf64_Shdr, n);
  Section *names = writer->sections->pdata[n - 1];

  g_byte_array_append (names->data, (const guint8 *)"", 1);
  for (guint i = 0; i < n; i++)
    {
      Section *section = writer->sections->pdata[i];
      section->header.sh_name = add_name (names->data, section->name);
    }
  names->header.sh_size = names->data->len;
  for (guint i = 1; i < n; i++)
    {
      Section *section = writer->sections->pdata[i];
      pad (file, MAX (section->header.sh_addralign, 1));
      section->header.sh_offset = file->len;
      if (section->data->len > 0)
        g_byte_array_append (file, section->data->data, section->data->len);
      headers[i] = section->header;
    }
  pad (file, 8);
  Elf64_Ehdr header = {
    .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
    .e_type = ET_REL,
    .e_machine = writer->machine,
    .e_version = EV_CURRENT,
    .e_shoff = file->len,
    .e_ehsize = sizeof (Elf64_Ehdr),
    .e_shentsize = sizeof (Elf64_Shdr),
    .e_shnum = (Elf64_Half)n,
    .e_shstrndx = (Elf64_Half)(n - 1),
  };
  memcpy (file->data, &header, sizeof header);
  g_byte_array_append (file, (const guint8 *)headers, (guint)(n * sizeof (Elf64_Shdr)));
}

GBytes *
lp_object_writer_finish (LpObjectWriter *writer, GError **error)
{
  guint n_sections = writer->sections->len;
  GByteArray *file = g_byte_array_new ();
  guint first_global = number_symbols (writer);
  guint symtab = lp_object_writer_section (writer, ".symtab", SHT_SYMTAB, 0, 8, sizeof (Elf64_Sym));

  lp_object_writer_section (writer, ".strtab", SHT_STRTAB, 0, 1, 0);
  write_symbols (writer, symtab, first_global);
  write_relocations (writer, n_sections, symtab);
  lp_object_writer_section (writer, ".shstrtab", SHT_STRTAB, 0, 1, 0);
  if (writer->sections->len >= SHN_LORESERVE)
    {
      g_byte_array_unref (file);
      lp_error_set (error, LP_ERROR_LIMITS_EXCEEDED, NULL, "the object has %u sections: too many",
                    writer->sections->len);
      return NULL;
    }
  g_byte_array_set_size (file, sizeof (Elf64_Ehdr));
  write_headers (writer, file);
  return g_byte_array_free_to_bytes (file);
}
