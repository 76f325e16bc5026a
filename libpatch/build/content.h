/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contents of files: digests, copies that stay when the original goes, members of archives, and peeks at ELF
 * headers. Must not know why somebody wants to know. Sources: ar(5), System V gABI chapter 4. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* SHA-256 of @path in hex; NULL and LP_ERROR_FAILED when it can't be read. Caller frees. */
char *lp_content_digest (const char *path, GError **error);

typedef enum {
  LP_CONTENT_MISSING, /* can't be read */
  LP_CONTENT_OTHER,
  LP_CONTENT_OBJECT,  /* ELF, ET_REL */
  LP_CONTENT_PROGRAM, /* ELF, ET_EXEC or ET_DYN */
  LP_CONTENT_ARCHIVE, /* ar, thin ones too */
} LpContentKind;

LpContentKind lp_content_kind (const char *path);

/* Makes @path's bytes stay as file @kept: a clone or hard link when that is safe (@may_link: nobody edits the
 * file in place, else a copy). Parent folders must exist. */
gboolean lp_content_keep (const char *path, const char *kept, gboolean may_link, GError **error);

/* Digests of the members of archive @path that are files (not its symbol tables), appended to @digests; thin
 * archives by the files that they name. LP_ERROR_FAILED when the archive is malformed. */
gboolean lp_content_archive_digests (const char *path, GPtrArray *digests, GError **error);

/* Build-ID in hex, "" when there is none. Caller frees. */
char *lp_content_build_id (const char *path);

/* Removes a file or a folder with all that is in it, following no link. What isn't there is fine. */
gboolean lp_content_remove (const char *path, GError **error);
/* mkdir -p with mode 0755. */
gboolean lp_content_make_directory (const char *path, GError **error);

G_END_DECLS
