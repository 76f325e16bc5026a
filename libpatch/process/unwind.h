/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks the call chain of a stopped thread by the unwind tables (.eh_frame) of the mapped files: exact, or it
 * says that it can't tell. Must not know what the caller looks for. Sources: LSB 5 .eh_frame; DWARF 5
 * section 6.4. */
#pragma once

#include "process/module.h"
#include "process/registers.h"

G_BEGIN_DECLS

/* Tables are opened when first needed and kept, so one unwinder serves all threads and attempts while the
 * same modules are mapped. */
typedef struct LpUnwinder LpUnwinder;

/* @maps is only used here, to find the vDSO. */
LpUnwinder *lp_unwinder_new (LpProcess *process, const LpMaps *maps);
void lp_unwinder_free (LpUnwinder *unwinder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpUnwinder, lp_unwinder_free)

/* @pc: where the thread is (first call), then each return address. @is_return: FALSE when the instruction at
 * @pc itself is the next one to be executed for another reason than a call (first frame, interrupted by a
 * signal). Return FALSE to end the walk. */
typedef gboolean (*LpUnwindFunc) (guint64 pc, gboolean is_return, gpointer data);

/* TRUE when the outermost frame was reached or @func ended the walk; FALSE when a frame has no or unusable
 * tables. */
gboolean lp_unwinder_walk (LpUnwinder *unwinder, const LpRegisters *registers, LpUnwindFunc func,
                           gpointer data);

G_END_DECLS
