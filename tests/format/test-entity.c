/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entities: what the writer makes is read back the same, runs when it is mapped, has unwind information that
 * libdw understands, and is the same bytes every time. */
#include <elfutils/libdw.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "sample.h"

#define UUID "2ed6657d-e927-568b-95e1-2665a8aea6a2"

static void
test_round_trip (void)
{
  g_autoptr (GError) error = NULL;
  SampleLayout layout;
  g_autoptr (GBytes) file = sample_entity (UUID, &layout);
  g_autoptr (LpEntity) entity = lp_entity_new (file, "sample", &error);
  g_assert_no_error (error);
  g_autofree char *uuid = lp_entity_uuid (entity);
  g_autofree char *build_id = lp_entity_build_id (entity);
  g_autofree char *digest = lp_io_digest (file);
  guint n;

  g_assert_cmpstr (uuid, ==, UUID);
  g_assert_cmpstr (build_id, ==, SAMPLE_BUILD_ID);
  g_assert_cmpstr (lp_entity_digest (entity), ==, digest);

  const LpEntityFunction *functions = lp_entity_functions (entity, &n);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpstr (lp_entity_string (entity, functions[0].name), ==, "answer");
  g_assert_cmphex (functions[0].old_address, ==, 0x401000);
  g_assert_cmphex (functions[0].new_address, ==, layout.answer);
  g_assert_cmphex (functions[0].stub_address, ==, layout.stub);
  const LpEntityRange *ranges = lp_entity_ranges (entity, &n);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmphex (ranges[0].address, ==, 0x402000);
  const LpEntitySymbol *symbols = lp_entity_symbols (entity, &n);
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpstr (lp_entity_string (entity, symbols[0].name), ==, "puts");
  g_assert_cmpstr (lp_entity_string (entity, symbols[0].version), ==, "GLIBC_2.2.5");
  g_assert_cmpstr (lp_entity_string (entity, symbols[1].version), ==, "");
  g_assert_cmpstr (lp_entity_string (entity, G_MAXUINT32), ==, "");
  const LpEntityRelocation *relocations = lp_entity_relocations (entity, &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmphex (relocations[0].offset, ==, layout.slot);
}

static void
test_small_patch_needs_one_page (void)
{
  g_autoptr (GError) error = NULL;
  guint n;
  g_autoptr (GBytes) file = sample_entity (UUID, NULL);
  g_autoptr (LpEntity) entity = lp_entity_new (file, "sample", &error);
  g_assert_no_error (error);
  const Elf64_Phdr *segments = lp_elf_segments (lp_entity_elf (entity), &n);

  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpuint (segments[0].p_flags, ==, PF_R | PF_X);
  g_assert_cmpuint (segments[0].p_memsz, <, 4096);
  g_assert_cmpuint (segments[1].p_flags, ==, PF_R | PF_W);
  g_assert_cmpuint (segments[1].p_vaddr, ==, 4096);
  g_assert_cmpuint (lp_entity_identity (entity)->image_size, ==, 8192);
}

static void
test_identity_is_found_in_the_first_bytes (void)
{
  SampleLayout layout;
  g_autoptr (GBytes) file = sample_entity (UUID, &layout);
  const guint8 *data = g_bytes_get_data (file, NULL);
  LpEntityIdentity identity;
  LpEntitySite site;

  g_assert_true (lp_entity_peek_identity (data, LP_ENTITY_PEEK_SIZE, &identity));
  g_assert_cmpuint (identity.n_functions, ==, 1);
  g_assert_false (lp_entity_peek_identity (data, LP_ENTITY_NOTE_OFFSET, &identity));
  g_assert_false (lp_entity_peek_identity (data, 0, &identity));
  memcpy (&site, data + identity.sites, sizeof site);
  g_assert_cmphex (site.site, ==, 0x401004);
  g_assert_cmphex (site.stub, ==, layout.stub);
  g_assert_cmphex (site.previous, ==, 0);
  for (guint at = LP_ENTITY_NOTE_OFFSET; at < LP_ENTITY_NOTE_OFFSET + 20; at++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, LP_ENTITY_PEEK_SIZE);
      copy[at] ^= 1;
      g_assert_false (lp_entity_peek_identity (copy, LP_ENTITY_PEEK_SIZE, &identity));
    }
}

