/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aarch64: relocations, the redirect (one branch behind the landing pad), instruction facts; all of it from
 * the fixed 32-bit encodings. Must not know files or processes. Sources: AAELF64 section 5.7 (relocations);
 * Arm ARM C4.1 (branches), C6.2 (BTI, PACIASP, NOP). */
#include "arch/arch-private.h"

#include <elf.h>

#include "base/error.h"

#define INSN_SIZE 4
#define PAGE(address) ((address) & ~(guint64)0xfff)

enum {
  INSN_NOP = 0xd503201f,
  INSN_BTI = 0xd503241f, /* bti, without bits 6-7: c, j, jc */
  INSN_BTI_MASK = 0xffffff3f,
  INSN_PACIASP = 0xd503233f,
  INSN_PACIBSP = 0xd503237f,
};

/* Where the value goes inside the 32-bit word. */
typedef enum {
  FIELD_DATA,   /* plain number of the type's width */
  FIELD_B26,    /* B, BL: imm26, words */
  FIELD_B19,    /* B.cond, CBZ, LDR literal: imm19, words */
  FIELD_B14,    /* TBZ: imm14, words */
  FIELD_ADR,    /* ADR: immhi:immlo, bytes */
  FIELD_ADRP,   /* ADRP: immhi:immlo, pages */
  FIELD_ADD12,  /* ADD immediate: low 12 bits */
  FIELD_LDST12, /* load or store: low 12 bits, scaled */
  FIELD_MOVW,   /* MOVZ, MOVK: imm16 */
} Field;

typedef struct {
  LpRelocInfo info;
  guint8 field;
  guint8 shift; /* scale of FIELD_LDST12, lowest bit of FIELD_MOVW */
} Row;

#define R(type, kind, width, is_signed, field, shift)                                                        \
  {                                                                                                          \
    { R_AARCH64_##type, "R_AARCH64_" #type, LP_RELOC_##kind, width, is_signed, FALSE }, FIELD_##field, shift \
  }

static const Row table[] = {
  R (NONE, NONE, 0, FALSE, DATA, 0),
  R (ABS64, ABSOLUTE, 8, FALSE, DATA, 0),
  R (ABS32, ABSOLUTE, 4, FALSE, DATA, 0),
  R (ABS16, ABSOLUTE, 2, FALSE, DATA, 0),
  R (PREL64, PC, 8, FALSE, DATA, 0),
  R (PREL32, PC, 4, TRUE, DATA, 0),
  R (PREL16, PC, 2, TRUE, DATA, 0),
  R (MOVW_UABS_G0_NC, ABSOLUTE, 4, FALSE, MOVW, 0),
  R (MOVW_UABS_G1_NC, ABSOLUTE, 4, FALSE, MOVW, 16),
  R (MOVW_UABS_G2_NC, ABSOLUTE, 4, FALSE, MOVW, 32),
  R (MOVW_UABS_G3, ABSOLUTE, 4, FALSE, MOVW, 48),
  R (LD_PREL_LO19, PC, 4, TRUE, B19, 0),
  R (ADR_PREL_LO21, PC, 4, TRUE, ADR, 0),
  R (ADR_PREL_PG_HI21, PC, 4, TRUE, ADRP, 0),
  R (ADR_PREL_PG_HI21_NC, PC, 4, TRUE, ADRP, 0),
  R (ADD_ABS_LO12_NC, ABSOLUTE, 4, FALSE, ADD12, 0),
  R (LDST8_ABS_LO12_NC, ABSOLUTE, 4, FALSE, LDST12, 0),
  R (LDST16_ABS_LO12_NC, ABSOLUTE, 4, FALSE, LDST12, 1),
  R (LDST32_ABS_LO12_NC, ABSOLUTE, 4, FALSE, LDST12, 2),
  R (LDST64_ABS_LO12_NC, ABSOLUTE, 4, FALSE, LDST12, 3),
  R (LDST128_ABS_LO12_NC, ABSOLUTE, 4, FALSE, LDST12, 4),
  R (TSTBR14, PC, 4, TRUE, B14, 0),
  R (CONDBR19, PC, 4, TRUE, B19, 0),
  R (JUMP26, PLT, 4, TRUE, B26, 0),
  R (CALL26, PLT, 4, TRUE, B26, 0),
  R (ADR_GOT_PAGE, GOT_PC, 4, TRUE, ADRP, 0),
  R (LD64_GOT_LO12_NC, GOT_PC, 4, FALSE, LDST12, 3),
  R (GLOB_DAT, ABSOLUTE, 8, FALSE, DATA, 0),
  R (JUMP_SLOT, ABSOLUTE, 8, FALSE, DATA, 0),
  R (TLSGD_ADR_PAGE21, TLS_GD, 4, TRUE, ADRP, 0),
  R (TLSGD_ADD_LO12_NC, TLS_GD, 4, FALSE, ADD12, 0),
  R (TLSIE_ADR_GOTTPREL_PAGE21, TLS_IE, 4, TRUE, ADRP, 0),
  R (TLSIE_LD64_GOTTPREL_LO12_NC, TLS_IE, 4, FALSE, LDST12, 3),
  R (TLSLE_ADD_TPREL_HI12, TLS_LE, 4, FALSE, ADD12, 12),
  R (TLSLE_ADD_TPREL_LO12_NC, TLS_LE, 4, FALSE, ADD12, 0),
  R (TLSDESC_ADR_PAGE21, TLS_DESC, 4, TRUE, ADRP, 0),
  R (TLSDESC_LD64_LO12, TLS_DESC, 4, FALSE, LDST12, 3),
  R (TLSDESC_ADD_LO12, TLS_DESC, 4, FALSE, ADD12, 0),
  R (TLSDESC_CALL, TLS_DESC, 0, FALSE, DATA, 0),
};

static const Row *
row_for (guint32 type)
{
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].info.type == type)
      return &table[i];
  return NULL;
}

