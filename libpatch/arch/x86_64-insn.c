/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* x86-64 instructions, decoded with capstone: facts about a function's entry, its branches, its operands.
 * Must not know relocations. Source: Intel SDM volume 2; x86-64 psABI 3.2 (argument registers). */
#include "arch/arch-private.h"

#include <capstone/capstone.h>
#include <string.h>

#include "base/error.h"

static const guint8 endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

typedef struct {
  csh handle;
  cs_insn *insn;
} Decoder;

static void
decoder_free (gpointer data)
{
  Decoder *decoder = data;

  cs_free (decoder->insn, 1);
  cs_close (&decoder->handle);
  g_free (decoder);
}

/* One decoder per thread, made at first use: a capstone handle isn't to be shared. */
static GPrivate thread_decoder = G_PRIVATE_INIT (decoder_free);

static Decoder *
decoder_get (GError **error)
{
  Decoder *decoder = g_private_get (&thread_decoder);

  if (decoder != NULL)
    return decoder;

  csh handle;
  if (cs_open (CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "capstone can't decode x86-64");
      return NULL;
    }
  cs_option (handle, CS_OPT_DETAIL, CS_OPT_ON);

  decoder = g_new0 (Decoder, 1);
  decoder->handle = handle;
  decoder->insn = cs_malloc (handle);
  g_private_set (&thread_decoder, decoder);
  return decoder;
}

static gboolean
is_endbr64 (const guint8 *code, gsize size)
{
  return size >= sizeof endbr64 && memcmp (code, endbr64, sizeof endbr64) == 0;
}

/* Decodes one instruction; FALSE when the bytes aren't one. */
static gboolean
decode_one (Decoder *decoder, const guint8 *code, gsize size, guint64 address)
{
  const uint8_t *cursor = code;
  size_t left = size;
  uint64_t at = address;

  return cs_disasm_iter (decoder->handle, &cursor, &left, &at, decoder->insn);
}

static gboolean
is_loop_like (unsigned id)
{
  return id == X86_INS_LOOP || id == X86_INS_LOOPE || id == X86_INS_LOOPNE || id == X86_INS_JRCXZ
         || id == X86_INS_JECXZ || id == X86_INS_XBEGIN;
}

static LpFlow
direct_flow (csh handle, const cs_insn *insn)
{
  const cs_x86 *x86 = &insn->detail->x86;

  if (x86->op_count != 1 || x86->operands[0].type != X86_OP_IMM)
    return LP_FLOW_NONE;
  if (insn->id == X86_INS_JMP)
    return LP_FLOW_JUMP;
  if (cs_insn_group (handle, insn, CS_GRP_CALL))
    return LP_FLOW_CALL;
  if (cs_insn_group (handle, insn, CS_GRP_JUMP) || is_loop_like (insn->id))
    return LP_FLOW_CONDITIONAL;
  return LP_FLOW_NONE;
}

/* A 32-bit register of the calling convention, or its 64-bit name. */
static gboolean
is_argument_register (unsigned reg)
{
  static const unsigned registers[]
      = { X86_REG_EDI, X86_REG_RDI, X86_REG_ESI, X86_REG_RSI, X86_REG_EDX, X86_REG_RDX,
          X86_REG_ECX, X86_REG_RCX, X86_REG_R8D, X86_REG_R8,  X86_REG_R9D, X86_REG_R9 };

  for (gsize i = 0; i < G_N_ELEMENTS (registers); i++)
    if (registers[i] == reg)
      return TRUE;
  return FALSE;
}

static gboolean
is_stack_memory (const cs_x86_op *op)
{
  return op->type == X86_OP_MEM && op->mem.base == X86_REG_RSP && op->mem.index == X86_REG_INVALID
         && op->mem.segment == X86_REG_INVALID;
}

static void
note_number (const cs_insn *insn, LpInsn *out)
{
  const cs_x86 *x86 = &insn->detail->x86;
  gboolean passes = FALSE;

  if (insn->id == X86_INS_PUSH && x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM)
    passes = TRUE;
  if ((insn->id == X86_INS_MOV || insn->id == X86_INS_MOVABS) && x86->op_count == 2
      && x86->operands[1].type == X86_OP_IMM)
    passes = (x86->operands[0].type == X86_OP_REG && is_argument_register (x86->operands[0].reg))
             || is_stack_memory (&x86->operands[0]);

  out->passes_number = passes && x86->encoding.imm_size != 0;
  out->number_offset = x86->encoding.imm_offset;
  out->number_size = x86->encoding.imm_size;
}

