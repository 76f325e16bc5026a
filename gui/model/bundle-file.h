/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a patch bundle says about itself, before it is installed: read as the user, believed by nobody.
 * Must not know the service, which checks everything again. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct {
  char *path;   /* what to install: absolute */
  char *name;   /* "HP001"; strings are "" when the bundle doesn't say */
  char *target; /* "redis 7.0.15-1~deb12u7" */
  char *kind;   /* "user", "kernel" */
  char *severity;
  char *description;
  char *issues;    /* "CVE-2026-1, CVE-2026-2" */
  char *objects;   /* "redis-check-rdb, redis-cli" */
  guint functions; /* how many it replaces or adds */
} ScBundleFile;

/* @file: a bundle's directory, its patch.json, or a tar archive of it, compressed in any way that tar knows.
 */
void sc_bundle_file_read (GFile *file, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data);
ScBundleFile *sc_bundle_file_read_finish (GAsyncResult *result, GError **error);
void sc_bundle_file_free (ScBundleFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScBundleFile, sc_bundle_file_free)

G_END_DECLS