static const LpRelocInfo *
aarch64_reloc_info (guint32 type)
{
  const Row *row = row_for (type);
  return row != NULL ? &row->info : NULL;
}

static gboolean
fits_signed (gint64 value, guint bits)
{
  return value >= -(G_GINT64_CONSTANT (1) << (bits - 1)) && value < (G_GINT64_CONSTANT (1) << (bits - 1));
}

/* Stores the low @bits of @value at bit @lowest of @word. */
static guint32
insert (guint32 word, guint64 value, guint bits, guint lowest)
{
  guint32 mask = ((1u << bits) - 1) << lowest;
  return (word & ~mask) | (((guint32)value << lowest) & mask);
}

static guint32
insert_adr (guint32 word, gint64 value)
{
  return insert (insert (word, (guint64)value & 3, 2, 29), (guint64)(value >> 2), 19, 5);
}

/* A word-aligned distance in @bits bits at bit @lowest. */
static gboolean
insert_branch (guint32 *word, gint64 distance, guint bits, guint lowest)
{
  if ((distance & 3) != 0 || !fits_signed (distance, bits + 2))
    return FALSE;
  *word = insert (*word, (guint64)(distance >> 2), bits, lowest);
  return TRUE;
}

/* Writes value @x (S + A) into the instruction at run-time address @p. FALSE when it doesn't fit. */
static gboolean
write_field (const Row *row, guint32 *word, guint64 x, guint64 p)
{
  gint64 distance = (gint64)(x - p);
  gint64 pages;

  switch ((Field)row->field)
    {
    case FIELD_B26:
      return insert_branch (word, distance, 26, 0);
    case FIELD_B19:
      return insert_branch (word, distance, 19, 5);
    case FIELD_B14:
      return insert_branch (word, distance, 14, 5);
    case FIELD_ADR:
      *word = insert_adr (*word, distance);
      return fits_signed (distance, 21);
    case FIELD_ADRP:
      pages = (gint64)(PAGE (x) - PAGE (p)) >> 12;
      *word = insert_adr (*word, pages);
      return fits_signed (pages, 21);
    case FIELD_ADD12:
      *word = insert (*word, (x >> row->shift) & 0xfff, 12, 10);
      return TRUE;
    case FIELD_LDST12:
      *word = insert (*word, (x & 0xfff) >> row->shift, 12, 10);
      return (x & ((1u << row->shift) - 1)) == 0;
    case FIELD_MOVW:
      *word = insert (*word, (x >> row->shift) & 0xffff, 16, 5);
      return TRUE;
    case FIELD_DATA:
    default:
      return FALSE;
    }
}

static gboolean
write_data (const Row *row, guint8 *place, guint64 x, guint64 p)
{
  gint64 value = (gint64)(row->info.kind == LP_RELOC_PC ? x - p : x);
  guint bits = row->info.width * 8;

  /* AAELF64: ABS32 and ABS16 may hold either a signed or an unsigned number. */
  if (bits < 64 && !fits_signed (value, bits) && (row->info.is_signed || (guint64)value >> bits != 0))
    return FALSE;
  lp_store (place, (guint64)value, row->info.width);
  return TRUE;
}

