/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* x86-64: relocations, the redirect, padding, PLT entries and what linkers make of GOT accesses, by bytes
 * alone. Must not decode instructions in general: that is x86_64-insn.c. Sources: x86-64 psABI 1.0, table 4.9
 * (relocation types), section B.2 (GOTPCRELX relaxation), section 3.4 and 5.2 (PLT); Intel SDM volume 2. */
#include "arch/arch-private.h"

#include <elf.h>
#include <string.h>

#include "base/error.h"

#define REDIRECT_SIZE 5 /* e9 rel32 */

#define R(type, kind, width, is_signed)                                                                      \
  {                                                                                                          \
    R_X86_64_##type, "R_X86_64_" #type, LP_RELOC_##kind, width, is_signed, FALSE                             \
  }
#define RX(type, kind, width)                                                                                \
  {                                                                                                          \
    R_X86_64_##type, "R_X86_64_" #type, LP_RELOC_##kind, width, TRUE, TRUE                                   \
  }

static const LpRelocInfo reloc_table[] = {
  R (NONE, NONE, 0, FALSE),
  R (64, ABSOLUTE, 8, FALSE),
  R (PC32, PC, 4, TRUE),
  R (GOT32, UNKNOWN, 4, TRUE),
  R (PLT32, PLT, 4, TRUE),
  R (COPY, UNKNOWN, 0, FALSE),
  R (GLOB_DAT, ABSOLUTE, 8, FALSE),
  R (JUMP_SLOT, ABSOLUTE, 8, FALSE),
  R (RELATIVE, UNKNOWN, 8, FALSE),
  R (GOTPCREL, GOT_PC, 4, TRUE),
  R (32, ABSOLUTE, 4, FALSE),
  R (32S, ABSOLUTE, 4, TRUE),
  R (16, ABSOLUTE, 2, FALSE),
  R (PC16, PC, 2, TRUE),
  R (8, ABSOLUTE, 1, FALSE),
  R (PC8, PC, 1, TRUE),
  R (DTPMOD64, UNKNOWN, 8, FALSE),
  R (DTPOFF64, TLS_DTPOFF, 8, FALSE),
  R (TPOFF64, TLS_LE, 8, FALSE),
  R (TLSGD, TLS_GD, 4, TRUE),
  R (TLSLD, TLS_LD, 4, TRUE),
  R (DTPOFF32, TLS_DTPOFF, 4, TRUE),
  R (GOTTPOFF, TLS_IE, 4, TRUE),
  R (TPOFF32, TLS_LE, 4, TRUE),
  R (PC64, PC, 8, FALSE),
  R (GOTOFF64, UNKNOWN, 8, FALSE),
  R (GOTPC32, UNKNOWN, 4, TRUE),
  R (GOT64, UNKNOWN, 8, FALSE),
  R (GOTPCREL64, GOT_PC, 8, FALSE),
  R (GOTPC64, UNKNOWN, 8, FALSE),
  R (GOTPLT64, UNKNOWN, 8, FALSE),
  R (PLTOFF64, UNKNOWN, 8, FALSE),
  R (SIZE32, SIZE, 4, FALSE),
  R (SIZE64, SIZE, 8, FALSE),
  R (GOTPC32_TLSDESC, TLS_DESC, 4, TRUE),
  R (TLSDESC_CALL, TLS_DESC, 0, FALSE),
  R (TLSDESC, TLS_DESC, 16, FALSE),
  R (IRELATIVE, UNKNOWN, 8, FALSE),
  R (RELATIVE64, UNKNOWN, 8, FALSE),
  RX (GOTPCRELX, GOT_PC, 4),
  RX (REX_GOTPCRELX, GOT_PC, 4),
};

static const LpRelocInfo *
x86_64_reloc_info (guint32 type)
{
  for (gsize i = 0; i < G_N_ELEMENTS (reloc_table); i++)
    if (reloc_table[i].type == type)
      return &reloc_table[i];
  return NULL;
}

static gboolean
fits (gint64 value, const LpRelocInfo *info)
{
  if (info->width >= 8)
    return TRUE;

  guint bits = info->width * 8;
  if (info->is_signed)
    return value >= -(G_GINT64_CONSTANT (1) << (bits - 1)) && value < (G_GINT64_CONSTANT (1) << (bits - 1));
  return value >= 0 && value < (G_GINT64_CONSTANT (1) << bits);
}

