/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What dpkg's database says of installed packages, asked by dpkg-query(1). Must not know why somebody wants
 * to know. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  char *version;                 /* of the binary package */
  char *source, *source_version; /* package that it was built from */
} LpDpkgPackage;

/* The installed packages named @name, one for each architecture: element-type LpDpkgPackage, caller unrefs;
 * empty when there is none, or no dpkg. */
GPtrArray *lp_dpkg_installed (const char *name);

/* Names, without architecture, of the installed packages that own exactly @path: element-type utf8, caller
 * unrefs; empty when there is none, or when @path looks like a pattern to dpkg-query. */
GPtrArray *lp_dpkg_owners (const char *path);

G_END_DECLS
