/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Digests, kept copies, archive members; see content.h. */

#include "config.h"

#include "build/content.h"

#include "base/error.h"
#include "elf/elf-file.h"

#include <ar.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define THIN_MAGIC "!<thin>\n"

static int
open_regular (const char *path, GError **error)
{
  struct stat st;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s", path);
      return -1;
    }
  if (fstat (fd, &st) < 0 || !S_ISREG (st.st_mode))
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: not a regular file", path);
      close (fd);
      return -1;
    }
  return fd;
}

char *
lp_content_digest (const char *path, GError **error)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guchar *buffer = g_malloc (64 * 1024);
  int fd = open_regular (path, error);
  gssize n;

  if (fd < 0)
    return NULL;
  while ((n = read (fd, buffer, 64 * 1024)) > 0)
    g_checksum_update (checksum, buffer, n);
  int errnum = errno;
  close (fd);
  if (n < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errnum, "%s", path);
      return NULL;
    }
  return g_strdup (g_checksum_get_string (checksum));
}

LpContentKind
lp_content_kind (const char *path)
{
  guint8 head[EI_NIDENT + sizeof (Elf64_Half)];
  int fd = open_regular (path, NULL);
  Elf64_Half type;

  if (fd < 0)
    return LP_CONTENT_MISSING;
  gssize n = pread (fd, head, sizeof head, 0);
  close (fd);
  if (n >= SARMAG && (memcmp (head, ARMAG, SARMAG) == 0 || memcmp (head, THIN_MAGIC, SARMAG) == 0))
    return LP_CONTENT_ARCHIVE;
  if (n < (gssize)sizeof head || memcmp (head, ELFMAG, SELFMAG) != 0)
    return LP_CONTENT_OTHER;
  memcpy (&type, head + EI_NIDENT, sizeof type);
  if (type == ET_REL)
    return LP_CONTENT_OBJECT;
  return type == ET_EXEC || type == ET_DYN ? LP_CONTENT_PROGRAM : LP_CONTENT_OTHER;
}

static gboolean
copy_bytes (int from, int to)
{
  struct stat st;

  if (ioctl (to, FICLONE, from) == 0)
    return TRUE;
  if (fstat (from, &st) < 0)
    return FALSE;
  for (off_t offset = 0; offset < st.st_size;)
    {
      gssize n = sendfile (to, from, &offset, st.st_size - offset);
      if (n <= 0)
        return FALSE;
    }
  return TRUE;
}

gboolean
lp_content_keep (const char *path, const char *kept, gboolean may_link, GError **error)
{
  if (may_link && link (path, kept) == 0)
    return TRUE;

  int from = open_regular (path, error);
  if (from < 0)
    return FALSE;
  int to = open (kept, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  gboolean ok = to >= 0 && copy_bytes (from, to);
  int errnum = errno;
  close (from);
  if (to >= 0)
    close (to);
  if (!ok)
    lp_error_set_errno (error, LP_ERROR_FAILED, errnum, "%s: can't keep a copy as %s", path, kept);
  return ok;
}

static gboolean
malformed (GError **error, const char *path, gsize offset)
{
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: malformed archive at offset %" G_GSIZE_FORMAT, path,
                offset);
  return FALSE;
}

/* Name of a thin archive's member: "name/" or "/OFFSET" into the table of long names, lines that end in
 * "/\n". */
static char *
member_name (const struct ar_hdr *header, const char *long_names, gsize long_size)
{
  if (header->ar_name[0] != '/')
    return g_strndup (header->ar_name, strcspn (header->ar_name, "/ "));
  guint64 offset = g_ascii_strtoull (header->ar_name + 1, NULL, 10);
  if (offset >= long_size)
    return NULL;
  const char *start = long_names + offset;
  const char *end = memchr (start, '\n', long_size - offset);
  if (end == NULL)
    return NULL;
  if (end > start && end[-1] == '/')
    end--;
  return g_strndup (start, end - start);
}

static gboolean
add_thin_member (const char *archive, const char *name, GPtrArray *digests, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (archive);
  g_autofree char *path = g_canonicalize_filename (name, folder);
  g_autofree char *digest = lp_content_digest (path, error);

  if (digest == NULL)
    return FALSE;
  g_ptr_array_add (digests, g_steal_pointer (&digest));
  return TRUE;
}

gboolean
lp_content_archive_digests (const char *path, GPtrArray *digests, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &local);
  if (file == NULL)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
      return FALSE;
    }

  const char *data = g_mapped_file_get_contents (file);
  gsize size = g_mapped_file_get_length (file);
  gboolean thin = size >= SARMAG && memcmp (data, THIN_MAGIC, SARMAG) == 0;
  const char *long_names = "";
  gsize long_size = 0;

  if (size < SARMAG)
    return malformed (error, path, 0);
  for (gsize offset = SARMAG; offset < size;)
    {
      struct ar_hdr header;
      char text[sizeof header.ar_size + 1] = "";
      if (size - offset < sizeof header)
        return malformed (error, path, offset);
      memcpy (&header, data + offset, sizeof header);
      memcpy (text, header.ar_size, sizeof header.ar_size);
      gsize start = offset + sizeof header;
      guint64 length = g_ascii_strtoull (text, NULL, 10);
      gboolean is_long_names = memcmp (header.ar_name, "// ", 3) == 0;
      gboolean is_symbols
          = memcmp (header.ar_name, "/ ", 2) == 0 || memcmp (header.ar_name, "/SYM64/", 7) == 0;
      gboolean inside = !thin || is_long_names || is_symbols;
      if (memcmp (header.ar_fmag, ARFMAG, sizeof header.ar_fmag) != 0 || (inside && length > size - start))
        return malformed (error, path, offset);

      if (is_long_names)
        {
          long_names = data + start;
          long_size = length;
        }
      else if (!is_symbols && !thin)
        {
          g_ptr_array_add (digests, g_compute_checksum_for_data (G_CHECKSUM_SHA256,
                                                                 (const guchar *)data + start, length));
        }
      else if (!is_symbols)
        {
          g_autofree char *name = member_name (&header, long_names, long_size);
          if (name == NULL)
            return malformed (error, path, offset);
          if (!add_thin_member (path, name, digests, error))
            return FALSE;
        }
      offset = start + (inside ? length + (length & 1) : 0);
    }
  return TRUE;
}

char *
lp_content_build_id (const char *path)
{
  int fd = open_regular (path, NULL);
  GString *hex = g_string_new (NULL);

  if (fd < 0)
    return g_string_free (hex, FALSE);
  g_autoptr (GBytes) id = lp_elf_peek_build_id_fd (fd);
  close (fd);
  gsize size = 0;
  const guint8 *bytes = id != NULL ? g_bytes_get_data (id, &size) : NULL;
  for (gsize i = 0; i < size; i++)
    g_string_append_printf (hex, "%02x", bytes[i]);
  return g_string_free (hex, FALSE);
}

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  /* A source tree may hold folders without write permission. */
  if (type == FTW_DNR)
    (void)chmod (path, 0700);
  return remove (path) < 0 && errno != ENOENT ? -1 : 0;
}

gboolean
lp_content_remove (const char *path, GError **error)
{
  if (nftw (path, remove_one, 64, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: can't remove", path);
      return FALSE;
    }
  return TRUE;
}

gboolean
lp_content_make_directory (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0755) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s: can't make the folder", path);
      return FALSE;
    }
  return TRUE;
}
