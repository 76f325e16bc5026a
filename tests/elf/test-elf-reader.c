/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What LpElf reads is what libelf, written by others, reads from the same real files. */
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "elf/elf-file.h"

/* A file opened by both readers. */
typedef struct {
  LpElf *elf;
  Elf *reference;
  int fd;
} Pair;

static void
pair_clear (Pair *pair)
{
  lp_elf_unref (pair->elf);
  elf_end (pair->reference);
  close (pair->fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pair, pair_clear)

static Pair
pair_open (const char *path)
{
  g_autoptr (GError) error = NULL;
  Pair pair = { NULL, NULL, open (path, O_RDONLY | O_CLOEXEC) };

  g_assert_cmpint (pair.fd, >=, 0);
  pair.reference = elf_begin (pair.fd, ELF_C_READ_MMAP, NULL);
  g_assert_nonnull (pair.reference);
  pair.elf = lp_elf_open (path, &error);
  g_assert_no_error (error);
  return pair;
}

static char *
path_of_libc (void)
{
  char line[4096];
  FILE *maps = fopen ("/proc/self/maps", "re");
  char *path = NULL;

  while (path == NULL && fgets (line, sizeof line, maps) != NULL)
    if (strstr (line, "libc.so.6") != NULL)
      path = g_strdup (g_strchomp (strchr (line, '/')));
  fclose (maps);
  g_assert_nonnull (path);
  return path;
}

static Elf_Scn *
reference_section (Elf *reference, guint32 type)
{
  GElf_Shdr header;

  for (Elf_Scn *scn = elf_nextscn (reference, NULL); scn != NULL; scn = elf_nextscn (reference, scn))
    if (gelf_getshdr (scn, &header) != NULL && header.sh_type == type)
      return scn;
  return NULL;
}

static guint
compare_symbols (Pair *pair, LpElfTable table)
{
  g_autoptr (GError) error = NULL;
  Elf_Scn *scn = reference_section (pair->reference, table == LP_ELF_SYMTAB ? SHT_SYMTAB : SHT_DYNSYM);
  GElf_Shdr header;
  guint n;
  const LpElfSymbol *symbols = lp_elf_symbols (pair->elf, table, &n, &error);

  g_assert_no_error (error);
  g_assert_nonnull (symbols);
  if (scn == NULL)
    {
      g_assert_cmpuint (n, ==, 0);
      return 0;
    }
  gelf_getshdr (scn, &header);
  Elf_Data *data = elf_getdata (scn, NULL);
  g_assert_cmpuint (n, ==, header.sh_size / header.sh_entsize);
  for (guint i = 0; i < n; i++)
    {
      GElf_Sym symbol;
      gelf_getsym (data, i, &symbol);
      g_assert_cmpstr (symbols[i].name, ==, elf_strptr (pair->reference, header.sh_link, symbol.st_name));
      g_assert_cmphex (symbols[i].value, ==, symbol.st_value);
      g_assert_cmpuint (symbols[i].size, ==, symbol.st_size);
      g_assert_cmpuint (symbols[i].type, ==, GELF_ST_TYPE (symbol.st_info));
      g_assert_cmpuint (symbols[i].bind, ==, GELF_ST_BIND (symbol.st_info));
      g_assert_cmpuint (symbols[i].visibility, ==, GELF_ST_VISIBILITY (symbol.st_other));
      g_assert_cmpuint (symbols[i].shndx, ==, symbol.st_shndx);
    }
  return n;
}

static void
compare_sections (Pair *pair)
{
  guint n;
  gsize names;
  const LpElfSection *sections = lp_elf_sections (pair->elf, &n);

  elf_getshdrstrndx (pair->reference, &names);
  for (guint i = 1; i < n; i++)
    {
      GElf_Shdr header;
      gsize size;
      g_assert_nonnull (gelf_getshdr (elf_getscn (pair->reference, i), &header));
      g_assert_cmpstr (sections[i].name, ==, elf_strptr (pair->reference, names, header.sh_name));
      g_assert_cmpuint (sections[i].type, ==, header.sh_type);
      g_assert_cmphex (sections[i].flags, ==, header.sh_flags);
      g_assert_cmphex (sections[i].address, ==, header.sh_addr);
      g_assert_cmpuint (sections[i].size, ==, header.sh_size);
      const guint8 *data = lp_elf_section_data (pair->elf, &sections[i], &size);
      if (header.sh_type == SHT_NOBITS || header.sh_size == 0)
        g_assert_null (data);
      else
        g_assert_cmpmem (data, size, elf_rawfile (pair->reference, NULL) + header.sh_offset, header.sh_size);
    }
}

static void
compare_build_id (Pair *pair)
{
  const void *expected;
  ssize_t expected_size = dwelf_elf_gnu_build_id (pair->reference, &expected);
  gsize size;
  const guint8 *build_id = lp_elf_build_id (pair->elf, &size);
  g_autoptr (GBytes) peeked = lp_elf_peek_build_id_fd (pair->fd);

  g_assert_cmpint (expected_size, >, 0);
  g_assert_cmpmem (build_id, size, expected, expected_size);
  g_assert_nonnull (peeked);
  g_assert_cmpmem (g_bytes_get_data (peeked, NULL), g_bytes_get_size (peeked), expected, expected_size);
}

static void
test_library (gconstpointer path)
{
  g_auto (Pair) pair = pair_open (path);

  compare_sections (&pair);
  compare_build_id (&pair);
  g_assert_cmpuint (compare_symbols (&pair, LP_ELF_DYNSYM), >, 0);
  compare_symbols (&pair, LP_ELF_SYMTAB);
}

static guint
compare_relocations (Pair *pair, Elf_Scn *scn, GArray *relocations, guint from)
{
  GElf_Shdr header;
  gelf_getshdr (scn, &header);
  Elf_Data *data = elf_getdata (scn, NULL);
  guint n = header.sh_size / header.sh_entsize;

  for (guint i = 0; i < n; i++)
    {
      const LpElfRelocation *relocation = &g_array_index (relocations, LpElfRelocation, from + i);
      GElf_Rela expected;
      gelf_getrela (data, i, &expected);
      g_assert_cmphex (relocation->offset, ==, expected.r_offset);
      g_assert_cmpuint (relocation->type, ==, GELF_R_TYPE (expected.r_info));
      g_assert_cmpuint (relocation->symbol, ==, GELF_R_SYM (expected.r_info));
      g_assert_cmpint (relocation->addend, ==, expected.r_addend);
    }
  return n;
}

static void
test_object_relocations (void)
{
  g_autoptr (GError) error = NULL;
  g_auto (Pair) pair = pair_open (g_getenv ("OBJECT"));
  guint total = 0;

  compare_sections (&pair);
  g_assert_cmpuint (compare_symbols (&pair, LP_ELF_SYMTAB), >, 10);
  for (Elf_Scn *scn = elf_nextscn (pair.reference, NULL); scn != NULL;
       scn = elf_nextscn (pair.reference, scn))
    {
      GElf_Shdr header;
      gelf_getshdr (scn, &header);
      if (header.sh_type != SHT_RELA)
        continue;
      GArray *relocations = lp_elf_relocations (pair.elf, header.sh_info, &error);
      g_assert_no_error (error);
      guint n = compare_relocations (&pair, scn, relocations, 0);
      g_assert_cmpuint (n, ==, relocations->len);
      total += n;
    }
  g_assert_cmpuint (total, >, 30);

  const LpElfSection *comment = lp_elf_section_by_name (pair.elf, ".comment");
  g_assert_cmpuint (lp_elf_relocations (pair.elf, comment->index, &error)->len, ==, 0);
}

static void
test_dynamic_relocations (gconstpointer path)
{
  g_autoptr (GError) error = NULL;
  g_auto (Pair) pair = pair_open (path);
  GArray *relocations = lp_elf_dynamic_relocations (pair.elf, &error);
  guint n = 0;

  g_assert_no_error (error);
  for (Elf_Scn *scn = elf_nextscn (pair.reference, NULL); scn != NULL;
       scn = elf_nextscn (pair.reference, scn))
    {
      GElf_Shdr header;
      gelf_getshdr (scn, &header);
      if (header.sh_type == SHT_RELA && (header.sh_flags & SHF_ALLOC) != 0)
        n += compare_relocations (&pair, scn, relocations, n);
    }
  g_assert_cmpuint (n, >, 0);
  /* What is left came from .relr.dyn, which libelf doesn't decode. */
  g_assert_true (relocations->len == n || lp_elf_section_by_name (pair.elf, ".relr.dyn") != NULL);
  for (; n < relocations->len; n++)
    g_assert_cmpuint (g_array_index (relocations, LpElfRelocation, n).type, ==, R_X86_64_RELATIVE);
}

static int
compare_addends (gconstpointer a, gconstpointer b)
{
  gint64 left = ((const LpElfRelocation *)a)->addend;
  gint64 right = ((const LpElfRelocation *)b)->addend;

  return left < right ? -1 : left > right;
}

/* The places and addends of a file's relative relocations, as the text of what stands there. */
static GArray *
relative_relocations (LpElf *elf)
{
  g_autoptr (GError) error = NULL;
  GArray *all = lp_elf_dynamic_relocations (elf, &error);
  GArray *relative = g_array_new (FALSE, FALSE, sizeof (LpElfRelocation));

  g_assert_no_error (error);
  for (guint i = 0; i < all->len; i++)
    if (g_array_index (all, LpElfRelocation, i).symbol == 0)
      g_array_append_val (relative, g_array_index (all, LpElfRelocation, i));
  g_array_sort (relative, compare_addends);
  return relative;
}

static void
test_packed_relocations (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpElf) plain = lp_elf_open (g_getenv ("LIBRARY"), &error);
  g_autoptr (LpElf) packed = lp_elf_open (g_getenv ("PACKED"), &error);
  g_assert_no_error (error);
  g_autoptr (GArray) expected = relative_relocations (plain);
  g_autoptr (GArray) found = relative_relocations (packed);

  g_assert_nonnull (lp_elf_section_by_name (packed, ".relr.dyn"));
  g_assert_cmpuint (found->len, ==, expected->len);
  g_assert_cmpuint (found->len, >=, 7);
  for (guint i = 0; i < found->len; i++)
    {
      /* Laid out differently, so compare what the pointers point to. */
      const LpElfRelocation *left = &g_array_index (expected, LpElfRelocation, i);
      const LpElfRelocation *right = &g_array_index (found, LpElfRelocation, i);
      const guint8 *left_target = lp_elf_at (plain, left->addend, 4);
      const guint8 *right_target = lp_elf_at (packed, right->addend, 4);

      g_assert_cmpuint (left->type, ==, right->type);
      g_assert_nonnull (lp_elf_at (packed, right->offset, 8));
      g_assert_true ((left_target == NULL) == (right_target == NULL));
    }
}

