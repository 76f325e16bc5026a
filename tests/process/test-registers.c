/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which interrupted calls are made again, and what is a system call instruction. */
#include "process/registers.h"

#include <errno.h>
#include <sys/syscall.h>

static LpRegisters
after_call (long number, long result)
{
  LpRegisters regs = { .rip = 0x1002, .orig_rax = (guint64)number, .rax = (guint64)result };

  return regs;
}

static void
test_repeatable_calls_are_made_again (void)
{
  LpRegisters regs = after_call (SYS_epoll_wait, -EINTR);

  g_assert_true (lp_registers_interrupted_call (&regs));
  lp_registers_repeat_call (&regs);
  g_assert_cmphex (regs.rip, ==, 0x1000);
  g_assert_cmpint (regs.rax, ==, SYS_epoll_wait);
  g_assert_cmpint ((gint64)regs.orig_rax, ==, -1);
}

static void
test_other_calls_are_left_alone (void)
{
  const struct {
    long number, result;
  } cases[] = {
    { SYS_close, -EINTR },                      /* has closed: again it would close another file */
    { SYS_connect, -EINTR },                    /* goes on in the background */
    { SYS_epoll_wait, 0 },                      /* timed out */
    { SYS_epoll_wait, -EBADF },                 /* failed */
    { SYS_read, 17 },           { -1, -EINTR }, /* in user code: the value is the program's own */
    { SYS_nanosleep, -516 },                    /* ERESTART_RESTARTBLOCK: the kernel's business */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      LpRegisters regs = after_call (cases[i].number, cases[i].result);
      g_assert_false (lp_registers_interrupted_call (&regs));
    }
}

static void
test_call_is_set_up (void)
{
  LpRegisters regs = { .eflags = 0x346, .rbx = 7, .rsp = 0x7000 };
  const guint64 arguments[6] = { 1, 2, 3, 4, 5, 6 };

  lp_registers_set_call (&regs, 0x2000, SYS_mmap, arguments);
  g_assert_cmphex (regs.rip, ==, 0x2000);
  g_assert_cmpint (regs.rax, ==, SYS_mmap);
  g_assert_cmpint ((gint64)regs.orig_rax, ==, -1);
  g_assert_cmpuint (regs.r10, ==, 4);
  g_assert_cmpuint (regs.r9, ==, 6);
  g_assert_cmpuint (regs.rbx, ==, 7);
  g_assert_cmphex (regs.rsp, ==, 0x7000);
  g_assert_cmphex (regs.eflags & 0x100, ==, 0); /* no single step */
}

static void
test_call_instruction_is_found (void)
{
  const guint8 code[] = { 0x90, 0x0f, 0x90, 0x0f, 0x05, 0xc3 };

  g_assert_cmpint (lp_registers_find_call (code, sizeof code), ==, 3);
  g_assert_cmpint (lp_registers_find_call (code, 4), ==, -1);
  g_assert_cmpint (lp_registers_find_call (code, 0), ==, -1);
}

/* Bytes as as(1) makes them, at the end of the array. */
static void
test_calls_are_seen_from_behind (void)
{
  static const guint8 calls[][LP_LONGEST_CALL] = {
    { 0x90, 0x90, 0xe8, 1, 2, 3, 4 },             /* call rel32 */
    { 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0 }, /* call *%rax */
    { 0x90, 0x90, 0x90, 0x90, 0x41, 0xff, 0xd4 }, /* call *%r12 */
    { 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0x10 }, /* call *(%rax) */
    { 0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 8 },    /* call *8(%rax) */
    { 0x90, 0x90, 0x90, 0x90, 0xff, 0x14, 0xc8 }, /* call *(%rax,%rcx,8) */
    { 0x90, 0x90, 0x90, 0xff, 0x54, 0x24, 8 },    /* call *8(%rsp) */
    { 0x90, 0xff, 0x15, 1, 2, 3, 4 },             /* call *rel32(%rip) */
    { 0x90, 0xff, 0x90, 1, 2, 3, 4 },             /* call *disp32(%rax) */
    { 0xff, 0x14, 0xc5, 1, 2, 3, 4 },             /* call *disp32(,%rax,8) */
    { 0xff, 0x94, 0x24, 1, 2, 3, 4 },             /* call *disp32(%rsp) */
  };
  static const guint8 others[][LP_LONGEST_CALL] = {
    { 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xc3 }, /* ret, and the next function */
    { 0x66, 0x2e, 0x0f, 0x1f, 0x44, 0, 0 },       /* nopw */
    { 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xe0 }, /* jmp *%rax */
    { 0x90, 0xff, 0x25, 1, 2, 3, 4 },             /* jmp *rel32(%rip) */
    { 0x90, 0x90, 0x90, 0xe8, 1, 2, 3 },          /* in the middle of a call */
    { 0x90, 0x90, 0xe9, 1, 2, 3, 4 },             /* jmp rel32 */
  };

  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    g_assert_true (lp_registers_call_ends (calls[i]));
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (lp_registers_call_ends (others[i]));
}

static void
test_dwarf_numbers (void)
{
  const LpRegisters regs = { .rax = 100,
                             .rdx = 101,
                             .rcx = 102,
                             .rbx = 103,
                             .rsi = 104,
                             .rdi = 105,
                             .rbp = 106,
                             .rsp = 107,
                             .r15 = 115,
                             .rip = 116 };
  guint64 values[LP_DWARF_N_REGISTERS];

  lp_registers_to_dwarf (&regs, values);
  for (guint i = 0; i < 8; i++)
    g_assert_cmpuint (values[i], ==, 100 + i);
  g_assert_cmpuint (values[15], ==, 115);
  g_assert_cmpuint (values[LP_DWARF_RA], ==, 116);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registers/a repeatable call is made again (hazard 18)",
                   test_repeatable_calls_are_made_again);
  g_test_add_func ("/registers/other calls are left alone (hazard 18)", test_other_calls_are_left_alone);
  g_test_add_func ("/registers/a call is set up and nothing else changed", test_call_is_set_up);
  g_test_add_func ("/registers/a system call instruction is found", test_call_instruction_is_found);
  g_test_add_func ("/registers/calls are seen from behind", test_calls_are_seen_from_behind);
  g_test_add_func ("/registers/DWARF numbers are those of the psABI", test_dwarf_numbers);
  return g_test_run ();
}
