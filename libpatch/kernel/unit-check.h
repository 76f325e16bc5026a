/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What livepatch can't do, or can't be seen to do: each refused with a reason. For libpatch/kernel only. */
#pragma once

#include "kernel/unit.h"

G_BEGIN_DECLS

#define LP_CALLBACK_SECTION ".syscare.callbacks."

/* FALSE, and LP_ERROR_REFUSED: "UNIT: PIECE: @why". */
gboolean lp_unit_refuse (const LpPiece *piece, const char *hint, const char *why, GError **error);

/* Whether @old begins with a call of __fentry__, which livepatch turns into its redirect; whether anything in
 * the file does. */
gboolean lp_unit_has_fentry (const LpKernelUnit *unit, const LpPiece *old);
gboolean lp_unit_any_fentry (const LpKernelUnit *unit);

/* Each of these: errors LP_ERROR_REFUSED. */
/* Before anything is compared: how the kernel is built. */
gboolean lp_unit_check_kernel (const LpKernelUnit *unit, GError **error);
/* Once it is known what is which: nothing got another place that the running kernel can't give it. */
gboolean lp_unit_check_places (const LpKernelUnit *unit, GError **error);
/* @piece is changed and has a peer. */
gboolean lp_unit_check_replaceable (const LpKernelUnit *unit, const LpPiece *piece, GError **error);
/* @piece is new, or goes along as if it were. */
gboolean lp_unit_check_new_data (const LpPiece *piece, GError **error);
/* Data that takes effect without being referred to must not get lost. */
gboolean lp_unit_check_unreferenced (const LpKernelUnit *unit, GError **error);

G_END_DECLS