static const LpElfSymbol *
find_symbol (LpElf *elf, LpElfTable table, const char *name, gboolean hidden)
{
  g_autoptr (GError) error = NULL;
  guint n;
  const LpElfSymbol *symbols = lp_elf_symbols (elf, table, &n, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    if (strcmp (symbols[i].name, name) == 0 && symbols[i].version_hidden == hidden)
      return &symbols[i];
  return NULL;
}

static void
test_versions (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *libc = path_of_libc ();
  g_autoptr (LpElf) elf = lp_elf_open (libc, &error);
  g_assert_no_error (error);

  /* glibc keeps an old memcpy for old programs: hidden, with its own version. */
  g_assert_cmpstr (find_symbol (elf, LP_ELF_DYNSYM, "memcpy", FALSE)->version, ==, "GLIBC_2.14");
  g_assert_cmpstr (find_symbol (elf, LP_ELF_DYNSYM, "memcpy", TRUE)->version, ==, "GLIBC_2.2.5");

  g_autoptr (LpElf) library = lp_elf_open (g_getenv ("LIBRARY"), &error);
  g_assert_no_error (error);
  g_assert_cmpstr (find_symbol (library, LP_ELF_DYNSYM, "puts", FALSE)->version, ==, "GLIBC_2.2.5");
  g_assert_null (find_symbol (library, LP_ELF_DYNSYM, "fixture_sum", FALSE)->version);
}

static void
test_local_symbols_know_their_file (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpElf) elf = lp_elf_open (g_getenv ("LIBRARY"), &error);
  g_assert_no_error (error);
  const LpElfSymbol *local = find_symbol (elf, LP_ELF_SYMTAB, "calls", FALSE);
  const LpElfSymbol *global = find_symbol (elf, LP_ELF_SYMTAB, "fixture_sum", FALSE);
  guint n;

  g_assert_cmpstr (local->file, ==, "fixture.c");
  g_assert_cmpuint (lp_elf_symbols (elf, LP_ELF_SYMTAB, &n, NULL)[local->file_index].type, ==, STT_FILE);
  g_assert_null (global->file);
  g_assert_cmpuint (global->file_index, ==, 0);
}