static void
test_code_runs (void)
{
  SampleLayout layout;
  g_autoptr (GBytes) file = sample_entity (UUID, &layout);
  LP_AUTO_FD int fd = memfd_create ("entity", MFD_CLOEXEC);

  g_assert_cmpint (write (fd, g_bytes_get_data (file, NULL), g_bytes_get_size (file)), ==,
                   g_bytes_get_size (file));
  guint8 *image = mmap (NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  g_assert_true (image != MAP_FAILED);
#ifdef __x86_64__
  int (*stub) (void) = (int (*) (void)) (image + layout.stub);
  int (*twice) (int) = (int (*) (int)) (image + layout.twice);
  g_assert_cmpint (stub (), ==, 42);
  g_assert_cmpstr ((const char *)image + layout.text, ==, "patched");
  (void)twice; /* its relocation isn't applied here */
#endif
  munmap (image, 4096);
}

static void
assert_frame (Dwarf_CFI *cfi, guint64 address, guint64 size)
{
  Dwarf_Frame *frame = NULL;
  Dwarf_Addr start, end;
  Dwarf_Op *ops;
  size_t n_ops;
  bool is_signal;

  g_assert_cmpint (dwarf_cfi_addrframe (cfi, address, &frame), ==, 0);
  g_assert_cmpint (dwarf_frame_info (frame, &start, &end, &is_signal), ==, 16);
  g_assert_cmphex (start, ==, address);
  g_assert_cmphex (end, ==, address + size);
  g_assert_cmpint (dwarf_frame_cfa (frame, &ops, &n_ops), ==, 0);
  g_assert_cmpuint (n_ops, ==, 1);
  free (frame);
}

static void
test_unwind_information (void)
{
  SampleLayout layout;
  g_autoptr (GBytes) file = sample_entity (UUID, &layout);
  gsize size;
  gpointer copy = g_memdup2 (g_bytes_get_data (file, &size), g_bytes_get_size (file));
  Elf *elf = elf_memory (copy, g_bytes_get_size (file));
  Dwarf_CFI *cfi = dwarf_getcfi_elf (elf);

  g_assert_nonnull (cfi);
  assert_frame (cfi, layout.answer, 6);
  assert_frame (cfi, layout.twice, 4);
  Dwarf_Frame *none = NULL;
  g_assert_cmpint (dwarf_cfi_addrframe (cfi, layout.slot, &none), !=, 0);
  dwarf_cfi_end (cfi);
  elf_end (elf);
  g_free (copy);
}

static void
test_deterministic (void)
{
  g_autoptr (GBytes) one = sample_entity (UUID, NULL);
  g_autoptr (GBytes) two = sample_entity (UUID, NULL);

  g_assert_true (g_bytes_equal (one, two));
}

static void
test_debug_symbols (void)
{
  g_autoptr (GError) error = NULL;
  SampleLayout layout;
  g_autoptr (GBytes) file = sample_entity (UUID, &layout);
  g_autoptr (LpElf) elf = lp_elf_new (file, "sample", &error);
  guint n;
  g_assert_no_error (error);
  const LpElfSymbol *symbols = lp_elf_symbols (elf, LP_ELF_SYMTAB, &n, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpstr (symbols[3].name, ==, "counter");
  g_assert_cmphex (symbols[3].value, ==, layout.counter);
  g_assert_cmpstr (lp_elf_sections (elf, &n)[symbols[3].section].name, ==, ".data");
  g_assert_cmphex (symbols[1].value, ==, layout.answer);
}

/* A change of one member, and a piece of the message that it must bring. */
typedef struct {
  const char *section;
  gsize offset;
  guint width;
  guint64 value;
  const char *message;
} Lie;

#define FUNCTION(member)                                                                                     \
  ".syscare.functions", G_STRUCT_OFFSET (LpEntityFunction, member),                                          \
      sizeof (((LpEntityFunction *)NULL)->member)
#define RANGE(member)                                                                                        \
  ".syscare.ranges", G_STRUCT_OFFSET (LpEntityRange, member), sizeof (((LpEntityRange *)NULL)->member)
#define SYMBOL(member)                                                                                       \
  ".syscare.symbols", G_STRUCT_OFFSET (LpEntitySymbol, member), sizeof (((LpEntitySymbol *)NULL)->member)
#define RELOCATION(member)                                                                                   \
  ".syscare.relocations", G_STRUCT_OFFSET (LpEntityRelocation, member),                                      \
      sizeof (((LpEntityRelocation *)NULL)->member)
#define NOTE(member)                                                                                         \
  ".note.syscare", 20 + G_STRUCT_OFFSET (LpEntityIdentity, member),                                          \
      sizeof (((LpEntityIdentity *)NULL)->member)
#define HEADER(member) NULL, G_STRUCT_OFFSET (Elf64_Ehdr, member), sizeof (((Elf64_Ehdr *)NULL)->member)
#define SEGMENT(index, member)                                                                               \
  NULL, 0x118 + (index) * sizeof (Elf64_Phdr) + G_STRUCT_OFFSET (Elf64_Phdr, member),                        \
      sizeof (((Elf64_Phdr *)NULL)->member)

static void
test_every_lie_is_named (void)
{
  static const Lie lies[] = {
    { HEADER (e_type), ET_EXEC, "not of ELF type ET_DYN" },
    { HEADER (e_machine), 0xffff, "unknown machine" },
    { NOTE (version), 2, "format version" },
    { NOTE (flags), 0x80, "flags" },
    { NOTE (load_bias), 1, "copied out of a process" },
    { NOTE (load_time), 1, "copied out of a process" },
    { NOTE (digest[3]), 1, "copied out of a process" },
    { NOTE (reserved[2]), 1, "copied out of a process" },
    { NOTE (build_id_size), 12, "more Build-ID bytes" },
    { NOTE (build_id_size), 33, "no SysCare note" },
    { NOTE (image_size), 4096, "bytes of address space" },
    { NOTE (n_functions), 2, "functions, the note says" },
    { NOTE (sites), 0x10, "table at" },
    { NOTE (sites), G_MAXUINT64 - 7, "table at" },
    { NOTE (sites), 0x119, "table at" },
    { SEGMENT (0, p_vaddr), 0x1000, "does not start at 0" },
    { SEGMENT (0, p_memsz), 0x2000, "does not start at 0" },
    { SEGMENT (0, p_align), 16, "not aligned to pages" },
    { SEGMENT (0, p_flags), PF_R | PF_W | PF_X, "neither r-x nor rw-" },
    { SEGMENT (0, p_type), PT_NOTE, "not the SysCare note" },
    { SEGMENT (1, p_flags), PF_R | PF_X, "more than one executable" },
    { SEGMENT (1, p_vaddr), 0x800, "pages of its own" },
    { SEGMENT (1, p_vaddr), 0, "pages of its own" },
    { SEGMENT (1, p_memsz), G_MAXUINT32, "larger than the limit" },
    { SEGMENT (2, p_type), PT_INTERP, "has no place in an entity" },
    { SEGMENT (2, p_offset), 0, "not the SysCare note" },
    { SEGMENT (3, p_vaddr), 0x2000, "unwind table outside" },
    { FUNCTION (name), 0, "has no name" },
    { FUNCTION (name), 0xffffff, "has no name" },
    { FUNCTION (flags), 4, "unknown flags" },
    { FUNCTION (flags), LP_FUNCTION_AT_ENTRY, "flag and offset differ" },
    { FUNCTION (old_size), 0, "impossible size" },
    { FUNCTION (old_size), G_MAXUINT64, "impossible size" },
    { FUNCTION (new_address), 0x10, "new code lies outside" },
    { FUNCTION (new_size), G_MAXUINT64, "new code lies outside" },
    { FUNCTION (new_size), 0, "new code lies outside" },
    { FUNCTION (stub_address), 0x40000, "stub lies outside" },
    { FUNCTION (site_offset), 32, "does not lie in the old code" },
    { FUNCTION (site_size), 17, "does not lie in the old code" },
    { FUNCTION (site_size), 0, "does not lie in the old code" },
    { FUNCTION (site_size), 4, "more original bytes" },
    { FUNCTION (site_offset), 8, "does not fit its function" },
    { FUNCTION (old_address), 0x400000, "does not fit its function" },
    { RANGE (function), 1, "belongs to function 1 of 1" },
    { RANGE (size), 0, "is impossible" },
    { RANGE (size), G_MAXUINT64, "is impossible" },
    { SYMBOL (kind), 0, "unknown kind" },
    { SYMBOL (kind), 4, "unknown kind" },
    { SYMBOL (name), 0x10000, "lies outside .syscare.strings" },
    { SYMBOL (name), 0, "no import" },
    { SYMBOL (version), 0x10000, "lies outside .syscare.strings" },
    { SYMBOL (flags), 4, "no import" },
    { SYMBOL (value), 1, "no import" },
    { SYMBOL (kind), LP_ENTITY_SYMBOL_IMAGE, "lies outside the image" },
    { RELOCATION (offset), 0x40, "lies outside the segments" },
    { RELOCATION (offset), G_MAXUINT64 - 3, "lies outside the segments" },
    { RELOCATION (offset), 0x1004, "lies outside the segments" },
    { RELOCATION (type), 9999, "unknown type" },
    { RELOCATION (symbol), 3, "names symbol 3 of 3" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) file = sample_entity (UUID, NULL);
      g_autoptr (LpElf) elf = lp_elf_new (file, "sample", &error);
      const LpElfSection *section
          = lies[i].section != NULL ? lp_elf_section_by_name (elf, lies[i].section) : NULL;
      g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (file, NULL), g_bytes_get_size (file));

      memcpy (data + (section != NULL ? section->offset : 0) + lies[i].offset, &lies[i].value, lies[i].width);
      g_autoptr (GBytes) lying = g_bytes_new (data, g_bytes_get_size (file));
      g_autoptr (LpEntity) entity = lp_entity_new (lying, "liar", &error);
      g_test_message ("%u %s -> %s", i, lies[i].message, error != NULL ? error->message : "(accepted)");
      g_assert_null (entity);
      g_assert_true (g_error_matches (error, LP_ERROR, LP_ERROR_PATCH_CORRUPT)
                     || g_error_matches (error, LP_ERROR, LP_ERROR_NOT_SUPPORTED));
      if (strstr (error->message, lies[i].message) == NULL)
        g_test_fail_printf ("%s: instead: %s", lies[i].message, error->message);
    }
}

static LpEntityWriter *
tiny_writer (guint *text)
{
  g_autoptr (GError) error = NULL;
  LpEntityWriter *writer = lp_entity_writer_new (EM_X86_64, 4096, UUID, NULL, 0, &error);

  g_assert_no_error (error);
  *text = lp_entity_writer_add_piece (writer, LP_ENTITY_TEXT, NULL, 64, 16);
  return writer;
}

static void
add_function (LpEntityWriter *writer, guint text, guint64 old_address)
{
  LpEntityFunction function = {
    .flags = LP_FUNCTION_AT_ENTRY,
    .old_address = old_address,
    .old_size = 3,
    .new_address = lp_entity_writer_address (writer, text),
    .new_size = 64,
    .stub_address = lp_entity_writer_address (writer, text),
    .site_size = 5,
  };

  lp_entity_writer_add_function (writer, "f", &function);
}

static void
test_redirects_never_meet (void)
{
  /* The second function starts inside the padding that the first one's redirect needs, then right behind it.
   */
  for (guint distance = 3; distance <= 5; distance++)
    {
      g_autoptr (GError) error = NULL;
      guint text;
      g_autoptr (LpEntityWriter) writer = tiny_writer (&text);
      lp_entity_writer_set_function_count (writer, 2);
      g_assert_true (lp_entity_writer_lay_out (writer, &error));
      add_function (writer, text, 0x2000 + distance);
      add_function (writer, text, 0x2000);
      g_autoptr (GBytes) file = lp_entity_writer_finish (writer, &error);
      g_assert_true ((file != NULL) == (distance == 5));
      g_assert_true (file != NULL || strstr (error->message, "overlaps") != NULL);
    }
}

static void
test_without_data_or_unwind_information (void)
{
  g_autoptr (GError) error = NULL;
  guint text, n;
  g_autoptr (LpEntityWriter) writer = tiny_writer (&text);

  lp_entity_writer_set_function_count (writer, 1);
  g_assert_true (lp_entity_writer_lay_out (writer, &error));
  add_function (writer, text, 0x2000);
  g_autoptr (GBytes) file = lp_entity_writer_finish (writer, &error);
  g_assert_no_error (error);
  g_autoptr (LpEntity) entity = lp_entity_new (file, "tiny", &error);
  lp_elf_segments (lp_entity_elf (entity), &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (lp_entity_identity (entity)->image_size, ==, 4096);
  g_autofree char *build_id = lp_entity_build_id (entity);
  g_assert_cmpstr (build_id, ==, "");
}

static void
test_limits (void)
{
  g_autoptr (GError) error = NULL;
  guint text;
  guint8 long_id[LP_BUILD_ID_MAX + 1] = { 0 };
  g_autoptr (LpEntityWriter) writer = tiny_writer (&text);

  lp_entity_writer_add_piece (writer, LP_ENTITY_BSS, NULL, LP_ENTITY_IMAGE_MAX, 1);
  g_assert_false (lp_entity_writer_lay_out (writer, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_clear_error (&error);
  g_autoptr (LpEntityWriter) absurd = tiny_writer (&text);
  lp_entity_writer_add_piece (absurd, LP_ENTITY_BSS, NULL, G_MAXSIZE, G_GUINT64_CONSTANT (1) << 63);
  g_assert_false (lp_entity_writer_lay_out (absurd, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_null (lp_entity_writer_new (EM_X86_64, 4096, "no uuid", NULL, 0, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_INVALID_ARGS);
  g_clear_error (&error);
  g_assert_null (lp_entity_writer_new (EM_X86_64, 4096, UUID, long_id, sizeof long_id, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_INVALID_ARGS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  elf_version (EV_CURRENT);
  g_test_add_func ("/entity/what is written is read back", test_round_trip);
  g_test_add_func ("/entity/a small patch needs one page of code", test_small_patch_needs_one_page);
  g_test_add_func ("/entity/its identity is found in the first bytes",
                   test_identity_is_found_in_the_first_bytes);
  g_test_add_func ("/entity/its code runs when mapped", test_code_runs);
  g_test_add_func ("/entity/libdw finds its unwind information", test_unwind_information);
  g_test_add_func ("/entity/equal input gives equal bytes", test_deterministic);
  g_test_add_func ("/entity/has symbols for debuggers", test_debug_symbols);
  g_test_add_func ("/entity/every lie is refused and named", test_every_lie_is_named);
  g_test_add_func ("/entity/two redirects never meet", test_redirects_never_meet);
  g_test_add_func ("/entity/neither data nor unwind information is needed",
                   test_without_data_or_unwind_information);
  g_test_add_func ("/entity/limits are kept", test_limits);
  return g_test_run ();
}