static gboolean
x86_64_relocate (guint32 type, guint8 *place, gsize place_size, guint64 p, guint64 s, gint64 a,
                 GError **error)
{
  const LpRelocInfo *info = x86_64_reloc_info (type);
  guint64 value = s + (guint64)a;

  switch (info != NULL ? info->kind : LP_RELOC_UNKNOWN)
    {
    case LP_RELOC_NONE:
      return TRUE;
    case LP_RELOC_ABSOLUTE:
    case LP_RELOC_TLS_LE: /* @s is the offset from the thread pointer */
    case LP_RELOC_SIZE:
      break;
    case LP_RELOC_PC:
    case LP_RELOC_PLT:
    case LP_RELOC_GOT_PC: /* @s is the slot's address */
      value -= p;
      break;
    default:
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "relocation type %u (%s) can't be applied", type,
                    info != NULL ? info->name : "unknown");
      return FALSE;
    }

  if (place_size < info->width)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "%s at 0x%" G_GINT64_MODIFIER "x needs %u bytes, %" G_GSIZE_FORMAT " are there",
                    info->name, p, info->width, place_size);
      return FALSE;
    }
  if (!fits ((gint64)value, info))
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "%s at 0x%" G_GINT64_MODIFIER "x is out of range: 0x%" G_GINT64_MODIFIER
                    "x doesn't fit into %u bytes",
                    info->name, p, value, info->width);
      return FALSE;
    }
  lp_store (place, value, info->width);
  return TRUE;
}

static gboolean
x86_64_encode_redirect (guint64 from, guint64 to, guint8 *out, GError **error)
{
  gint64 distance = (gint64)(to - (from + REDIRECT_SIZE));

  if (distance != (gint32)distance)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "a jump from 0x%" G_GINT64_MODIFIER "x doesn't reach 0x%" G_GINT64_MODIFIER "x", from,
                    to);
      return FALSE;
    }
  out[0] = 0xe9;
  lp_store (out + 1, (guint64)distance, 4);
  return TRUE;
}

static gboolean
x86_64_decode_redirect (const guint8 *bytes, gsize size, guint64 from, guint64 *to)
{
  if (size < REDIRECT_SIZE || bytes[0] != 0xe9)
    return FALSE;
  *to = from + REDIRECT_SIZE + (guint64)(gint64)(gint32)lp_load32 (bytes + 1);
  return TRUE;
}

static void
x86_64_emit_undo (const LpEntryInfo *info, GByteArray *out)
{
  if (info->class != LP_ENTRY_UNDO_STACK)
    return;

  /* lea n(%rsp),%rsp: unlike add, leaves the flags alone */
  guint8 code[8] = { 0x48, 0x8d, 0xa4, 0x24 };
  lp_store (code + 4, info->undo_bytes, 4);
  g_byte_array_append (out, code, sizeof code);
}

/* The nops that GNU as and LLVM fill gaps with: any number of 0x66 and a cs override, then 90 or 0f 1f /0. */
static gsize
nop_length (const guint8 *bytes, gsize size)
{
  gsize n = 0;

  while (n < size && n < 12 && (bytes[n] == 0x66 || bytes[n] == 0x2e))
    n++;
  if (n < size && bytes[n] == 0x90)
    return n + 1;
  if (n + 3 > size || bytes[n] != 0x0f || bytes[n + 1] != 0x1f || (bytes[n + 2] & 0x38) != 0)
    return 0;

  guint8 mod = bytes[n + 2] >> 6, rm = bytes[n + 2] & 7;
  gsize length = n + 3 + (mod != 3 && rm == 4 ? 1 : 0) + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
  return mod != 3 && length <= size ? length : 0;
}

static gsize
x86_64_padding (const guint8 *bytes, gsize size)
{
  gsize n = 0;

  while (n < size)
    {
      gsize nop = nop_length (bytes + n, size - n);
      if (nop == 0 && bytes[n] != 0xcc && bytes[n] != 0x00)
        break;
      n += MAX (nop, 1);
    }
  return n;
}

