/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Damaged ELF files are refused or read, but never trusted: every truncation, every flipped bit of the
 * headers, and one hand-made lie per check, each with its own message (hazard 43). The sanitizer builds turn
 * a missed check into a failure. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "elf/elf-file.h"

static GBytes *
read_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  LP_AUTO_FD int fd = open (path, O_RDONLY | O_CLOEXEC);
  GBytes *bytes = lp_io_read_fd (fd, path, G_MAXSSIZE, &error);

  g_assert_no_error (error);
  return bytes;
}

/* Every failure is one of ours; what kind it is depends on the damage. */
static void
assert_ours (const GError *error)
{
  g_assert_nonnull (error);
  g_assert_true (error->domain == LP_ERROR);
  g_assert_true (error->code == LP_ERROR_PATCH_CORRUPT || error->code == LP_ERROR_NOT_SUPPORTED);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

/* Sums up all bytes, so that the sanitizer sees each of them read. */
static guint
touch (const guint8 *data, gsize size)
{
  guint sum = 0;

  for (gsize i = 0; i < size; i++)
    sum += data[i];
  return sum;
}

/* Uses everything that an LpElf offers. */
static guint
use (LpElf *elf)
{
  guint n, sum = 0;
  gsize size;
  const LpElfSection *sections = lp_elf_sections (elf, &n);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;
      const guint8 *data = lp_elf_section_data (elf, &sections[i], &size);
      sum += touch (data, size) + strlen (sections[i].name);
      if (lp_elf_header (elf)->e_type == ET_REL && lp_elf_relocations (elf, i, &error) == NULL)
        assert_ours (error);
    }
  for (LpElfTable table = LP_ELF_SYMTAB; table <= LP_ELF_DYNSYM; table++)
    {
      g_autoptr (GError) error = NULL;
      guint n_symbols;
      const LpElfSymbol *symbols = lp_elf_symbols (elf, table, &n_symbols, &error);
      if (symbols == NULL)
        assert_ours (error);
      for (guint i = 0; i < n_symbols; i++)
        sum += strlen (symbols[i].name) + (symbols[i].version != NULL ? strlen (symbols[i].version) : 0);
    }
  g_autoptr (GError) error = NULL;
  if (lp_elf_dynamic_relocations (elf, &error) == NULL)
    assert_ours (error);
  const guint8 *build_id = lp_elf_build_id (elf, &size);
  return sum + touch (build_id, size);
}

/* Opens a copy that ends where the allocation ends, so that the sanitizer sees a read behind it. */
static gboolean
opens (const guint8 *data, gsize size, guint *sum)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) copy = g_bytes_new (data, size);
  g_autoptr (LpElf) elf = lp_elf_new (copy, "damaged", &error);

  if (elf == NULL)
    {
      assert_ours (error);
      return FALSE;
    }
  *sum += use (elf);
  return TRUE;
}

static void
test_truncated (gconstpointer path)
{
  g_autoptr (GBytes) bytes = read_file (path);
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  guint sum = 0;

  /* The section headers stand at the end: no shorter file is whole. */
  for (gsize length = 0; length < size; length += length < 4096 ? 1 : 61)
    g_assert_false (opens (data, length, &sum));
  g_assert_true (opens (data, size, &sum));
  g_assert_cmpuint (sum, >, 0);
}

static void
test_flipped (gconstpointer path)
{
  g_autoptr (GBytes) bytes = read_file (path);
  gsize size;
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (bytes, &size), g_bytes_get_size (bytes));
  guint sum = 0, refused = 0;

  size = g_bytes_get_size (bytes);
  Elf64_Ehdr header;
  memcpy (&header, data, sizeof header);
  for (gsize at = 0; at < size; at++)
    {
      /* Headers bit by bit; of the rest a sample. */
      gboolean is_header = at < sizeof header || at >= header.e_shoff;
      if (!is_header && at % 7 != 0)
        continue;
      for (guint bit = 0; bit < 8; bit += is_header ? 1 : 7)
        {
          data[at] ^= 1 << bit;
          refused += !opens (data, size, &sum);
          data[at] ^= 1 << bit;
        }
    }
  g_assert_cmpuint (refused, >, 100);
}

