/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes an entity's bytes, with its relocations resolved for one process, into the room that was mapped for
 * it. The process runs meanwhile: nothing of it can reach the image yet. Must not know about redirects. */
#pragma once

#include "format/entity.h"
#include "process/symbols.h"

G_BEGIN_DECLS

/* @pages: how many pages became private to the process. Errors: LP_ERROR_REFUSED (a relocation is out of
 * range), LP_ERROR_TARGET_MISMATCH (a symbol isn't there or is an indirect function), LP_ERROR_PATCH_CORRUPT,
 * LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED. */
gboolean lp_fill_image (LpProcess *process, LpEntity *entity, const LpModule *module, LpSymbols *symbols,
                        guint64 base, guint *pages, GError **error);

G_END_DECLS