/* mov foo@GOTPCREL(%rip),%reg, and the arithmetic forms that psABI B.2 turns into immediates. */
static gboolean
relaxed_operand (const guint8 *object, const guint8 *linked, gsize length, LpRelaxed *how)
{
  guint rex = (object[0] & 0xf0) == 0x40 ? 1 : 0;
  if (length != 6u + rex)
    return FALSE;

  guint8 op = object[rex], modrm = object[rex + 1], reg = (modrm >> 3) & 7;
  guint8 new_op = linked[rex], new_modrm = linked[rex + 1];
  if ((modrm & 0xc7) != 0x05) /* not disp32(%rip) */
    return FALSE;

  how->field_offset = (guint8)(rex + 2);
  how->is_absolute = FALSE;
  if (op == 0x8b && new_op == 0x8d && new_modrm == modrm)
    return rex == 0 || linked[0] == object[0];

  /* The register moves from reg to r/m, so REX.R becomes REX.B. */
  guint8 wanted_rex = rex ? (guint8)((object[0] & ~0x04) | ((object[0] & 0x04) >> 2)) : 0;
  if (rex && linked[0] != wanted_rex)
    return FALSE;
  how->is_absolute = TRUE;
  if (op == 0x8b)
    return new_op == 0xc7 && new_modrm == (0xc0 | reg);
  if (op == 0x85)
    return new_op == 0xf7 && new_modrm == (0xc0 | reg);
  return (op & 0xc7) == 0x03 && new_op == 0x81 && new_modrm == (0xc0 | (op & 0x38) | reg);
}

static gboolean
x86_64_relaxed (const guint8 *object, const guint8 *linked, gsize length, LpRelaxed *how)
{
  how->length = (guint8)length;
  how->is_absolute = FALSE;

  if (length == 6 && object[0] == 0xff && object[1] == 0x15)
    {
      /* call *foo@GOTPCREL(%rip) -> addr32 call foo, or call foo; nop */
      how->field_offset = linked[0] == 0x67 ? 2 : 1;
      return (linked[0] == 0x67 && linked[1] == 0xe8) || (linked[0] == 0xe8 && linked[5] == 0x90);
    }
  if (length == 6 && object[0] == 0xff && object[1] == 0x25)
    {
      how->field_offset = 1; /* jmp foo; nop */
      return linked[0] == 0xe9 && linked[5] == 0x90;
    }
  return relaxed_operand (object, linked, length, how);
}

static gboolean
x86_64_plt_slot (const guint8 *bytes, gsize size, guint64 address, guint64 *slot)
{
  static const guint8 endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
  gsize n = 0;

  if (size >= sizeof endbr64 && memcmp (bytes, endbr64, sizeof endbr64) == 0)
    n = sizeof endbr64;
  if (n < size && bytes[n] == 0xf2) /* bnd */
    n++;
  if (size < n + 6 || bytes[n] != 0xff || bytes[n + 1] != 0x25)
    return FALSE;
  *slot = address + n + 6 + (guint64)(gint64)(gint32)lp_load32 (bytes + n + 2);
  return TRUE;
}

static guint
x86_64_emit_slot_branch (GByteArray *out, gint64 *addend)
{
  static const guint8 code[6] = { 0xff, 0x25 }; /* jmp *slot(%rip) */
  guint place = out->len + 2;

  g_byte_array_append (out, code, sizeof code);
  *addend = -4;
  return place;
}

static LpDynamicKind
x86_64_dynamic_kind (guint32 type)
{
  switch (type)
    {
    case R_X86_64_RELATIVE:
      return LP_DYNAMIC_RELATIVE;
    case R_X86_64_GLOB_DAT:
    case R_X86_64_64:
      return LP_DYNAMIC_SYMBOL;
    case R_X86_64_JUMP_SLOT:
      return LP_DYNAMIC_CALL;
    case R_X86_64_COPY:
      return LP_DYNAMIC_COPY;
    case R_X86_64_IRELATIVE:
      return LP_DYNAMIC_RESOLVER;
    default:
      return LP_DYNAMIC_OTHER;
    }
}

const LpArch lp_arch_x86_64 = {
  .name = "x86_64",
  .machine = EM_X86_64,
  .page_size = 4096,
  .redirect_size = REDIRECT_SIZE,
  .branch_range = G_MAXINT32,
  .reloc_info = x86_64_reloc_info,
  .relocate = x86_64_relocate,
  .encode_redirect = x86_64_encode_redirect,
  .decode_redirect = x86_64_decode_redirect,
  .entry_info = lp_x86_64_entry_info,
  .emit_undo = x86_64_emit_undo,
  .branches_into = lp_x86_64_branches_into,
  .padding = x86_64_padding,
  .decode = lp_x86_64_decode,
  .relaxed = x86_64_relaxed,
  .plt_slot = x86_64_plt_slot,
  .emit_slot_branch = x86_64_emit_slot_branch,
  .reloc_absolute = R_X86_64_64,
  .reloc_near = R_X86_64_PC32,
  .reloc_slot = R_X86_64_PC32,
  .plt_entry_max = 16,
  .dynamic_kind = x86_64_dynamic_kind,
};