/* A lie: @value of @width bytes at @offset of the structure, and a piece of the message that must come. */
typedef struct {
  const char *message;
  gsize offset;
  guint width;
  guint64 value;
} Lie;

#define IN_HEADER(member) G_STRUCT_OFFSET (Elf64_Ehdr, member), sizeof (((Elf64_Ehdr *)NULL)->member)
#define IN_SECTION(member) G_STRUCT_OFFSET (Elf64_Shdr, member), sizeof (((Elf64_Shdr *)NULL)->member)
#define IN_SEGMENT(member) G_STRUCT_OFFSET (Elf64_Phdr, member), sizeof (((Elf64_Phdr *)NULL)->member)

/* Opens @path with the lie told in the structure at @base, asks for everything, and returns the first error.
 */
static GError *
first_error (const char *path, gsize base, const Lie *lie)
{
  GError *error = NULL;
  g_autoptr (GBytes) bytes = read_file (path);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  guint n;

  memcpy (data + base + lie->offset, &lie->value, lie->width);
  g_autoptr (GBytes) lying = g_bytes_new (data, g_bytes_get_size (bytes));
  g_autoptr (LpElf) elf = lp_elf_new (lying, "liar", &error);
  if (elf == NULL || lp_elf_symbols (elf, LP_ELF_SYMTAB, &n, &error) == NULL
      || lp_elf_symbols (elf, LP_ELF_DYNSYM, &n, &error) == NULL)
    return error;
  if (lp_elf_header (elf)->e_type == ET_REL)
    lp_elf_relocations (elf, 0, &error);
  else
    lp_elf_dynamic_relocations (elf, &error);
  return error;
}

static void
expect (const char *path, gsize base, const Lie *lie)
{
  g_autoptr (GError) error = first_error (path, base, lie);

  g_test_message ("%s -> %s", lie->message, error != NULL ? error->message : "(accepted)");
  assert_ours (error);
  g_assert_true (g_str_has_prefix (error->message, "liar: "));
  g_assert_nonnull (strstr (error->message, lie->message));
}

