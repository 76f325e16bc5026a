/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files: bounded reads, writes that are durable before they return. Must not know what the files hold. */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* A descriptor that is closed at the end of its scope: LP_AUTO_FD int fd = open (...); (GLib has g_autofd
 * from 2.76 on). */
#define LP_AUTO_FD __attribute__ ((cleanup (lp_fd_clear)))
void lp_fd_clear (int *fd); /* closes *@fd unless negative, sets it to -1; keeps errno */
int lp_fd_steal (int *fd);  /* returns *@fd and sets it to -1 */

/* A private copy of the whole file behind @fd (from its start; the file position isn't used). @name is used
 * in messages. Errors: LP_ERROR_FAILED (not a regular file, larger than @max bytes, changed while it was
 * read, I/O). */
GBytes *lp_io_read_fd (int fd, const char *name, gsize max, GError **error);
/* As above for @name in the directory @dir_fd (or AT_FDCWD): O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK. ENOENT is
 * G_FILE_ERROR_NOENT. */
GBytes *lp_io_read_at (int dir_fd, const char *name, gsize max, GError **error);

/* Makes the new file @name in @dir_fd and fsyncs it; it must not exist. Errors: LP_ERROR_FAILED. */
gboolean lp_io_create_at (int dir_fd, const char *name, mode_t mode, const void *data, gsize size,
                          GError **error);
/* Replaces @name in @dir_fd: temporary file, fsync, rename, fsync of the directory. Whoever reads sees the
 * old or the new content, also after a power failure. Errors: LP_ERROR_FAILED. */
gboolean lp_io_replace_at (int dir_fd, const char *name, mode_t mode, const void *data, gsize size,
                           GError **error);
/* Writes all of @data to @fd at its position. Errors: LP_ERROR_FAILED. @name is used in messages. */
gboolean lp_io_write_all (int fd, const char *name, const void *data, gsize size, GError **error);
/* Errors: LP_ERROR_FAILED. */
gboolean lp_io_sync_fd (int fd, const char *name, GError **error);

/* Whether the files @name of the directories @left and @right have the same bytes; two that can't be read,
 * because they aren't there for instance, are the same. */
gboolean lp_io_same (const char *left, const char *right, const char *name);

/* SHA-256 in lower-case hex; caller frees. */
char *lp_io_digest (GBytes *bytes);

G_END_DECLS
