/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks call chains by .eh_frame: libdw finds and interprets the table rows, the expressions are evaluated
 * here on the memory of the process. Must not know what the caller looks for. */
#include "process/unwind.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_FRAMES 4096
#define MAX_EXPRESSION_STACK 32

typedef struct {
  guint64 start, end; /* of the module */
  guint64 bias;
  char *memory; /* elf image of the vDSO or of an anonymous mapping */
  Elf *elf;
  Dwarf_CFI *cfi; /* NULL: has none */
} Table;

struct LpUnwinder {
  LpProcess *process;
  GArray *tables; /* Table */
};

typedef struct {
  guint64 values[LP_DWARF_N_REGISTERS];
  gboolean known[LP_DWARF_N_REGISTERS];
} Frame;

/* Adds the image that lies whole in the readable mapping @m (the vDSO; a patch of ours without a file). */
static void
add_memory_image (LpUnwinder *unwinder, const LpMapping *m)
{
  Table table = { .start = m->start, .end = m->end, .bias = m->start };
  gsize size = m->end - m->start;

  if (size > (64u << 20))
    return;
  table.memory = g_malloc (size);
  if (lp_process_read_some (unwinder->process, m->start, table.memory, size) != size
      || memcmp (table.memory, ELFMAG, SELFMAG) != 0)
    {
      g_free (table.memory);
      return;
    }
  table.elf = elf_memory (table.memory, size);
  table.cfi = table.elf != NULL ? dwarf_getcfi_elf (table.elf) : NULL;
  g_array_append_val (unwinder->tables, table);
}

static void
add_module (LpUnwinder *unwinder, const LpModule *module)
{
  Table table = { .start = module->start, .end = module->end, .bias = module->bias };

  int fd = lp_module_open (unwinder->process, module, NULL);
  if (fd < 0)
    return;
  table.elf = elf_begin (fd, ELF_C_READ_MMAP, NULL);
  if (table.elf != NULL && elf_cntl (table.elf, ELF_C_FDREAD) == 0)
    table.cfi = dwarf_getcfi_elf (table.elf);
  close (fd);
  g_array_append_val (unwinder->tables, table);
}

LpUnwinder *
lp_unwinder_new (LpProcess *process, const LpMaps *maps)
{
  LpUnwinder *unwinder = g_new0 (LpUnwinder, 1);

  elf_version (EV_CURRENT);
  unwinder->process = process;
  unwinder->tables = g_array_new (FALSE, FALSE, sizeof (Table));
  g_autoptr (GPtrArray) modules = lp_modules_read (process, maps, NULL);
  for (guint i = 0; i < modules->len; i++)
    add_module (unwinder, g_ptr_array_index (modules, i));
  for (guint i = 0; i < maps->mappings->len; i++)
    {
      const LpMapping *m = &g_array_index (maps->mappings, LpMapping, i);
      if (m->inode == 0 && (m->prot & (PROT_READ | PROT_EXEC)) == (PROT_READ | PROT_EXEC)
          && strcmp (m->path, "[vsyscall]") != 0)
        add_memory_image (unwinder, m);
    }
  return unwinder;
}

void
lp_unwinder_free (LpUnwinder *unwinder)
{
  if (unwinder == NULL)
    return;
  for (guint i = 0; i < unwinder->tables->len; i++)
    {
      Table *table = &g_array_index (unwinder->tables, Table, i);
      if (table->cfi != NULL)
        dwarf_cfi_end (table->cfi);
      if (table->elf != NULL)
        elf_end (table->elf);
      g_free (table->memory);
    }
  g_array_unref (unwinder->tables);
  g_free (unwinder);
}

static const Table *
table_for (const LpUnwinder *unwinder, guint64 pc)
{
  for (guint i = 0; i < unwinder->tables->len; i++)
    {
      const Table *table = &g_array_index (unwinder->tables, Table, i);
      if (pc >= table->start && pc < table->end)
        return table->cfi != NULL ? table : NULL;
    }
  return NULL;
}

/* The small machine of DWARF expressions. */
typedef struct {
  LpUnwinder *unwinder;
  const Frame *frame;
  guint64 cfa;
  gboolean has_cfa;
  guint64 stack[MAX_EXPRESSION_STACK];
  guint depth;
} Machine;