static void
test_static_program (void)
{
  g_autoptr (GError) error = NULL;
  g_auto (Pair) pair = pair_open (g_getenv ("STATIC"));
  guint n;

  compare_sections (&pair);
  compare_build_id (&pair);
  g_assert_cmpuint (compare_symbols (&pair, LP_ELF_SYMTAB), >, 100);
  g_assert_nonnull (lp_elf_symbols (pair.elf, LP_ELF_DYNSYM, &n, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 0);
  g_assert_cmpuint (lp_elf_dynamic_relocations (pair.elf, &error)->len, ==, 0);
}

static void
run (const char *const *argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *errors = NULL;
  int status;

  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &errors, &status, &error);
  g_assert_no_error (error);
  if (!g_spawn_check_wait_status (status, NULL))
    g_error ("%s: %s", argv[0], errors);
}

static void
test_stripped_and_detached (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("syscare-elf-XXXXXX", NULL);
  g_autofree char *stripped = g_build_filename (folder, "stripped.so", NULL);
  g_autofree char *detached = g_build_filename (folder, "stripped.debug", NULL);
  const char *library = g_getenv ("LIBRARY");
  guint n;

  run ((const char *const[]){ "strip", "-o", stripped, library, NULL });
  run ((const char *const[]){ "objcopy", "--only-keep-debug", library, detached, NULL });
  g_auto (Pair) left = pair_open (stripped);
  g_auto (Pair) right = pair_open (detached);

  compare_sections (&left);
  compare_build_id (&left);
  compare_build_id (&right);
  lp_elf_symbols (left.elf, LP_ELF_SYMTAB, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 0);
  g_assert_cmpuint (compare_symbols (&left, LP_ELF_DYNSYM), >, 5);
  g_assert_cmpuint (compare_symbols (&right, LP_ELF_SYMTAB), >, 20);
  g_unlink (stripped);
  g_unlink (detached);
  g_rmdir (folder);
}

