/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* apt with a configuration of our own: the machine's suites plus their sources, own lists, own cache; the
 * machine's configuration and lists are read, never written. Must not know what is done with the files that
 * it fetches. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct LpApt LpApt;

/* @folder keeps the private lists between runs. Nothing is fetched yet. Errors: LP_ERROR_FAILED,
 * LP_ERROR_NOT_SUPPORTED (no apt). */
LpApt *lp_apt_new (const char *folder, GError **error);
void lp_apt_free (LpApt *apt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpApt, lp_apt_free)

/* Source package and its version of binary package @name in @version (nullable: the candidate), from the
 * index. A source package's own name is accepted as well. Errors: LP_ERROR_TARGET_MISSING. */
gboolean lp_apt_find_source (LpApt *apt, const char *name, const char *version, char **source,
                             char **source_version, GCancellable *cancellable, GError **error);
/* Fetches @source in @version into @folder; gives the .dsc's path (caller frees). Errors:
 * LP_ERROR_TARGET_MISSING (not listed, or listed but not served: said so). */
char *lp_apt_fetch_source (LpApt *apt, const char *source, const char *version, const char *folder,
                           GCancellable *cancellable, GError **error);
/* Fetches binary package @name in @version and unpacks it under @folder/<name>; gives that folder. Errors as
 * above. */
char *lp_apt_fetch_binary (LpApt *apt, const char *name, const char *version, const char *folder,
                           GCancellable *cancellable, GError **error);

/* Fetches binary package @name and takes only the file @member ("./usr/lib/...") out of it, to @path. Errors
 * as above. */
gboolean lp_apt_fetch_member (LpApt *apt, const char *name, const char *version, const char *member,
                              const char *path, GCancellable *cancellable, GError **error);

/* The text of a sources.list(5) file, one-line (@deb822 FALSE) or deb822, with sources asked for as well.
 * Exported for tests. */
char *lp_apt_with_sources (const char *text, gboolean deb822);

G_END_DECLS
