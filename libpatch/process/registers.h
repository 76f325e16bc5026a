/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registers of a stopped thread, as far as the engine reads or sets them. The one place of process/ that
 * knows the machine. Source: psABI x86-64 A.2 (system calls), 3.6.2 (DWARF register numbers);
 * arch/x86/include/asm/ptrace.h. */
#pragma once

#include <glib.h>
#include <sys/user.h>

G_BEGIN_DECLS

#if !defined(__x86_64__)
#error "libpatch/process knows the registers of x86-64 only"
#endif

typedef struct user_regs_struct LpRegisters;

#define LP_DWARF_N_REGISTERS 17 /* rax ... r15, return address */
#define LP_DWARF_SP 7
#define LP_DWARF_RA 16
#define LP_CODE_SEGMENT_64 0x33 /* user code segment in 64-bit mode */

static inline guint64
lp_registers_pc (const LpRegisters *regs)
{
  return regs->rip;
}

static inline guint64
lp_registers_sp (const LpRegisters *regs)
{
  return regs->rsp;
}

/* Base of the thread's block of thread-local variables, which C libraries put at the end of a stack that they
 * make. */
static inline guint64
lp_registers_thread_pointer (const LpRegisters *regs)
{
  return regs->fs_base;
}

/* glibc hides pointers to functions that it keeps: rotated, and mixed with a word that lies here behind the
 * thread pointer. Source: sysdeps/unix/sysv/linux/x86_64/pointer_guard.h, sysdeps/x86_64/nptl/tls.h. */
#define LP_POINTER_GUARD_OFFSET 0x30

static inline guint64
lp_registers_demangle (guint64 word, guint64 guard)
{
  return (word >> 17 | word << 47) ^ guard;
}

static inline gboolean
lp_registers_are_64_bit (const LpRegisters *regs)
{
  return regs->cs == LP_CODE_SEGMENT_64;
}

/* Fills @values by DWARF register number. */
void lp_registers_to_dwarf (const LpRegisters *regs, guint64 values[LP_DWARF_N_REGISTERS]);

/* Sets up a system call at @instruction. The kernel's restart logic is switched off for it. */
void lp_registers_set_call (LpRegisters *regs, guint64 instruction, long number, const guint64 arguments[6]);
gint64 lp_registers_call_result (const LpRegisters *regs);

/* A few instructions that make several system calls. They go through a table of calls: LP_BATCH_WORDS words
 * each, which are number (the result's place afterwards), six arguments, and three addresses to which the
 * result is written, too. There is no other end than that a call stops the thread. After one that has failed
 * they go on with the call at @last, which must be one of the table. */
#define LP_BATCH_SIZE 40 /* bytes of code: whole words, so that they can be poked */
#define LP_BATCH_WORDS 10
extern const guint8 lp_registers_batch[LP_BATCH_SIZE];
#define LP_BREAKPOINT 0xcc /* the instruction's only byte */
/* Sets up that code, which stands at @code, for the calls at @table. */
void lp_registers_set_batch (LpRegisters *regs, guint64 code, guint64 table, guint64 last);
/* Whether the thread, stopped, is in call @number of that code. */
gboolean lp_registers_in_batch (const LpRegisters *regs, guint64 code, long number);

/* The thread comes out of an exec; *@executed: one that has given it this program, of which nothing has been
 * executed. */
gboolean lp_registers_leave_exec (const LpRegisters *regs, gboolean *executed);
/* The thread came out of a system call with EINTR only because it was stopped, and the call has done nothing
 * yet: TRUE for calls that are known to be repeatable. */
gboolean lp_registers_interrupted_call (const LpRegisters *regs);
/* Puts the thread back to the call instruction. */
void lp_registers_repeat_call (LpRegisters *regs);

#define LP_VECTORS_MAX (16u << 10) /* bytes: with AMX, the largest so far, 11 KiB */
/* Reads floating-point and vector registers of stopped thread @tid into @buffer as the kernel lays them out,
 * at most @size bytes; returns how many, 0 when the machine has none to show, -1 on an error. For the
 * tracer. */
gssize lp_registers_read_vectors (int tid, void *buffer, gsize size);

#define LP_LONGEST_CALL 7 /* bytes, without prefixes that no compiler emits */
/* Whether the last of LP_LONGEST_CALL bytes ends a call instruction, as far as that can be told backwards. */
gboolean lp_registers_call_ends (const guint8 bytes[LP_LONGEST_CALL]);

/* Offset of a system call instruction in @code, or -1. */
gssize lp_registers_find_call (const guint8 *code, gsize size);

G_END_DECLS
