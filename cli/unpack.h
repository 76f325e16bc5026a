/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bundle out of a tar archive, in a temporary directory of its own. Must not know what a bundle holds. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct {
  char *directory; /* temporary; goes with the struct */
  char *bundle;    /* the directory in it that holds patch.json */
} CliUnpacked;

/* Whether @path looks like a tar archive, compressed or not, by its first bytes. FALSE when it can't be read.
 */
gboolean cli_is_archive (const char *path);

/* Unpacks with tar(1). Errors: LP_ERROR_PATCH_CORRUPT (no archive, no patch.json in it), LP_ERROR_FAILED. */
CliUnpacked *cli_unpack (const char *path, GError **error);
void cli_unpacked_free (CliUnpacked *unpacked);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliUnpacked, cli_unpacked_free)

G_END_DECLS