static void
test_header_lies (void)
{
  static const Lie lies[] = {
    { "not an ELF file", 0, 1, 0 },
    { "not a 64-bit", EI_CLASS, 1, ELFCLASS32 },
    { "not a little-endian", EI_DATA, 1, ELFDATA2MSB },
    { "unknown ELF version", IN_HEADER (e_version), 9 },
    { "neither an object", IN_HEADER (e_type), ET_CORE },
    { "ELF header says", IN_HEADER (e_ehsize), 3 },
    { "section headers have", IN_HEADER (e_shentsize), 40 },
    { "section header table at", IN_HEADER (e_shoff), G_MAXUINT64 - 8 },
    { "goes beyond the end of the file", IN_HEADER (e_shnum), 0xfeff },
    { "section names are said", IN_HEADER (e_shstrndx), 0xfe00 },
    { "program headers have", IN_HEADER (e_phentsize), 32 },
    { "program header table", IN_HEADER (e_phoff), G_MAXUINT64 - 64 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    expect (g_getenv ("LIBRARY"), 0, &lies[i]);
}

/* File offset of the header of section @name. */
static gsize
section_header (const char *path, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpElf) elf = lp_elf_open (path, &error);
  g_assert_no_error (error);
  const LpElfSection *section = lp_elf_section_by_name (elf, name);

  g_assert_nonnull (section);
  return lp_elf_header (elf)->e_shoff + section->index * sizeof (Elf64_Shdr);
}

static void
test_section_lies (void)
{
  static const struct {
    const char *section;
    Lie lie;
  } lies[] = {
    { ".text", { "lies outside the file", IN_SECTION (sh_offset), G_MAXUINT64 - 1 } },
    { ".text", { "lies outside the file", IN_SECTION (sh_size), G_MAXUINT64 } },
    { ".bss", { "impossible size", IN_SECTION (sh_size), G_MAXINT64 } },
    { ".text", { "end of the address space", IN_SECTION (sh_addr), G_MAXUINT64 } },
    { ".text", { "not a power of two", IN_SECTION (sh_addralign), 3 } },
    { ".symtab", { "are no symbol table", IN_SECTION (sh_entsize), 0 } },
    { ".symtab", { "are no symbol table", IN_SECTION (sh_size), 25 } },
    { ".symtab", { "is not its string table", IN_SECTION (sh_link), 0xffffffff } },
    { ".symtab", { "is not its string table", IN_SECTION (sh_link), 1 } },
    { ".strtab", { "does not end in a NUL", IN_SECTION (sh_size), 3 } },
    { ".strtab", { "does not end in a NUL", IN_SECTION (sh_size), 0 } },
    { ".dynsym", { "is not its string table", IN_SECTION (sh_link), 0 } },
    { ".gnu.version", { "does not fit", IN_SECTION (sh_size), 2 } },
    { ".gnu.version_r", { "goes beyond its end", IN_SECTION (sh_size), 17 } },
    { ".gnu.version_r", { "which nothing names", IN_SECTION (sh_info), 0 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    expect (g_getenv ("LIBRARY"), section_header (g_getenv ("LIBRARY"), lies[i].section), &lies[i].lie);
}

static void
test_relocation_lies (void)
{
  const char *object = g_getenv ("OBJECT");
  static const Lie lies[] = {
    { "are no relocations", IN_SECTION (sh_entsize), 16 },
    { "are no relocations", IN_SECTION (sh_size), 23 },
    { "applies to section", IN_SECTION (sh_info), 0x7fffffff },
    { "applies to section", IN_SECTION (sh_info), 0 },
    { "is not the symbol table", IN_SECTION (sh_link), 1 },
    { "without addends", IN_SECTION (sh_type), SHT_REL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    expect (object, section_header (object, ".rela.text.fixture_sum"), &lies[i]);

  gsize size;
  g_autoptr (GError) error = NULL;
  g_autoptr (LpElf) elf = lp_elf_open (object, &error);
  g_assert_no_error (error);
  const LpElfSection *section = lp_elf_section_by_name (elf, ".rela.text.fixture_sum");
  g_assert_nonnull (lp_elf_section_data (elf, section, &size));
  expect (object, section->offset,
          &(Lie){ "lies outside", G_STRUCT_OFFSET (Elf64_Rela, r_offset), 8, section->size + 0x10000 });
  expect (object, section->offset,
          &(Lie){ "names symbol", G_STRUCT_OFFSET (Elf64_Rela, r_info) + 4, 4, 0x00ffffff });
}

static void
test_symbol_lies (void)
{
  const char *object = g_getenv ("OBJECT");
  g_autoptr (GError) error = NULL;
  g_autoptr (LpElf) elf = lp_elf_open (object, &error);
  guint n;
  g_assert_no_error (error);
  const LpElfSection *table = lp_elf_section_by_name (elf, ".symtab");
  const LpElfSymbol *symbols = lp_elf_symbols (elf, LP_ELF_SYMTAB, &n, &error);
  const Lie lies[] = {
    { "lies outside .strtab", G_STRUCT_OFFSET (Elf64_Sym, st_name), 4, G_MAXUINT32 },
    { "but there are only", G_STRUCT_OFFSET (Elf64_Sym, st_shndx), 2, 0xfe00 },
    { "unknown reserved section index", G_STRUCT_OFFSET (Elf64_Sym, st_shndx), 2, 0xff20 },
    { "no table for it", G_STRUCT_OFFSET (Elf64_Sym, st_shndx), 2, SHN_XINDEX },
    { "lies outside its section", G_STRUCT_OFFSET (Elf64_Sym, st_value), 8, G_MAXUINT64 },
    { "impossible size", G_STRUCT_OFFSET (Elf64_Sym, st_size), 8, G_MAXUINT64 },
  };
  guint function = 1;

  while (function < n && strcmp (symbols[function].name, "fixture_sum") != 0)
    function++;
  g_assert_cmpuint (function, <, n);
  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    expect (object, table->offset + function * sizeof (Elf64_Sym), &lies[i]);
}

static void
test_segment_lies (void)
{
  static const Lie lies[] = {
    { "lies outside the file", IN_SEGMENT (p_offset), G_MAXUINT64 - 1 },
    { "lies outside the file", IN_SEGMENT (p_filesz), G_MAXUINT64 },
    { "end of the address space", IN_SEGMENT (p_vaddr), G_MAXUINT64 },
    { "more bytes in the file than in memory", IN_SEGMENT (p_memsz), 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    expect (g_getenv ("LIBRARY"), sizeof (Elf64_Ehdr), &lies[i]);
}

static void
test_dynamic_lies (void)
{
  const char *library = g_getenv ("LIBRARY");
  g_autoptr (GError) error = NULL;
  g_autoptr (LpElf) elf = lp_elf_open (library, &error);
  gsize size;
  g_assert_no_error (error);
  const LpElfSection *dynamic = lp_elf_section_by_name (elf, ".dynamic");
  const guint8 *data = lp_elf_section_data (elf, dynamic, &size);
  static const struct {
    gint64 tag;
    guint64 value;
    const char *message;
  } lies[] = {
    { DT_RELA, G_MAXUINT64 - 7, "lies outside the loaded segments" },
    { DT_RELASZ, G_MAXUINT64, "lies outside the loaded segments" },
    { DT_RELASZ, 25, "not a multiple" },
    { DT_RELAENT, 16, "bytes each" },
    { DT_PLTREL, DT_REL, "without addends" },
    { DT_JMPREL, 1, "" }, /* reads nonsense: any refusal will do */
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    for (gsize at = 0; at < size; at += sizeof (Elf64_Dyn))
      {
        Elf64_Dyn entry;
        memcpy (&entry, data + at, sizeof entry);
        if (entry.d_tag == lies[i].tag)
          expect (library, dynamic->offset + at, &(Lie){ lies[i].message, 8, 8, lies[i].value });
      }
}

static void
test_peek_survives_anything (void)
{
  g_autoptr (GBytes) bytes = read_file (g_getenv ("LIBRARY"));
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  LP_AUTO_FD int fd = memfd_create ("damaged", MFD_CLOEXEC);
  LP_AUTO_FD int directory = open ("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  guint found = 0;

  g_assert_null (lp_elf_peek_build_id_fd (directory));
  g_assert_null (lp_elf_peek_build_id_fd (-1));
  g_assert_cmpint (pwrite (fd, data, size, 0), ==, size);
  for (gsize at = 0; at < 1024; at++)
    {
      guint8 flipped = data[at] ^ 0xff;
      g_assert_cmpint (pwrite (fd, &flipped, 1, at), ==, 1);
      g_autoptr (GBytes) build_id = lp_elf_peek_build_id_fd (fd);
      found += build_id != NULL;
      g_assert_cmpint (pwrite (fd, &data[at], 1, at), ==, 1);
    }
  g_assert_cmpuint (found, >, 100);
  g_assert_cmpuint (found, <, 1024);
}

static void
test_not_a_file (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (lp_elf_open ("/", &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_FAILED);
  g_clear_error (&error);
  g_assert_null (lp_elf_open ("/dev/zero", &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_FAILED);
  g_clear_error (&error);
  g_assert_null (lp_elf_open ("/nonexistent\n/file", &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_FAILED);
  g_assert_null (strchr (error->message, '\n'));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/elf/damage/a truncated object is refused", g_getenv ("OBJECT"), test_truncated);
  g_test_add_data_func ("/elf/damage/a truncated library is refused", g_getenv ("LIBRARY"), test_truncated);
  g_test_add_data_func ("/elf/damage/flipped bits of an object harm nobody", g_getenv ("OBJECT"),
                        test_flipped);
  g_test_add_data_func ("/elf/damage/flipped bits of a library harm nobody", g_getenv ("LIBRARY"),
                        test_flipped);
  g_test_add_func ("/elf/damage/each lie of the header is named", test_header_lies);
  g_test_add_func ("/elf/damage/each lie of a section is named", test_section_lies);
  g_test_add_func ("/elf/damage/each lie of a symbol is named", test_symbol_lies);
  g_test_add_func ("/elf/damage/each lie of a segment is named", test_segment_lies);
  g_test_add_func ("/elf/damage/each lie of a relocation is named", test_relocation_lies);
  g_test_add_func ("/elf/damage/each lie of the dynamic section is named", test_dynamic_lies);
  g_test_add_func ("/elf/damage/looking for a Build-ID survives anything", test_peek_survives_anything);
  g_test_add_func ("/elf/damage/what is no regular file is refused", test_not_a_file);
  return g_test_run ();
}
