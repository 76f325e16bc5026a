/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts a finished bundle into an archive or a distribution's package. A package holds the bundle's directory,
 * as it is and with its signature, and nothing else: no scripts; the service notices the directory. Must not
 * know how a bundle is made. */
#pragma once

#include "format/manifest.h"

G_BEGIN_DECLS

#define LP_PACKAGE_FOLDER "/usr/lib/syscare/patches" /* where packages put bundles */

/* "tar", "deb", "rpm" */
gboolean lp_package_is_format (const char *word);

/* Whether the tool that writes @format (one of them) is there; a build takes minutes, so this is asked
 * before. Errors: LP_ERROR_NOT_SUPPORTED with the name of the tool. */
gboolean lp_package_check_tool (const char *format, GError **error);

/* Writes @bundle (a directory named by its id) beside itself as @format: as BUNDLE-ID.tar, or as a .deb or
 * .rpm named syscare-patch-TARGET-NAME (kernel: syscare-patch-IMAGE-NAME), whose version is the target's and
 * then the patch's, so that each patch of that name upgrades the one before; it depends on the very version
 * of the target. Equal bundles give equal files. Uses tar, dpkg-deb or rpmbuild; dpkg-query tells the version
 * of the installed package. Gives the path (caller frees). Errors: LP_ERROR_FAILED. */
char *lp_package_write (const char *format, const char *bundle, const LpManifest *manifest, GError **error);

G_END_DECLS
