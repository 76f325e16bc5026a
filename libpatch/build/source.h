/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is to be patched, as source: fetched, identified, unpacked, its build dependencies checked. Must not
 * know how it is traced or what the fix is. */
#pragma once

#include "build/apt.h"
#include "build/build.h"

G_BEGIN_DECLS

typedef struct {
  LpBuildOrigin origin;
  char *package;       /* source package, or the tree's folder name */
  char *version;       /* of the source; "" for a tree without one */
  char *asked;         /* FROM_PACKAGE: binary package that was named, else NULL */
  char *asked_version; /* its version */
  char *dsc;           /* NULL for a tree */
  char *key;           /* cache key: digest of all that the baseline depends on */
  char *tree_path;     /* FROM_TREE: the user's folder */
  GStrv command;       /* what builds it */
  GStrv prepare;       /* (nullable) FROM_TREE: run before the build, traced too */
  GStrv settings;      /* NAME=VALUE, added to the clean environment */
  GHashTable *tools;   /* char* -> char*: versions, for the manifest and the key */
  LpApt *apt;          /* made when first needed: lp_source_apt() */
  char *apt_folder;
} LpSource;

typedef void (*LpSourceNote) (const char *text, gpointer user_data);

/* Finds (FROM_PACKAGE: fetches) the source and computes its key; nothing is unpacked yet. @cache is the cache
 * folder. */
LpSource *lp_source_find (const LpBuildRequest *request, const char *cache, guint jobs, LpSourceNote note,
                          gpointer user_data, GCancellable *cancellable, GError **error);
void lp_source_free (LpSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpSource, lp_source_free)

LpApt *lp_source_apt (LpSource *source, GError **error);

/* Unpacks into the empty folder @folder; gives the tree's top (caller frees). Digests of the .dsc are
 * verified. */
char *lp_source_unpack (const LpSource *source, const char *folder, const char *home,
                        GCancellable *cancellable, GError **error);

/* LP_ERROR_NOT_SUPPORTED with the list of what is missing and the command that installs it. */
gboolean lp_source_check_dependencies (const LpSource *source, const char *tree, const char *home,
                                       GCancellable *cancellable, GError **error);

/* SPDX-like short name out of debian/copyright when one licence covers "Files: *"; "" when it isn't that
 * simple. Caller frees. */
char *lp_source_license (const char *tree);

G_END_DECLS
