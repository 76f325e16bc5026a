/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files: bounded reads, writes that are durable before they return. Must not know what the files hold. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/step.h"

void
lp_fd_clear (int *fd)
{
  int saved_errno = errno;

  if (*fd >= 0)
    close (*fd);
  *fd = -1;
  errno = saved_errno;
}

int
lp_fd_steal (int *fd)
{
  int stolen = *fd;

  *fd = -1;
  return stolen;
}

/* Reads exactly @size bytes from offset 0; a shorter file means that somebody truncates it right now. */
static gboolean
read_exactly (int fd, guint8 *buffer, gsize size, const char *name, GError **error)
{
  for (gsize done = 0; done < size;)
    {
      ssize_t n = pread (fd, buffer + done, size - done, done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot read", name);
          return FALSE;
        }
      if (n == 0)
        {
          lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: became shorter while it was read", name);
          return FALSE;
        }
      done += n;
    }
  return TRUE;
}

GBytes *
lp_io_read_fd (int fd, const char *name, gsize max, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot stat", name);
      return NULL;
    }
  if (!S_ISREG (st.st_mode))
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: not a regular file", name);
      return NULL;
    }
  if (st.st_size < 0 || (guint64)st.st_size > max)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: larger than the limit of %" G_GSIZE_FORMAT " bytes",
                    name, max);
      return NULL;
    }

  g_autofree guint8 *buffer = g_try_malloc (MAX (st.st_size, 1));
  if (buffer == NULL)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, ENOMEM, "%s: cannot read", name);
      return NULL;
    }
  if (!read_exactly (fd, buffer, st.st_size, name, error))
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&buffer), st.st_size);
}

GBytes *
lp_io_read_at (int dir_fd, const char *name, gsize max, GError **error)
{
  LP_AUTO_FD int fd = openat (dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

  if (fd < 0 && errno == ENOENT)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s: %s", name, g_strerror (ENOENT));
      return NULL;
    }
  if (fd < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot open", name);
      return NULL;
    }
  return lp_io_read_fd (fd, name, max, error);
}

gboolean
lp_io_write_all (int fd, const char *name, const void *data, gsize size, GError **error)
{
  for (gsize done = 0; done < size;)
    {
      ssize_t n = write (fd, (const guint8 *)data + done, size - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot write", name);
          return FALSE;
        }
      done += n;
    }
  return TRUE;
}

gboolean
lp_io_sync_fd (int fd, const char *name, GError **error)
{
  if (fsync (fd) == 0)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot write to disk", name);
  return FALSE;
}

gboolean
lp_io_create_at (int dir_fd, const char *name, mode_t mode, const void *data, gsize size, GError **error)
{
  LP_AUTO_FD int fd = openat (dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

  if (fd < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot create", name);
      return FALSE;
    }
  lp_step ("file created");
  if (lp_io_write_all (fd, name, data, size, error) && lp_io_sync_fd (fd, name, error))
    {
      lp_step ("file written");
      return TRUE;
    }
  unlinkat (dir_fd, name, 0);
  return FALSE;
}

gboolean
lp_io_replace_at (int dir_fd, const char *name, mode_t mode, const void *data, gsize size, GError **error)
{
  /* One fixed temporary name: what a killed writer left behind is taken away by the next one, so leftovers
   * don't pile up. */
  g_autofree char *temporary = g_strdup_printf (".%s.new", name);

  unlinkat (dir_fd, temporary, 0);
  if (!lp_io_create_at (dir_fd, temporary, mode, data, size, error))
    return FALSE;
  if (renameat (dir_fd, temporary, dir_fd, name) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: cannot replace", name);
      unlinkat (dir_fd, temporary, 0);
      return FALSE;
    }
  lp_step ("file replaced");
  return lp_io_sync_fd (dir_fd, name, error);
}

gboolean
lp_io_same (const char *left, const char *right, const char *name)
{
  g_autofree char *left_path = g_build_filename (left, name, NULL);
  g_autofree char *right_path = g_build_filename (right, name, NULL);
  g_autofree char *left_text = NULL, *right_text = NULL;
  gsize left_size = 0, right_size = 0;

  g_file_get_contents (left_path, &left_text, &left_size, NULL);
  g_file_get_contents (right_path, &right_text, &right_size, NULL);
  return (left_text != NULL) == (right_text != NULL) && left_size == right_size
         && (left_text == NULL || memcmp (left_text, right_text, left_size) == 0);
}

char *
lp_io_digest (GBytes *bytes)
{
  return g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
}
