/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of all machines, and what their files share. For libpatch/arch only. */
#pragma once

#include "arch/arch.h"

extern const LpArch lp_arch_x86_64;
extern const LpArch lp_arch_aarch64;

/* x86_64-insn.c: the part of the x86-64 table that reads instructions; see LpArch for what each one does. */
gboolean lp_x86_64_entry_info (const guint8 *code, gsize size, LpEntryInfo *info, GError **error);
gboolean lp_x86_64_branches_into (const guint8 *code, gsize size, guint64 address, guint64 lo, guint64 hi,
                                  gboolean *result, GError **error);
gboolean lp_x86_64_decode (const guint8 *code, gsize size, guint64 address, GArray *out, GError **error);

/* Reads and writes little-endian numbers at unaligned places. */
static inline guint32
lp_load32 (const guint8 *p)
{
  return (guint32)p[0] | (guint32)p[1] << 8 | (guint32)p[2] << 16 | (guint32)p[3] << 24;
}

static inline void
lp_store (guint8 *p, guint64 value, guint width)
{
  for (guint i = 0; i < width; i++)
    p[i] = (guint8)(value >> (8 * i));
}
