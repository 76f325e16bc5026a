/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The libraries that an ELF file is linked with, as files: what the build itself linked, else what the
 * machine's dynamic linker would load. Must not know what they are needed for. */
#pragma once

#include "build/trace.h"
#include "elf/elf-file.h"

G_BEGIN_DECLS

/* One LpElf per DT_NEEDED entry of @elf that is found, in that order (caller frees the array). One that isn't
 * found is left out: what it defines is then unknown. Errors: LP_ERROR_PATCH_CORRUPT when @elf's dynamic
 * section is damaged. */
GPtrArray *lp_build_needed (const LpTrace *trace, LpElf *elf, GError **error);

G_END_DECLS
