/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tries the names that a mapped file may have for us, and believes none of them. Must not know uprobes. */
#include "user/origin.h"
#include "base/io.h"
#include "elf/elf-file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Since Linux 6.7 the layer's file is opened as itself ("fs: store real path instead of fake path in backing
 * file f_path"). */
#define ASKS_TWICE_MAJOR 6
#define ASKS_TWICE_MINOR 7
#define READING (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* What is mounted there, if it is a mount of its own, nobody takes away before the machine's end. */
static const char *const kept_places[] = { "/",
                                           "/usr",
                                           "/var",
                                           "/var/lib",
                                           "/var/lib/containerd",
                                           "/var/lib/containers",
                                           "/var/lib/docker",
                                           "/home",
                                           "/root",
                                           "/opt",
                                           "/srv",
                                           "/tmp",
                                           "/var/tmp" };

/* 0: unknown. */
static guint64
mount_of (int directory, const char *path, int flags)
{
  struct statx file;

  return statx (directory, path, flags | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID, &file) == 0
                 && (file.stx_mask & STATX_MNT_ID)
             ? file.stx_mnt_id
             : 0;
}

static gboolean
is_kept (int fd)
{
  guint64 mount = mount_of (fd, "", AT_EMPTY_PATH);

  for (guint i = 0; mount != 0 && i < G_N_ELEMENTS (kept_places); i++)
    if (mount_of (AT_FDCWD, kept_places[i], 0) == mount)
      return TRUE;
  return FALSE;
}

static gboolean
is_same_inode (int a, int b)
{
  struct stat one, other;

  return fstat (a, &one) == 0 && fstat (b, &other) == 0 && one.st_dev == other.st_dev
         && one.st_ino == other.st_ino;
}

static gboolean
is_same_build (int a, int b)
{
  g_autoptr (GBytes) one = lp_elf_peek_build_id_fd (a), other = lp_elf_peek_build_id_fd (b);

  return one != NULL && other != NULL && g_bytes_equal (one, other);
}

/* @path if @is_it says so and it may be kept, else -1. */
static int
try_path (const char *path, int fd, gboolean (*is_it) (int, int))
{
  LP_AUTO_FD int found = open (path, O_PATH | O_CLOEXEC);
  struct stat file;

  /* Not opened before it is known to be a file: devices may do anything then. */
  if (found < 0 || fstat (found, &file) != 0 || !S_ISREG (file.st_mode) || !is_kept (found))
    return -1;
  g_autofree char *reopen = g_strdup_printf ("/proc/self/fd/%d", found);
  LP_AUTO_FD int readable = open (reopen, READING);
  return readable >= 0 && is_it (readable, fd) ? lp_fd_steal (&readable) : -1;
}

/* In another mount namespace, or below another root, the same file system may be mounted elsewhere. */
static int
try_handles (int fd)
{
  union {
    struct file_handle handle;
    char room[sizeof (struct file_handle) + MAX_HANDLE_SZ];
  } file = { .handle = { .handle_bytes = MAX_HANDLE_SZ } };
  int mount;

  if (name_to_handle_at (fd, "", &file.handle, &mount, AT_EMPTY_PATH) != 0)
    return -1;
  for (guint i = 0; i < G_N_ELEMENTS (kept_places); i++)
    {
      LP_AUTO_FD int place = open (kept_places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      LP_AUTO_FD int found = place >= 0 ? open_by_handle_at (place, &file.handle, READING) : -1;
      /* A handle of one file system may mean something else in another one. */
      if (found >= 0 && is_same_inode (found, fd))
        return lp_fd_steal (&found);
    }
  return -1;
}

/* The options of the mount that @fd is on, as process @who ("self", or a number) sees it; NULL: it doesn't.
 */
static char *
read_mount_options (int fd, const char *who)
{
  g_autofree char *info_path = g_strdup_printf ("/proc/self/fdinfo/%d", fd);
  g_autofree char *mounts_path = g_strdup_printf ("/proc/%s/mountinfo", who);
  g_autofree char *info = NULL, *mounts = NULL;
  const char *id;

  if (!g_file_get_contents (info_path, &info, NULL, NULL) || (id = strstr (info, "mnt_id:")) == NULL
      || !g_file_get_contents (mounts_path, &mounts, NULL, NULL))
    return NULL;
  guint64 mount = g_ascii_strtoull (id + strlen ("mnt_id:"), NULL, 10);
  g_auto (GStrv) lines = g_strsplit (mounts, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *options = strrchr (lines[i], ' ');
      if (options != NULL && g_ascii_strtoull (lines[i], NULL, 10) == mount)
        return g_strdup (options + 1);
    }
  return NULL;
}

/* Folders of an overlay's layers, as those who mounted it named them; the upper one first. */
static GPtrArray *
list_layers (const char *options)
{
  GPtrArray *layers = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) words = g_strsplit (options, ",", -1);

  for (guint i = 0; words[i] != NULL; i++)
    {
      const char *value = strchr (words[i], '=');
      gboolean is_upper = g_str_has_prefix (words[i], "upperdir=");
      if (value == NULL || !(is_upper || g_str_has_prefix (words[i], "lowerdir")))
        continue;
      g_auto (GStrv) folders = g_strsplit (value + 1, ":", -1);
      for (guint j = 0; folders[j] != NULL; j++)
        if (folders[j][0] == '/' && !g_str_has_suffix (folders[j], "\\")) /* of a comma in the name */
          g_ptr_array_insert (layers, is_upper ? 0 : -1, g_strcompress (folders[j]));
    }
  return layers;
}

/* Where the overlay's root is in @path depends on roots and namespaces: each place is tried, the first one
 * first. */
static int
try_layers (const GPtrArray *layers, const char *path, int fd)
{
  for (const char *rest = path; rest != NULL; rest = strchr (rest + 1, '/'))
    for (guint i = 0; i < layers->len; i++)
      {
        g_autofree char *name = g_strconcat (layers->pdata[i], rest, NULL);
        int found = try_path (name, fd, is_same_build);
        if (found >= 0)
          return found;
      }
  return -1;
}

static gboolean
is_in_overlay (int fd)
{
  struct statfs system;

  return fstatfs (fd, &system) == 0 && system.f_type == OVERLAYFS_SUPER_MAGIC;
}

gboolean
lp_origin_asks_twice (int fd)
{
  struct utsname kernel;
  int major = 0, minor = 0;

  if (uname (&kernel) != 0 || sscanf (kernel.release, "%d.%d", &major, &minor) != 2)
    return is_in_overlay (fd);
  return (major > ASKS_TWICE_MAJOR || (major == ASKS_TWICE_MAJOR && minor >= ASKS_TWICE_MINOR))
         && is_in_overlay (fd);
}

static gboolean
is_any (int fd, int unused)
{
  return TRUE;
}

int
lp_origin_open_path (const char *path)
{
  return path[0] == '/' ? try_path (path, -1, is_any) : -1;
}

int
lp_origin_open (int pid, int fd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd), *who = g_strdup_printf ("%d", pid);
  g_autofree char *path = g_file_read_link (link, NULL);
  int found = -1;

  if (path == NULL || path[0] != '/')
    return -1;
  found = try_path (path, fd, is_same_inode);
  if (found < 0)
    found = try_handles (fd);
  if (found >= 0 || !is_in_overlay (fd))
    return found;
  g_autofree char *options = read_mount_options (fd, who);
  if (options == NULL)
    options = read_mount_options (fd, "self");
  g_autoptr (GPtrArray) layers = list_layers (options != NULL ? options : "");
  return try_layers (layers, path, fd);
}
