/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts a finished bundle into an archive or a distribution's package. A package holds the bundle's directory,
 * as it is and with its signature, and nothing else: no scripts; the service notices the directory. Must not
 * know how a bundle is made. */
#pragma once

#include "format/manifest.h"

G_BEGIN_DECLS

#define LP_PACKAGE_FOLDER "/usr/lib/syscare/patches" /* where packages put bundles */

/* Writes @bundle (a directory named by its id) beside itself as BUNDLE-ID.tar, or as a .deb or .rpm named
 * syscare-patch-TARGET-NAME (kernel: syscare-patch-IMAGE-NAME), whose version is the target's and then the
 * patch's, so that each patch of that name upgrades the one before; it depends on the very version of the
 * target. Equal bundles give equal files. Uses tar, dpkg-deb or rpmbuild; dpkg-query tells the version of the
 * installed package. Gives the path (caller frees). Errors: LP_ERROR_NOT_SUPPORTED (the tool isn't
 * installed), LP_ERROR_FAILED. */
char *lp_package_write_tar (const char *bundle, const LpManifest *manifest, GError **error);
char *lp_package_write_deb (const char *bundle, const LpManifest *manifest, GError **error);
char *lp_package_write_rpm (const char *bundle, const LpManifest *manifest, GError **error);

/* Whether the tool that writes @format ("tar", "deb", "rpm") is there; a build takes minutes, so this is
 * asked before. Errors: LP_ERROR_NOT_SUPPORTED with the name of the tool. */
gboolean lp_package_check_tool (const char *format, GError **error);

G_END_DECLS
