/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The architecture tables, byte by byte: encodings are checked against the manuals' own examples and against
 * what assemblers emit. */
#include <elf.h>
#include <glib.h>
#include <string.h>

#include "arch/arch.h"
#include "base/error.h"

static const LpArch *
x86_64 (void)
{
  return lp_arch_for_name ("x86_64");
}

static const LpArch *
aarch64 (void)
{
  return lp_arch_for_machine (EM_AARCH64);
}

static guint32
word_at (const guint8 *bytes)
{
  guint32 value;
  memcpy (&value, bytes, sizeof value);
  return GUINT32_FROM_LE (value);
}

static void
machines_are_found_by_number_and_name (void)
{
  g_assert_nonnull (x86_64 ());
  g_assert_true (x86_64 () == lp_arch_for_machine (EM_X86_64));
  g_assert_true (aarch64 () == lp_arch_for_name ("aarch64"));
  g_assert_null (lp_arch_for_machine (EM_386));
  g_assert_null (lp_arch_for_name ("x86"));
}

/* --- x86-64
 * ---------------------------------------------------------------------------------------------------------------
 */

static void
x86_64_relocations_are_written_and_range_checked (void)
{
  guint8 place[8] = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (x86_64 ()->relocate (R_X86_64_PC32, place, 4, 0x1000, 0x2000, -4, &error));
  g_assert_cmphex (word_at (place), ==, 0xffc);
  g_assert_true (x86_64 ()->relocate (R_X86_64_64, place, 8, 0, 0x1122334455667788, 1, &error));
  g_assert_cmphex (word_at (place), ==, 0x55667789);
  g_assert_true (x86_64 ()->relocate (R_X86_64_32, place, 4, 0, 0xfffffff0, 0xf, &error));
  g_assert_true (x86_64 ()->relocate (R_X86_64_32S, place, 4, 0, 0xffffffff80000000, 0, &error));
  g_assert_no_error (error);

  g_assert_false (
      x86_64 ()->relocate (R_X86_64_PC32, place, 4, 0x1000, 0x1000 + (1ull << 31) + 4, -4, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_true (
      x86_64 ()->relocate (R_X86_64_PC32, place, 4, 0x1000, 0x1000 + (1ull << 31) + 3, -4, &error));
  g_assert_false (x86_64 ()->relocate (R_X86_64_32, place, 4, 0, 0xffffffff, 1, &error));
  g_clear_error (&error);
  g_assert_false (x86_64 ()->relocate (R_X86_64_32S, place, 4, 0, 0x80000000, 0, &error));
  g_clear_error (&error);
  g_assert_false (x86_64 ()->relocate (R_X86_64_64, place, 4, 0, 0, 0, &error)); /* no room */
  g_clear_error (&error);
  g_assert_false (x86_64 ()->relocate (R_X86_64_TLSGD, place, 4, 0, 0, 0, &error));
  g_clear_error (&error);
  g_assert_false (x86_64 ()->relocate (77, place, 4, 0, 0, 0, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
}

static void
x86_64_redirects_go_there_and_back (void)
{
  guint8 code[5];
  guint64 to;
  g_autoptr (GError) error = NULL;

  g_assert_true (x86_64 ()->encode_redirect (0x401000, 0x7f0000, code, &error));
  g_assert_cmphex (code[0], ==, 0xe9);
  g_assert_true (x86_64 ()->decode_redirect (code, sizeof code, 0x401000, &to));
  g_assert_cmphex (to, ==, 0x7f0000);
  g_assert_false (x86_64 ()->decode_redirect (code, 4, 0x401000, &to));
  g_assert_true (x86_64 ()->encode_redirect (0x80000000, 5, code, &error));
  g_assert_false (x86_64 ()->encode_redirect (0x80000000, 4, code, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
}

typedef struct {
  const char *name;
  guint8 code[12];
  guint size;
  LpEntryClass class;
  guint length;
  guint undo;
} Entry;

static const Entry entries[] = {
  { "endbr64", { 0xf3, 0x0f, 0x1e, 0xfa }, 4, LP_ENTRY_NOTHING_TO_UNDO, 4, 0 },
  { "nop", { 0x90 }, 1, LP_ENTRY_NOTHING_TO_UNDO, 1, 0 },
  { "nopw", { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 }, 6, LP_ENTRY_NOTHING_TO_UNDO, 6, 0 },
  { "push %rbp", { 0x55 }, 1, LP_ENTRY_UNDO_STACK, 1, 8 },
  { "push %r12", { 0x41, 0x54 }, 2, LP_ENTRY_UNDO_STACK, 2, 8 },
  { "sub $0x18,%rsp", { 0x48, 0x83, 0xec, 0x18 }, 4, LP_ENTRY_UNDO_STACK, 4, 0x18 },
  { "sub $0x1008,%rsp", { 0x48, 0x81, 0xec, 0x08, 0x10, 0, 0 }, 7, LP_ENTRY_UNDO_STACK, 7, 0x1008 },
  { "test %edi,%edi", { 0x85, 0xff }, 2, LP_ENTRY_NOTHING_TO_UNDO, 2, 0 },
  { "cmp $3,%esi", { 0x83, 0xfe, 0x03 }, 3, LP_ENTRY_NOTHING_TO_UNDO, 3, 0 },
  { "mov %rdi,-8(%rsp)", { 0x48, 0x89, 0x7c, 0x24, 0xf8 }, 5, LP_ENTRY_NOTHING_TO_UNDO, 5, 0 },
  { "mov %rdi,%r11: a caller may rely on it (-fipa-ra)",
    { 0x49, 0x89, 0xfb },
    3,
    LP_ENTRY_CANNOT_UNDO,
    3,
    0 },
  { "cmpb $0,(%rdi) may fault", { 0x80, 0x3f, 0x00 }, 3, LP_ENTRY_CANNOT_UNDO, 3, 0 },
  { "cmpl $0,-4(%rbp) may fault", { 0x83, 0x7d, 0xfc, 0x00 }, 4, LP_ENTRY_CANNOT_UNDO, 4, 0 },
  { "mov %rdi,8(%rsp) is the caller's frame",
    { 0x48, 0x89, 0x7c, 0x24, 0x08 },
    5,
    LP_ENTRY_CANNOT_UNDO,
    5,
    0 },
  { "mov %rdi,%rbx", { 0x48, 0x89, 0xfb }, 3, LP_ENTRY_CANNOT_UNDO, 3, 0 },
  { "xor %eax,%eax: al counts vector registers", { 0x31, 0xc0 }, 2, LP_ENTRY_CANNOT_UNDO, 2, 0 },
  { "mov %rsi,(%rdi)", { 0x48, 0x89, 0x37 }, 3, LP_ENTRY_CANNOT_UNDO, 3, 0 },
  { "ret", { 0xc3 }, 1, LP_ENTRY_CANNOT_UNDO, 1, 0 },
  { "jmp", { 0xeb, 0x10 }, 2, LP_ENTRY_CANNOT_UNDO, 2, 0 },
};

static void
x86_64_entries_are_classified (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (entries); i++)
    {
      LpEntryInfo info;
      g_autoptr (GError) error = NULL;
      g_test_message ("%s", entries[i].name);
      g_assert_true (x86_64 ()->entry_info (entries[i].code, entries[i].size, &info, &error));
      g_assert_cmpint (info.class, ==, entries[i].class);
      g_assert_cmpuint (info.length, ==, entries[i].length);
      g_assert_cmpuint (info.undo_bytes, ==, entries[i].undo);
    }

  LpEntryInfo info;
  g_autoptr (GError) error = NULL;
  const guint8 damaged[] = { 0x06 };
  g_assert_false (x86_64 ()->entry_info (damaged, sizeof damaged, &info, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
}

static void
x86_64_the_stub_takes_the_stack_pointer_back (void)
{
  g_autoptr (GByteArray) code = g_byte_array_new ();
  const LpEntryInfo push = { .class = LP_ENTRY_UNDO_STACK, .undo_bytes = 8 },
                    nothing = { .class = LP_ENTRY_NOTHING_TO_UNDO };
  const guint8 lea[] = { 0x48, 0x8d, 0xa4, 0x24, 8, 0, 0, 0 };

  x86_64 ()->emit_undo (&nothing, code);
  g_assert_cmpuint (code->len, ==, 0);
  x86_64 ()->emit_undo (&push, code);
  g_assert_cmpmem (code->data, code->len, lea, sizeof lea);
}

static void
x86_64_padding_ends_where_code_begins (void)
{
  const guint8 gap[]
      = { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0, 0x0f, 0x1f, 0x00, 0x90, 0xcc, 0x00, 0x55 };

  g_assert_cmpuint (x86_64 ()->padding (gap, sizeof gap), ==, sizeof gap - 1);
  g_assert_cmpuint (x86_64 ()->padding (gap + 16, 1), ==, 0);
  g_assert_cmpuint (x86_64 ()->padding (gap, 4), ==, 0); /* cut short: not a nop */
  g_assert_cmpuint (x86_64 ()->padding (gap, 0), ==, 0);
}

static void
x86_64_branches_are_found (void)
{
  /* 0: push %rax; 1: jne 0x8; 3: call 0x100; 8: jmp 1 */
  const guint8 code[] = { 0x50, 0x75, 0x05, 0xe8, 0xf8, 0x00, 0x00, 0x00, 0xeb, 0xf7 };
  gboolean into;
  g_autoptr (GError) error = NULL;

  g_assert_true (x86_64 ()->branches_into (code, sizeof code, 0x4000, 0x4001, 0x4006, &into, &error));
  g_assert_true (into);
  g_assert_true (x86_64 ()->branches_into (code, sizeof code, 0x4000, 0x4002, 0x4008, &into, &error));
  g_assert_false (into);
  g_assert_false (x86_64 ()->branches_into (code, 4, 0x4000, 0, 1, &into, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
}

static void
x86_64_linker_rewrites_are_recognised (void)
{
  LpRelaxed how;
  const guint8 mov[] = { 0x48, 0x8b, 0x05, 0, 0, 0, 0 }, lea[] = { 0x48, 0x8d, 0x05, 1, 2, 3, 4 };
  const guint8 mov_r12[] = { 0x4c, 0x8b, 0x25, 0, 0, 0, 0 }, imm_r12[] = { 0x49, 0xc7, 0xc4, 1, 2, 3, 4 };
  const guint8 call[] = { 0xff, 0x15, 0, 0, 0, 0 }, direct[] = { 0x67, 0xe8, 1, 2, 3, 4 };
  const guint8 jmp[] = { 0xff, 0x25, 0, 0, 0, 0 }, near[] = { 0xe9, 1, 2, 3, 4, 0x90 };
  const guint8 cmp[] = { 0x48, 0x3b, 0x05, 0, 0, 0, 0 }, cmp_imm[] = { 0x48, 0x81, 0xf8, 1, 2, 3, 4 };

  g_assert_true (x86_64 ()->relaxed (mov, lea, 7, &how));
  g_assert_true (how.field_offset == 3 && !how.is_absolute);
  g_assert_true (x86_64 ()->relaxed (mov_r12, imm_r12, 7, &how));
  g_assert_true (how.field_offset == 3 && how.is_absolute);
  g_assert_true (x86_64 ()->relaxed (call, direct, 6, &how));
  g_assert_cmpuint (how.field_offset, ==, 2);
  g_assert_true (x86_64 ()->relaxed (jmp, near, 6, &how));
  g_assert_cmpuint (how.field_offset, ==, 1);
  g_assert_true (x86_64 ()->relaxed (cmp, cmp_imm, 7, &how));
  g_assert_false (x86_64 ()->relaxed (mov, cmp_imm, 7, &how));
  g_assert_false (x86_64 ()->relaxed (mov_r12, lea, 7, &how)); /* another register */
}

static void
x86_64_plt_entries_lead_to_slots (void)
{
  const guint8 plain[] = { 0xff, 0x25, 0x02, 0x10, 0, 0 },
               with_endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0x02, 0x10, 0, 0 };
  guint64 slot;

  g_assert_true (x86_64 ()->plt_slot (plain, sizeof plain, 0x1000, &slot));
  g_assert_cmphex (slot, ==, 0x2008);
  g_assert_true (x86_64 ()->plt_slot (with_endbr, sizeof with_endbr, 0x1000, &slot));
  g_assert_cmphex (slot, ==, 0x200d);
  g_assert_false (x86_64 ()->plt_slot (plain, 5, 0x1000, &slot));
}

/* --- aarch64
 * ---------------------------------------------------------------------------------------------------------------
 */

static void
aarch64_redirects_go_there_and_back (void)
{
  guint8 code[4];
  guint64 to;
  g_autoptr (GError) error = NULL;

  g_assert_true (aarch64 ()->encode_redirect (0x400000, 0x400010, code, &error));
  g_assert_cmphex (word_at (code), ==, 0x14000004);
  g_assert_true (aarch64 ()->encode_redirect (0x400010, 0x400000, code, &error));
  g_assert_cmphex (word_at (code), ==, 0x17fffffc);
  g_assert_true (aarch64 ()->decode_redirect (code, 4, 0x400010, &to));
  g_assert_cmphex (to, ==, 0x400000);
  g_assert_false (aarch64 ()->encode_redirect (0x400000, 0x400000 + (1 << 27), code, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_false (aarch64 ()->encode_redirect (0x400000, 0x400002, code, &error));
}

/* Page and low part of one reference are made from one slot address: together they are that slot. */
static void
aarch64_both_parts_of_a_got_reference_are_one_slot (void)
{
  const guint64 p = 0x400abc, slot = 0x4b2f8;
  guint8 adrp[4] = { 0x00, 0x00, 0x00, 0x90 }, ldr[4] = { 0x00, 0x00, 0x40, 0xf9 };
  g_autoptr (GError) error = NULL;

  g_assert_true (aarch64 ()->relocate (R_AARCH64_ADR_GOT_PAGE, adrp, 4, p, slot, 0, &error));
  g_assert_true (aarch64 ()->relocate (R_AARCH64_LD64_GOT_LO12_NC, ldr, 4, p + 4, slot, 0, &error));
  g_assert_no_error (error);

  guint32 page_word = word_at (adrp);
  gint64 pages = (gint64)((((guint64)(page_word >> 5) & 0x7ffff) << 2 | ((page_word >> 29) & 3)) << 43) >> 43;
  guint64 found = (p & ~0xfffull) + (guint64)(pages * 4096) + (((word_at (ldr) >> 10) & 0xfff) << 3);
  g_assert_cmphex (found, ==, slot);

  g_assert_false (
      aarch64 ()->relocate (R_AARCH64_LD64_GOT_LO12_NC, ldr, 4, p, slot + 4, 0, &error)); /* not 8-aligned */
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
}

static void
aarch64_relocations_are_range_checked (void)
{
  guint8 place[8] = { 0 };
  g_autoptr (GError) error = NULL;

  memcpy (place, (const guint8[]){ 0x00, 0x00, 0x00, 0x94 }, 4);
  g_assert_true (aarch64 ()->relocate (R_AARCH64_CALL26, place, 4, 0x1000, 0x2000, 0, &error));
  g_assert_cmphex (word_at (place), ==, 0x94000400);
  g_assert_false (aarch64 ()->relocate (R_AARCH64_CALL26, place, 4, 0, 1 << 27, 0, &error));
  g_clear_error (&error);
  g_assert_false (aarch64 ()->relocate (R_AARCH64_CONDBR19, place, 4, 0, 1 << 20, 0, &error));
  g_clear_error (&error);
  g_assert_false (aarch64 ()->relocate (R_AARCH64_PREL32, place, 4, 0, 1ull << 31, 0, &error));
  g_clear_error (&error);
  g_assert_false (aarch64 ()->relocate (R_AARCH64_ADR_PREL_PG_HI21, place, 4, 0, 1ull << 32, 0, &error));
  g_clear_error (&error);
  g_assert_false (aarch64 ()->relocate (R_AARCH64_CALL26, place, 3, 0, 0, 0, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
}

static void
aarch64_landing_pads_stay (void)
{
  static const struct {
    guint32 word;
    LpEntryClass class;
  } cases[] = {
    { 0xd503245f, LP_ENTRY_NOTHING_TO_UNDO }, /* bti c */
    { 0xd50324df, LP_ENTRY_NOTHING_TO_UNDO }, /* bti jc */
    { 0xd503201f, LP_ENTRY_NOTHING_TO_UNDO }, /* nop */
    { 0xd503233f, LP_ENTRY_UNDO_STACK },      /* paciasp */
    { 0xa9bf7bfd, LP_ENTRY_CANNOT_UNDO },     /* stp x29, x30, [sp, #-16]! */
    { 0xd65f03c0, LP_ENTRY_CANNOT_UNDO },     /* ret */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint32 word = GUINT32_TO_LE (cases[i].word);
      LpEntryInfo info;
      g_autoptr (GError) error = NULL;
      g_assert_true (aarch64 ()->entry_info ((const guint8 *)&word, 4, &info, &error));
      g_assert_cmpint (info.class, ==, cases[i].class);
      g_assert_cmpuint (info.length, ==, 4);
    }

  g_autoptr (GByteArray) code = g_byte_array_new ();
  guint32 paciasp = GUINT32_TO_LE (0xd503233f);
  LpEntryInfo info;
  g_assert_true (aarch64 ()->entry_info ((const guint8 *)&paciasp, 4, &info, NULL));
  aarch64 ()->emit_undo (&info, code);
  g_assert_cmpuint (code->len, ==, 4);
  g_assert_cmphex (word_at (code->data), ==, 0xd50323bf); /* autiasp */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) g_test_add_func ("/arch/" #name, name)
  ADD (machines_are_found_by_number_and_name);
  ADD (x86_64_relocations_are_written_and_range_checked);
  ADD (x86_64_redirects_go_there_and_back);
  ADD (x86_64_entries_are_classified);
  ADD (x86_64_the_stub_takes_the_stack_pointer_back);
  ADD (x86_64_padding_ends_where_code_begins);
  ADD (x86_64_branches_are_found);
  ADD (x86_64_linker_rewrites_are_recognised);
  ADD (x86_64_plt_entries_lead_to_slots);
  ADD (aarch64_redirects_go_there_and_back);
  ADD (aarch64_both_parts_of_a_got_reference_are_one_slot);
  ADD (aarch64_relocations_are_range_checked);
  ADD (aarch64_landing_pads_stay);
  return g_test_run ();
}
