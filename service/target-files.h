/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the files that patches are for stand on the disk in the patched build. Build-IDs are remembered per
 * file version, so that a look costs one stat per path. Must not know processes or states. */
#pragma once

#include "patch-info.h"

typedef struct ScTargetFiles ScTargetFiles;

ScTargetFiles *sc_target_files_new (void);
void sc_target_files_free (ScTargetFiles *files);

/* uuid (of @infos, copied) -> "target-changed" or "target-missing"; patches without a trouble aren't in it.
 * Blocks on the disk; one thread at a time. A patch that names no path has no trouble. */
GHashTable *sc_target_files_check (ScTargetFiles *files, GPtrArray *infos);