static gboolean
aarch64_relocate (guint32 type, guint8 *place, gsize place_size, guint64 p, guint64 s, gint64 a,
                  GError **error)
{
  const Row *row = row_for (type);
  LpRelocKind kind = row != NULL ? row->info.kind : LP_RELOC_UNKNOWN;

  if (kind == LP_RELOC_NONE)
    return TRUE;
  if ((kind != LP_RELOC_ABSOLUTE && kind != LP_RELOC_PC && kind != LP_RELOC_PLT && kind != LP_RELOC_GOT_PC
       && kind != LP_RELOC_TLS_LE)
      || place_size < row->info.width)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "relocation type %u (%s) can't be applied", type,
                    row != NULL ? row->info.name : "unknown");
      return FALSE;
    }

  guint64 x = s + (guint64)a;
  gboolean ok;
  if (row->field == FIELD_DATA)
    ok = write_data (row, place, x, p);
  else
    {
      guint32 word = lp_load32 (place);
      ok = write_field (row, &word, x, p);
      if (ok)
        lp_store (place, word, INSN_SIZE);
    }

  if (!ok)
    lp_error_set (error, LP_ERROR_REFUSED, NULL,
                  "%s at 0x%" G_GINT64_MODIFIER "x can't reach 0x%" G_GINT64_MODIFIER
                  "x: out of range or not aligned",
                  row->info.name, p, x);
  return ok;
}

static gboolean
aarch64_encode_redirect (guint64 from, guint64 to, guint8 *out, GError **error)
{
  guint32 word = 0x14000000; /* B */

  if (!insert_branch (&word, (gint64)(to - from), 26, 0))
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL,
                    "a branch from 0x%" G_GINT64_MODIFIER "x doesn't reach 0x%" G_GINT64_MODIFIER "x", from,
                    to);
      return FALSE;
    }
  lp_store (out, word, INSN_SIZE);
  return TRUE;
}

/* The distance that @bits bits at @lowest say, in bytes. */
static gint64
extract_branch (guint32 word, guint bits, guint lowest)
{
  guint64 field = (word >> lowest) & ((1u << bits) - 1);
  return (gint64)(field << (64 - bits)) >> (64 - bits - 2);
}

static LpFlow
branch_of (guint32 word, guint64 address, guint64 *target)
{
  LpFlow flow = LP_FLOW_NONE;
  gint64 distance = 0;

  if ((word & 0x7c000000) == 0x14000000) /* B, BL */
    {
      flow = word >> 31 ? LP_FLOW_CALL : LP_FLOW_JUMP;
      distance = extract_branch (word, 26, 0);
    }
  else if ((word & 0xff000000) == 0x54000000 || (word & 0x7e000000) == 0x34000000) /* B.cond, CBZ, CBNZ */
    {
      flow = LP_FLOW_CONDITIONAL;
      distance = extract_branch (word, 19, 5);
    }
  else if ((word & 0x7e000000) == 0x36000000) /* TBZ, TBNZ */
    {
      flow = LP_FLOW_CONDITIONAL;
      distance = extract_branch (word, 14, 5);
    }
  *target = address + (guint64)distance;
  return flow;
}

static gboolean
aarch64_decode_redirect (const guint8 *bytes, gsize size, guint64 from, guint64 *to)
{
  return size >= INSN_SIZE && (lp_load32 (bytes) & 0xfc000000) == 0x14000000
         && branch_of (lp_load32 (bytes), from, to) == LP_FLOW_JUMP;
}

static gboolean
aarch64_entry_info (const guint8 *code, gsize size, LpEntryInfo *info, GError **error)
{
  if (size < INSN_SIZE)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "the function is shorter than one instruction");
      return FALSE;
    }

  guint32 word = lp_load32 (code);
  *info = (LpEntryInfo){ .class = LP_ENTRY_CANNOT_UNDO, .length = INSN_SIZE };
  if (word == INSN_NOP || (word & INSN_BTI_MASK) == INSN_BTI)
    info->class = LP_ENTRY_NOTHING_TO_UNDO;

  /* paciasp signs the link register: the new function must not see it signed, and it is a landing pad, so it
   * must stay: the stub takes the signature off again (autiasp or autibsp). */
  if (word == INSN_PACIASP || word == INSN_PACIBSP)
    {
      info->class = LP_ENTRY_UNDO_STACK;
      info->undo_bytes = 0;
    }
  g_snprintf (info->text, sizeof info->text, "%s",
              word == INSN_NOP                     ? "nop"
              : word == INSN_PACIASP               ? "paciasp"
              : word == INSN_PACIBSP               ? "pacibsp"
              : (word & INSN_BTI_MASK) == INSN_BTI ? "bti"
                                                   : "other");
  return TRUE;
}

static void
aarch64_emit_undo (const LpEntryInfo *info, GByteArray *out)
{
  if (info->class != LP_ENTRY_UNDO_STACK)
    return;

  guint8 code[INSN_SIZE];
  lp_store (code, g_str_equal (info->text, "pacibsp") ? 0xd50323ff : 0xd50323bf, INSN_SIZE);
  g_byte_array_append (out, code, sizeof code);
}

