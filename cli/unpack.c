/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unpacks archives. */
#include "config.h"
#include "unpack.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "text.h"

/* POSIX.1-2008, pax: "ustar" at offset 257 of the first header block. */
#define USTAR_OFFSET 257
/* Bytes that one file in an archive may have: more is an attack on the disk, not a patch. */
#define MAX_FILE_SIZE "268435456"

gboolean
cli_is_archive (const char *path)
{
  static const struct {
    gsize offset;
    const char *bytes;
    gsize length;
  } magics[] = {
    { USTAR_OFFSET, "ustar", 5 },
    { 0, "\x1f\x8b", 2 }, /* tar, gzip */
    { 0,
      "\xfd"
      "7zXZ",
      5 },
    { 0, "\x28\xb5\x2f\xfd", 4 }, /* xz, zstd */
  };
  char start[512] = { 0 };
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  if (fd < 0)
    return FALSE;
  ssize_t n = read (fd, start, sizeof (start));
  close (fd);
  for (gsize i = 0; i < G_N_ELEMENTS (magics); i++)
    if (n >= (ssize_t)(magics[i].offset + magics[i].length)
        && memcmp (start + magics[i].offset, magics[i].bytes, magics[i].length) == 0)
      return TRUE;
  return FALSE;
}

static char *
find_bundle (const char *directory)
{
  g_autofree char *here = g_build_filename (directory, "patch.json", NULL);
  if (g_file_test (here, G_FILE_TEST_IS_REGULAR))
    return g_strdup (directory);

  g_autoptr (GDir) entries = g_dir_open (directory, 0, NULL);
  const char *name;
  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *below = g_build_filename (directory, name, NULL);
      g_autofree char *manifest = g_build_filename (below, "patch.json", NULL);
      if (g_file_test (manifest, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&below);
    }
  return NULL;
}

/* tar takes absolute names and ".." away by itself; prlimit bounds what it may write. */
static gboolean
run_tar (const char *path, const char *directory, GError **error)
{
  g_autofree char *archive = g_canonicalize_filename (path, NULL);
  g_autofree char *said = NULL;
  g_autoptr (GSubprocess) tar
      = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE, error,
                          "prlimit", "--fsize=" MAX_FILE_SIZE, "tar", "--extract", "--auto-compress",
                          "--no-same-owner", "--no-same-permissions", "--file", archive, "--directory",
                          directory, NULL);

  if (tar == NULL || !g_subprocess_communicate_utf8 (tar, NULL, NULL, NULL, &said, error))
    return FALSE;
  if (g_subprocess_get_successful (tar))
    return TRUE;
  g_strdelimit (g_strchomp (said), "\n", ' ');
  lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, _ ("it can't be unpacked: %s"), said);
  return FALSE;
}

CliUnpacked *
cli_unpack (const char *path, GError **error)
{
  g_autofree char *directory = g_dir_make_tmp ("syscare-XXXXXX", error);
  if (directory == NULL)
    return NULL;

  g_autoptr (CliUnpacked) unpacked = g_new0 (CliUnpacked, 1);
  unpacked->directory = g_steal_pointer (&directory);
  if (!run_tar (path, unpacked->directory, error))
    return NULL;
  unpacked->bundle = find_bundle (unpacked->directory);
  if (unpacked->bundle == NULL)
    {
      lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s", _ ("there is no patch.json in the archive"));
      return NULL;
    }
  return g_steal_pointer (&unpacked);
}

static int
remove_one (const char *path, const struct stat *info, int type, struct FTW *where)
{
  return remove (path);
}

void
cli_unpacked_free (CliUnpacked *unpacked)
{
  if (unpacked->directory != NULL)
    nftw (unpacked->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  g_free (unpacked->directory);
  g_free (unpacked->bundle);
  g_free (unpacked);
}
