/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system's package database as far as one question goes: who put this file here, and is it still the
 * same? Must not know patches or polkit. */
#pragma once

#include <glib.h>

typedef struct {
  char *name;
  char *source;
  char *version;
  char *digest; /* of the file as the package shipped it, hex */
  GChecksumType digest_type;
} ScPackageFile;

/* @path: absolute and resolved (no symbolic link in it). Only a file that one installed package owns, that
 * nobody diverted and that has a recorded digest is found; else NULL and @why says what is missing. Blocks.
 */
ScPackageFile *sc_package_db_find (const char *path, char **why);
void sc_package_file_free (ScPackageFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScPackageFile, sc_package_file_free)

/* "package-dpkg", "package-rpm" or NULL: which database this machine has. */
const char *sc_package_db_feature (void);

/* Whether any package owns @path. Blocks. */
gboolean sc_package_db_owns (const char *path);
