/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registers of x86-64: system calls, DWARF numbers, calls and pointers. Must not know what threads do. */
#include "process/registers.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static const guint8 call_instruction[] = { 0x0f, 0x05 }; /* syscall */

void
lp_registers_to_dwarf (const LpRegisters *regs, guint64 values[LP_DWARF_N_REGISTERS])
{
  const guint64 in_order[LP_DWARF_N_REGISTERS] = {
    regs->rax, regs->rdx, regs->rcx, regs->rbx, regs->rsi, regs->rdi, regs->rbp, regs->rsp, regs->r8,
    regs->r9,  regs->r10, regs->r11, regs->r12, regs->r13, regs->r14, regs->r15, regs->rip,
  };

  memcpy (values, in_order, sizeof in_order);
}

void
lp_registers_set_call (LpRegisters *regs, guint64 instruction, long number, const guint64 arguments[6])
{
  regs->rip = instruction;
  regs->rax = number;
  regs->orig_rax = (guint64)-1;
  regs->rdi = arguments[0];
  regs->rsi = arguments[1];
  regs->rdx = arguments[2];
  regs->r10 = arguments[3];
  regs->r8 = arguments[4];
  regs->r9 = arguments[5];
  regs->eflags &= ~(guint64)0x100; /* TF: no single step while we borrow the thread */
}

/* The stack pointer goes through the table: such instructions are the shortest. */
const guint8 lp_registers_batch[LP_BATCH_SIZE] = {
  0x58,                         /* again: pop %rax */
  0x5f,                         /* pop %rdi */
  0x5e,                         /* pop %rsi */
  0x5a,                         /* pop %rdx */
  0x41, 0x5a,                   /* pop %r10 */
  0x41, 0x58,                   /* pop %r8 */
  0x41, 0x59,                   /* pop %r9 */
  0x0f, 0x05,                   /* syscall */
  0x48, 0x89, 0x44, 0x24, 0xc8, /* mov %rax, -56(%rsp) */
  0x59,                         /* pop %rcx */
  0x48, 0x89, 0x01,             /* mov %rax, (%rcx) */
  0x59,                         /* pop %rcx */
  0x48, 0x89, 0x01,             /* mov %rax, (%rcx) */
  0x59,                         /* pop %rcx */
  0x48, 0x89, 0x01,             /* mov %rax, (%rcx) */
  0x48, 0x85, 0xc0,             /* test %rax, %rax */
  0x48, 0x0f, 0x48, 0xe5,       /* cmovs %rbp, %rsp */
  0xeb, 0xda,                   /* jmp again */
  0x90, 0x90,                   /* nop; nop */
};
#define BATCH_CALLED 12 /* where it is while it makes a call */

void
lp_registers_set_batch (LpRegisters *regs, guint64 code, guint64 table, guint64 last)
{
  static const guint64 nothing[6];

  lp_registers_set_call (regs, code, 0, nothing);
  regs->rsp = table;
  regs->rbp = last;
}

gboolean
lp_registers_in_batch (const LpRegisters *regs, guint64 code, long number)
{
  return regs->rip == code + BATCH_CALLED && (gint64)regs->orig_rax == number;
}

gint64
lp_registers_call_result (const LpRegisters *regs)
{
  return (gint64)regs->rax;
}

/* Calls that return EINTR when a tracer stops them (the others are restarted by the kernel), and that have
 * then changed nothing. close() and connect() must never get here: repeated, they mean something else.
 * Source: signal(7). */
static const int repeatable_calls[] = {
  SYS_epoll_wait,      SYS_epoll_pwait,  SYS_epoll_pwait2,  SYS_semop,           SYS_semtimedop,
  SYS_rt_sigtimedwait, SYS_io_getevents, SYS_io_pgetevents, SYS_io_uring_enter,  SYS_read,
  SYS_readv,           SYS_recvfrom,     SYS_recvmsg,       SYS_recvmmsg,        SYS_accept,
  SYS_accept4,         SYS_sendto,       SYS_sendmsg,       SYS_sendmmsg,        SYS_write,
  SYS_writev,          SYS_poll,         SYS_ppoll,         SYS_select,          SYS_pselect6,
  SYS_futex,           SYS_msgrcv,       SYS_msgsnd,        SYS_mq_timedreceive, SYS_mq_timedsend,
};

/* As the kernel leaves them for a new program. Source: psABI x86-64 3.4.1; arch/x86/include/asm/elf.h,
 * elf_common_init(). */
static gboolean
are_fresh (const LpRegisters *regs)
{
  return (regs->rax | regs->rbx | regs->rcx | regs->rdx | regs->rsi | regs->rdi | regs->rbp | regs->r8
          | regs->r9 | regs->r10 | regs->r11 | regs->r12 | regs->r13 | regs->r14 | regs->r15)
         == 0;
}

gboolean
lp_registers_leave_exec (const LpRegisters *regs, gboolean *executed)
{
  /* A 32-bit program's exec has another number: what it has started is known by the registers alone. */
  *executed = are_fresh (regs);
  return *executed || (gint64)regs->orig_rax == SYS_execve || (gint64)regs->orig_rax == SYS_execveat;
}

gboolean
lp_registers_interrupted_call (const LpRegisters *regs)
{
  if ((gint64)regs->rax != -EINTR || (gint64)regs->orig_rax < 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (repeatable_calls); i++)
    if ((gint64)regs->orig_rax == repeatable_calls[i])
      return TRUE;
  return FALSE;
}

void
lp_registers_repeat_call (LpRegisters *regs)
{
  regs->rip -= sizeof call_instruction;
  regs->rax = regs->orig_rax;
  regs->orig_rax
      = (guint64)-1; /* nothing for the kernel to restart: the thread simply executes the instruction again */
}

gssize
lp_registers_find_call (const guint8 *code, gsize size)
{
  const guint8 *found = memmem (code, size, call_instruction, sizeof call_instruction);

  return found != NULL ? found - code : -1;
}

gssize
lp_registers_read_vectors (int tid, void *buffer, gsize size)
{
  struct iovec part = { buffer, size };

  if (ptrace (PTRACE_GETREGSET, tid, NT_X86_XSTATE, &part) == 0)
    return (gssize)part.iov_len;
  return errno == ENODEV || errno == EINVAL ? 0 : -1;
}

/* Length of the indirect call (FF /2) that @bytes begin with; 0 when they don't. Source: Intel SDM vol. 2,
 * CALL and tables 2-2, 2-3. */
static gsize
indirect_call_length (const guint8 *bytes, gsize size)
{
  if (size < 2 || bytes[0] != 0xff || (bytes[1] & 0x38) != 0x10)
    return 0;
  guint mod = bytes[1] >> 6, rm = bytes[1] & 7;
  gboolean has_sib = mod != 3 && rm == 4;
  gboolean is_wide = mod == 2 || (mod == 0 && (rm == 5 || (has_sib && size > 2 && (bytes[2] & 7) == 5)));

  return 2 + has_sib + (is_wide ? 4 : mod == 1 ? 1 : 0);
}

gboolean
lp_registers_call_ends (const guint8 bytes[LP_LONGEST_CALL])
{
  if (bytes[LP_LONGEST_CALL - 5] == 0xe8)
    return TRUE;
  for (gsize i = 0; i < LP_LONGEST_CALL; i++)
    if (indirect_call_length (bytes + i, LP_LONGEST_CALL - i) == LP_LONGEST_CALL - i)
      return TRUE;
  return FALSE;
}