static gboolean
aarch64_branches_into (const guint8 *code, gsize size, guint64 address, guint64 lo, guint64 hi,
                       gboolean *result, GError **error)
{
  *result = FALSE;
  for (gsize at = 0; at + INSN_SIZE <= size; at += INSN_SIZE)
    {
      guint64 target;
      if (branch_of (lp_load32 (code + at), address + at, &target) != LP_FLOW_NONE && target >= lo
          && target < hi)
        *result = TRUE;
    }
  return TRUE;
}

static gsize
aarch64_padding (const guint8 *bytes, gsize size)
{
  gsize n = 0;

  while (n + INSN_SIZE <= size && (lp_load32 (bytes + n) == INSN_NOP || lp_load32 (bytes + n) == 0))
    n += INSN_SIZE;
  return n;
}

static gboolean
aarch64_decode (const guint8 *code, gsize size, guint64 address, GArray *out, GError **error)
{
  if (size % INSN_SIZE != 0)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "the code's size isn't a multiple of 4");
      return FALSE;
    }
  for (gsize at = 0; at < size; at += INSN_SIZE)
    {
      guint32 word = lp_load32 (code + at);
      LpInsn insn = { .offset = (guint32)at, .length = INSN_SIZE, .is_nop = word == INSN_NOP };

      insn.flow = branch_of (word, address + at, &insn.target);
      if (insn.flow != LP_FLOW_NONE)
        insn.id = word >> 24;
      if ((word & 0x7f800000) == 0x52800000 && (word & 31) < 8) /* movz w0..w7 */
        insn.passes_number = TRUE;
      insn.number_offset = 0;
      insn.number_size = INSN_SIZE;
      g_array_append_val (out, insn);
    }
  return TRUE;
}

/* Linkers rewrite adrp and ldr pairs too; by construction not supported yet, so that the proof refuses such
 * code. */
static gboolean
aarch64_relaxed (const guint8 *object, const guint8 *linked, gsize length, LpRelaxed *how)
{
  return FALSE;
}

/* adrp x16, page; ldr x17, [x16, #low]; add x16, x16, #low; br x17, after an optional bti c. */
static gboolean
aarch64_plt_slot (const guint8 *bytes, gsize size, guint64 address, guint64 *slot)
{
  gsize n = size >= INSN_SIZE && (lp_load32 (bytes) & INSN_BTI_MASK) == INSN_BTI ? INSN_SIZE : 0;
  if (size < n + 2 * INSN_SIZE)
    return FALSE;

  guint32 adrp = lp_load32 (bytes + n), ldr = lp_load32 (bytes + n + INSN_SIZE);
  if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211)
    return FALSE;

  guint64 field = ((guint64)((adrp >> 5) & 0x7ffff) << 2) | ((adrp >> 29) & 3);
  gint64 pages = (gint64)(field << 43) >> 43;
  *slot = PAGE (address + n) + ((guint64)pages << 12) + (((ldr >> 10) & 0xfff) << 3);
  return TRUE;
}

/* A slot branch needs two relocations here; the entity's stubs for aarch64 are not written yet. */
static guint
aarch64_emit_slot_branch (GByteArray *out, gint64 *addend)
{
  *addend = 0;
  return G_MAXUINT;
}

static LpDynamicKind
aarch64_dynamic_kind (guint32 type)
{
  switch (type)
    {
    case R_AARCH64_RELATIVE:
      return LP_DYNAMIC_RELATIVE;
    case R_AARCH64_GLOB_DAT:
    case R_AARCH64_ABS64:
      return LP_DYNAMIC_SYMBOL;
    case R_AARCH64_JUMP_SLOT:
      return LP_DYNAMIC_CALL;
    case R_AARCH64_COPY:
      return LP_DYNAMIC_COPY;
    case R_AARCH64_IRELATIVE:
      return LP_DYNAMIC_RESOLVER;
    default:
      return LP_DYNAMIC_OTHER;
    }
}

const LpArch lp_arch_aarch64 = {
  .name = "aarch64",
  .machine = EM_AARCH64,
  .page_size = 65536,
  .redirect_size = INSN_SIZE,
  .branch_range = (1u << 27) - INSN_SIZE,
  .reloc_info = aarch64_reloc_info,
  .relocate = aarch64_relocate,
  .encode_redirect = aarch64_encode_redirect,
  .decode_redirect = aarch64_decode_redirect,
  .entry_info = aarch64_entry_info,
  .emit_undo = aarch64_emit_undo,
  .branches_into = aarch64_branches_into,
  .padding = aarch64_padding,
  .decode = aarch64_decode,
  .relaxed = aarch64_relaxed,
  .plt_slot = aarch64_plt_slot,
  .emit_slot_branch = aarch64_emit_slot_branch,
  .reloc_absolute = R_AARCH64_ABS64,
  .reloc_near = 0,
  .reloc_slot = 0,
  .plt_entry_max = 24,
  .dynamic_kind = aarch64_dynamic_kind,
};
