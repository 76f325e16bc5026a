/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few changes that the service itself makes in the patch directory; each blocks on the disk and is made
 * in the store's thread. Must not know jobs or the bus. */
#pragma once

#include <glib.h>

/* A new folder for a bundle that is being taken in: hidden from scans, only for root. Caller frees. */
char *sc_bundle_files_make_staging (const char *patch_dir, GError **error);
/* Moves @staging to its place as @patch_dir/@id. An equal bundle that is there already is success and sets
 * @unchanged. Errors: LP_ERROR_CONFLICT (another one has the id), LP_ERROR_FAILED. */
gboolean sc_bundle_files_install (const char *patch_dir, const char *staging, const char *id,
                                  gboolean *unchanged, GError **error);
/* Deletes the bundle directory @path, first hiding it, so that a scan never sees half of it. */
gboolean sc_bundle_files_delete (const char *path, GError **error);
/* Deletes what an earlier life left behind of the two above. */
void sc_bundle_files_sweep (const char *patch_dir);