/* More than 65,280 sections: their number, the name table's index and the symbols' sections don't fit into 16
 * bits. */
static void
test_extended_numbering (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("syscare-elf-XXXXXX", NULL);
  g_autofree char *source = g_build_filename (folder, "many.s", NULL);
  g_autofree char *object = g_build_filename (folder, "many.o", NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < 66000; i++)
    g_string_append_printf (text, ".section .t.%u,\"ax\"\nf%u: .byte %u\n", i, i, i & 0xff);
  g_assert_true (g_file_set_contents (source, text->str, text->len, &error));
  run ((const char *const[]){ "as", "-o", object, source, NULL });

  g_auto (Pair) pair = pair_open (object);
  guint n;
  const LpElfSection *sections = lp_elf_sections (pair.elf, &n);
  g_assert_cmpuint (n, >, 66000);
  compare_symbols (&pair, LP_ELF_SYMTAB);
  const LpElfSymbol *last = find_symbol (pair.elf, LP_ELF_SYMTAB, "f65999", FALSE);
  g_assert_cmphex (last->shndx, ==, SHN_XINDEX);
  g_assert_cmpstr (sections[last->section].name, ==, ".t.65999");
  g_unlink (source);
  g_unlink (object);
  g_rmdir (folder);
}

static void
test_addresses (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpElf) elf = lp_elf_open (g_getenv ("LIBRARY"), &error);
  guint n;
  g_assert_no_error (error);
  const Elf64_Phdr *segments = lp_elf_segments (elf, &n);
  const guint8 *file = g_bytes_get_data (lp_elf_bytes (elf), NULL);

  for (guint i = 0; i < n; i++)
    {
      const Elf64_Phdr *segment = &segments[i];
      guint64 address, offset;
      if (segment->p_type != PT_LOAD)
        continue;
      g_assert_true (lp_elf_at (elf, segment->p_vaddr, segment->p_filesz) == file + segment->p_offset);
      g_assert_null (lp_elf_at (elf, segment->p_vaddr, segment->p_filesz + 1));
      g_assert_null (lp_elf_at (elf, segment->p_vaddr + 1, G_MAXSIZE));
      g_assert_true (lp_elf_offset_to_address (elf, segment->p_offset, &address));
      g_assert_cmphex (address, ==, segment->p_vaddr);
      g_assert_true (lp_elf_address_to_offset (elf, segment->p_vaddr + segment->p_filesz - 1, &offset));
      g_assert_cmphex (offset, ==, segment->p_offset + segment->p_filesz - 1);
    }
  g_assert_false (lp_elf_offset_to_address (elf, G_MAXUINT64, &(guint64){ 0 }));
  g_assert_false (lp_elf_address_to_offset (elf, G_MAXUINT64, &(guint64){ 0 }));
}