gboolean
lp_x86_64_decode (const guint8 *code, gsize size, guint64 address, GArray *out, GError **error)
{
  Decoder *decoder = decoder_get (error);
  if (decoder == NULL)
    return FALSE;

  for (gsize at = 0; at < size;)
    {
      LpInsn insn = { .offset = (guint32)at };

      if (is_endbr64 (code + at, size - at))
        {
          insn.id = G_MAXUINT32; /* a landing pad: not a nop that may be left out */
          insn.length = sizeof endbr64;
        }
      else if (decode_one (decoder, code + at, size - at, address + at))
        {
          insn.id = decoder->insn->id;
          insn.length = (guint8)decoder->insn->size;
          insn.flow = direct_flow (decoder->handle, decoder->insn);
          insn.is_nop = insn.id == X86_INS_NOP;
          if (insn.flow != LP_FLOW_NONE)
            insn.target = (guint64)decoder->insn->detail->x86.operands[0].imm;
          note_number (decoder->insn, &insn);
        }
      else
        {
          lp_error_set (error, LP_ERROR_REFUSED, NULL,
                        "the bytes at offset 0x%" G_GSIZE_MODIFIER "x are not an instruction", at);
          return FALSE;
        }
      g_array_append_val (out, insn);
      at += insn.length;
    }
  return TRUE;
}

gboolean
lp_x86_64_branches_into (const guint8 *code, gsize size, guint64 address, guint64 lo, guint64 hi,
                         gboolean *result, GError **error)
{
  g_autoptr (GArray) insns = g_array_new (FALSE, FALSE, sizeof (LpInsn));

  if (!lp_x86_64_decode (code, size, address, insns, error))
    return FALSE;

  *result = FALSE;
  for (guint i = 0; i < insns->len; i++)
    {
      const LpInsn *insn = &g_array_index (insns, LpInsn, i);
      if (insn->flow != LP_FLOW_NONE && insn->target >= lo && insn->target < hi)
        *result = TRUE;
    }
  return TRUE;
}

/* Whether @op can be read a second time, or without need, without harm: a register, a number, the stack, or
 * the object's own data. Anything else may fault, and a missing check of that very pointer may be what the
 * patch mends. */
static gboolean
is_safe_to_read (const cs_x86_op *op)
{
  if (op->type == X86_OP_REG || op->type == X86_OP_IMM)
    return TRUE;
  return is_stack_memory (op)
         || (op->type == X86_OP_MEM && op->mem.base == X86_REG_RIP && op->mem.index == X86_REG_INVALID);
}

static gboolean
is_store_below_caller (const cs_x86_op *op)
{
  return is_stack_memory (op) && op->mem.disp < 0;
}

static void
classify (const cs_insn *insn, LpEntryInfo *info)
{
  const cs_x86 *x86 = &insn->detail->x86;
  const cs_x86_op *ops = x86->operands;

  info->class = LP_ENTRY_CANNOT_UNDO;
  switch (insn->id)
    {
    case X86_INS_NOP:
      info->class = LP_ENTRY_NOTHING_TO_UNDO;
      break;
    case X86_INS_CMP:
    case X86_INS_TEST:
      if (x86->op_count == 2 && is_safe_to_read (&ops[0]) && is_safe_to_read (&ops[1]))
        info->class = LP_ENTRY_NOTHING_TO_UNDO;
      break;
    case X86_INS_MOV:
      /* An argument saved in the red zone. A register that the ABI lets a callee clobber is not enough: GCC's
       * -fipa-ra lets callers in the same file keep values in whatever the *new* function leaves alone, r11
       * included. */
      if (x86->op_count == 2 && is_safe_to_read (&ops[1]) && is_store_below_caller (&ops[0]))
        info->class = LP_ENTRY_NOTHING_TO_UNDO;
      break;
    case X86_INS_PUSH:
      if (x86->op_count == 1 && (ops[0].type == X86_OP_REG || ops[0].type == X86_OP_IMM) && ops[0].size == 8)
        {
          info->class = LP_ENTRY_UNDO_STACK;
          info->undo_bytes = 8;
        }
      break;
    case X86_INS_SUB:
      if (x86->op_count == 2 && ops[0].type == X86_OP_REG && ops[0].reg == X86_REG_RSP
          && ops[1].type == X86_OP_IMM && ops[1].imm > 0 && ops[1].imm <= G_MAXINT32)
        {
          info->class = LP_ENTRY_UNDO_STACK;
          info->undo_bytes = (guint)ops[1].imm;
        }
      break;
    default:
      break;
    }
}

gboolean
lp_x86_64_entry_info (const guint8 *code, gsize size, LpEntryInfo *info, GError **error)
{
  Decoder *decoder = decoder_get (error);
  if (decoder == NULL)
    return FALSE;

  memset (info, 0, sizeof *info);
  if (is_endbr64 (code, size))
    {
      info->class = LP_ENTRY_NOTHING_TO_UNDO;
      info->length = sizeof endbr64;
      g_strlcpy (info->text, "endbr64", sizeof info->text);
      return TRUE;
    }
  if (!decode_one (decoder, code, size, 0))
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "the first bytes are not an instruction");
      return FALSE;
    }

  info->length = decoder->insn->size;
  g_snprintf (info->text, sizeof info->text, "%s%s%s", decoder->insn->mnemonic,
              decoder->insn->op_str[0] != '\0' ? " " : "", decoder->insn->op_str);
  classify (decoder->insn, info);
  return TRUE;
}