static gboolean
push (Machine *machine, guint64 value)
{
  if (machine->depth == MAX_EXPRESSION_STACK)
    return FALSE;
  machine->stack[machine->depth++] = value;
  return TRUE;
}

static gboolean
push_register (Machine *machine, guint64 number, guint64 offset)
{
  if (number >= LP_DWARF_N_REGISTERS || !machine->frame->known[number])
    return FALSE;
  return push (machine, machine->frame->values[number] + offset);
}

static gboolean
binary (Machine *machine, guint8 atom)
{
  if (machine->depth < 2)
    return FALSE;
  guint64 b = machine->stack[--machine->depth], *a = &machine->stack[machine->depth - 1];

  switch (atom)
    {
    case DW_OP_plus:
      *a += b;
      return TRUE;
    case DW_OP_minus:
      *a -= b;
      return TRUE;
    case DW_OP_mul:
      *a *= b;
      return TRUE;
    case DW_OP_and:
      *a &= b;
      return TRUE;
    case DW_OP_or:
      *a |= b;
      return TRUE;
    case DW_OP_xor:
      *a ^= b;
      return TRUE;
    case DW_OP_shl:
      *a = b < 64 ? *a << b : 0;
      return TRUE;
    case DW_OP_shr:
      *a = b < 64 ? *a >> b : 0;
      return TRUE;
    case DW_OP_eq:
      *a = *a == b;
      return TRUE;
    case DW_OP_ne:
      *a = *a != b;
      return TRUE;
    case DW_OP_ge:
      *a = (gint64)*a >= (gint64)b;
      return TRUE;
    case DW_OP_gt:
      *a = (gint64)*a > (gint64)b;
      return TRUE;
    case DW_OP_le:
      *a = (gint64)*a <= (gint64)b;
      return TRUE;
    case DW_OP_lt:
      *a = (gint64)*a < (gint64)b;
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
execute_op (Machine *machine, const Dwarf_Op *op)
{
  guint64 value;

  if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
    return push (machine, op->atom - DW_OP_lit0);
  if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
    return push_register (machine, op->atom - DW_OP_breg0, op->number);
  switch (op->atom)
    {
    case DW_OP_bregx:
      return push_register (machine, op->number, op->number2);
    case DW_OP_call_frame_cfa:
      return machine->has_cfa && push (machine, machine->cfa);
    case DW_OP_addr:
    case DW_OP_const1u:
    case DW_OP_const1s:
    case DW_OP_const2u:
    case DW_OP_const2s:
    case DW_OP_const4u:
    case DW_OP_const4s:
    case DW_OP_const8u:
    case DW_OP_const8s:
    case DW_OP_constu:
    case DW_OP_consts:
      return push (machine, op->number);
    case DW_OP_plus_uconst:
      if (machine->depth == 0)
        return FALSE;
      machine->stack[machine->depth - 1] += op->number;
      return TRUE;
    case DW_OP_dup:
      return machine->depth > 0 && push (machine, machine->stack[machine->depth - 1]);
    case DW_OP_deref:
      if (machine->depth == 0
          || !lp_process_read (machine->unwinder->process, machine->stack[machine->depth - 1], &value,
                               sizeof value, NULL))
        return FALSE;
      machine->stack[machine->depth - 1] = value;
      return TRUE;
    case DW_OP_nop:
      return TRUE;
    default:
      return binary (machine, op->atom);
    }
}

/* Evaluates @ops; *@is_value: the result is the value itself, not the address of where it is stored. */
static gboolean
evaluate (LpUnwinder *unwinder, const Frame *frame, gboolean has_cfa, guint64 cfa, const Dwarf_Op *ops,
          gsize n, guint64 *result, gboolean *is_value)
{
  Machine machine = { .unwinder = unwinder, .frame = frame, .cfa = cfa, .has_cfa = has_cfa };

  *is_value = FALSE;
  for (gsize i = 0; i < n; i++)
    {
      if (ops[i].atom == DW_OP_stack_value && i + 1 == n)
        *is_value = TRUE;
      else if (!execute_op (&machine, &ops[i]))
        return FALSE;
    }
  if (machine.depth == 0)
    return FALSE;
  *result = machine.stack[machine.depth - 1];
  return TRUE;
}

/* Finds register @number of the caller. FALSE when the table is unusable; an undefined one becomes unknown.
 */
static gboolean
recover_register (LpUnwinder *unwinder, Dwarf_Frame *row, const Frame *frame, guint64 cfa, guint number,
                  Frame *caller)
{
  Dwarf_Op memory[3], *ops;
  size_t n = 0;
  guint64 place;
  gboolean is_value;

  if (dwarf_frame_register (row, number, memory, &ops, &n) != 0)
    return FALSE;
  caller->known[number] = FALSE;
  if (n == 0 && ops == memory) /* undefined */
    return TRUE;
  if (n == 0) /* same value */
    {
      caller->values[number] = frame->values[number];
      caller->known[number] = frame->known[number];
      return TRUE;
    }
  if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom < DW_OP_reg0 + LP_DWARF_N_REGISTERS)
    {
      caller->values[number] = frame->values[ops[0].atom - DW_OP_reg0];
      caller->known[number] = frame->known[ops[0].atom - DW_OP_reg0];
      return TRUE;
    }
  if (!evaluate (unwinder, frame, TRUE, cfa, ops, n, &place, &is_value))
    return FALSE;
  if (is_value)
    caller->values[number] = place;
  else if (!lp_process_read (unwinder->process, place, &caller->values[number], sizeof (guint64), NULL))
    return FALSE;
  return caller->known[number] = TRUE;
}

typedef enum { STEP_FAILED, STEP_DONE, STEP_OUTERMOST } Step;

/* From @frame to its caller. @is_signal: the frame found is that of a signal trampoline. */
static Step
step (LpUnwinder *unwinder, Frame *frame, gboolean is_return, gboolean *is_signal)
{
  guint64 pc = frame->values[LP_DWARF_RA];
  guint64 place = is_return ? pc - 1 : pc; /* a call may be the function's last instruction */
  const Table *table = table_for (unwinder, place);
  g_autofree Dwarf_Frame *row = NULL; /* libdw: free() */
  Dwarf_Op *ops;
  size_t n;
  bool signal_frame = false;
  guint64 cfa;
  gboolean is_value;
  Frame caller = { 0 };

  if (table == NULL || dwarf_cfi_addrframe (table->cfi, place - table->bias, &row) != 0)
    return STEP_FAILED;
  if (dwarf_frame_info (row, NULL, NULL, &signal_frame) < 0 || dwarf_frame_cfa (row, &ops, &n) != 0
      || !evaluate (unwinder, frame, FALSE, 0, ops, n, &cfa, &is_value))
    return STEP_FAILED;
  for (guint i = 0; i < LP_DWARF_N_REGISTERS; i++)
    if (!recover_register (unwinder, row, frame, cfa, i, &caller))
      return STEP_FAILED;
  if (!caller.known[LP_DWARF_RA] || caller.values[LP_DWARF_RA] == 0)
    return STEP_OUTERMOST;
  if (!caller.known[LP_DWARF_SP])
    {
      caller.values[LP_DWARF_SP] = cfa;
      caller.known[LP_DWARF_SP] = TRUE;
    }
  *is_signal = signal_frame;
  *frame = caller;
  return STEP_DONE;
}

gboolean
lp_unwinder_walk (LpUnwinder *unwinder, const LpRegisters *registers, LpUnwindFunc func, gpointer data)
{
  Frame frame;
  gboolean is_return = FALSE;

  lp_registers_to_dwarf (registers, frame.values);
  for (guint i = 0; i < LP_DWARF_N_REGISTERS; i++)
    frame.known[i] = TRUE;

  for (guint i = 0; i < MAX_FRAMES; i++)
    {
      gboolean is_signal = FALSE;
      if (!func (frame.values[LP_DWARF_RA], is_return, data))
        return TRUE;
      switch (step (unwinder, &frame, is_return, &is_signal))
        {
        case STEP_FAILED:
          return FALSE;
        case STEP_OUTERMOST:
          return TRUE;
        case STEP_DONE:
          is_return = !is_signal;
          break;
        }
    }
  return FALSE;
}