int
main (int argc, char **argv)
{
  g_autofree char *libc = path_of_libc ();

  g_test_init (&argc, &argv, NULL);
  elf_version (EV_CURRENT);
  g_test_add_data_func ("/elf/library is read as libelf reads it", g_getenv ("LIBRARY"), test_library);
  g_test_add_data_func ("/elf/libc is read as libelf reads it", libc, test_library);
  g_test_add_data_func ("/elf/this program is read as libelf reads it", "/proc/self/exe", test_library);
  g_test_add_func ("/elf/object: sections, symbols and relocations are libelf's", test_object_relocations);
  g_test_add_data_func ("/elf/dynamic relocations of a library are libelf's", g_getenv ("LIBRARY"),
                        test_dynamic_relocations);
  g_test_add_data_func ("/elf/dynamic relocations of libc are libelf's", libc, test_dynamic_relocations);
  g_test_add_func ("/elf/packed relative relocations mean the same as plain ones", test_packed_relocations);
  g_test_add_func ("/elf/symbol versions and hidden ones", test_versions);
  g_test_add_func ("/elf/local symbols know their translation unit", test_local_symbols_know_their_file);
  g_test_add_func ("/elf/static program has no dynamic part", test_static_program);
  g_test_add_func ("/elf/stripped and detached files", test_stripped_and_detached);
  g_test_add_func ("/elf/more sections than 16 bits count", test_extended_numbering);
  g_test_add_func ("/elf/addresses never cross a segment", test_addresses);
  return g_test_run ();
}
