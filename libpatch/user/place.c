/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps and unmaps the address space of an image. Must not know about redirects or threads' whereabouts. */
#include "user/place.h"
#include "arch/arch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GUARD 0x1000
#define PAGE 0x1000
#define LOW_LIMIT 0x80000000ULL /* LP_ENTITY_LOW32: signed and unsigned 32-bit references both reach */
#define REACH_SLACK 0x10000     /* a branch counts from its own end */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static guint64
page_up (guint64 value)
{
  return (value + PAGE - 1) & ~(guint64)(PAGE - 1);
}

/* One mmap() inside the process. A refusal by the kernel is in @result. */
static gboolean
remote_mmap (LpRemote *remote, guint64 address, guint64 size, int prot, int flags, int fd, gint64 *result,
             GError **error)
{
  const guint64 arguments[6] = { address, size, prot, flags, (guint64)(gint64)fd, 0 };

  return lp_remote_call (remote, SYS_mmap, arguments, result, error);
}

static gboolean
remote_munmap (LpRemote *remote, guint64 address, guint64 size, gint64 *result, GError **error)
{
  const guint64 arguments[6] = { address, size, 0, 0, 0, 0 };

  return lp_remote_call (remote, SYS_munmap, arguments, result, error);
}

static void
set_denied (LpProcess *process, gint64 result, const char *what, GError **error)
{
  const char *hint = result == -ENOMEM
                         ? "look at the limits on address space (ulimit -v) and vm.max_map_count"
                         : "a security policy (SELinux, AppArmor, seccomp) forbids it";

  lp_error_set (error, LP_ERROR_NOT_SUPPORTED, hint, "process %d: mapping %s was denied: %s",
                lp_process_pid (process), what, g_strerror (-result));
}

/* The entity's file for the process to map: absolute path, content as we read it, and nobody but root (or us)
 * can change it later. */
static gboolean
find_entity_file (LpEntity *entity, struct stat *status)
{
  const char *path = lp_elf_name (lp_entity_elf (entity));
  GBytes *bytes = lp_elf_bytes (lp_entity_elf (entity));
  g_autofree char *content = NULL;
  gsize size;

  if (path[0] != '/' || stat (path, status) != 0 || !S_ISREG (status->st_mode)
      || (status->st_mode & 022) != 0)
    return FALSE;
  if ((status->st_uid != 0 && status->st_uid != geteuid ())
      || (gsize)status->st_size != g_bytes_get_size (bytes))
    return FALSE;
  return g_file_get_contents (path, &content, &size, NULL) && size == g_bytes_get_size (bytes)
         && memcmp (content, g_bytes_get_data (bytes, NULL), size) == 0;
}

/* Whether what the process has mapped at @base is the very file @status describes, not one of the same name
 * in another root. */
static gboolean
is_mapped_file (LpProcess *process, guint64 base, guint64 size, const struct stat *status)
{
  g_autofree char *name = g_strdup_printf ("map_files/%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", base,
                                           base + page_up (size));
  int fd = lp_process_open_file (process, name, O_RDONLY, NULL);
  struct stat mapped;

  if (fd < 0)
    return FALSE;
  gboolean same
      = fstat (fd, &mapped) == 0 && mapped.st_dev == status->st_dev && mapped.st_ino == status->st_ino;
  close (fd);
  return same;
}

/* Tries to lay the entity's file over the claimed room. *@done FALSE: the process can't reach it, which is no
 * error. */
static gboolean
map_file (LpProcess *process, LpRemote *remote, LpEntity *entity, guint64 base, guint64 text_size,
          gboolean *done, GError **error)
{
  const char *path = lp_elf_name (lp_entity_elf (entity));
  struct stat status;
  gint64 result, fd;

  *done = FALSE;
  if (strlen (path) >= PAGE || !find_entity_file (entity, &status))
    return TRUE;

  /* The path is put into the claimed room, where nothing of the program can be. */
  if (!remote_mmap (remote, base, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                    &result, error))
    return FALSE;
  if (result < 0 || !lp_process_write (process, base, path, strlen (path) + 1, 0, NULL))
    return TRUE;
  const guint64 open_arguments[6]
      = { (guint64)(gint64)AT_FDCWD, base, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0, 0, 0 };
  if (!lp_remote_call (remote, SYS_openat, open_arguments, &fd, error))
    return FALSE;
  if (fd < 0)
    return TRUE;

  const guint64 close_arguments[6] = { fd, 0, 0, 0, 0, 0 };
  if (!remote_mmap (remote, base, page_up (text_size), PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd,
                    &result, error)
      || !lp_remote_call (remote, SYS_close, close_arguments, &fd, error))
    return FALSE;
  *done = result == (gint64)base && is_mapped_file (process, base, text_size, &status);
  return TRUE;
}

/* Fills the claimed room at @base with the entity's segments. A refusal is LP_ERROR_NOT_SUPPORTED. */
static gboolean
map_segments (LpProcess *process, LpRemote *remote, LpEntity *entity, guint64 base, GError **error)
{
  guint n;
  const Elf64_Phdr *segments = lp_elf_segments (lp_entity_elf (entity), &n);

  for (guint i = 0; i < n; i++)
    {
      gboolean is_text = (segments[i].p_flags & PF_X) != 0, done = FALSE;
      guint64 start = segments[i].p_vaddr & ~(guint64)(PAGE - 1);
      guint64 size = page_up (segments[i].p_vaddr + segments[i].p_memsz) - start;
      gint64 result;

      if (segments[i].p_type != PT_LOAD || segments[i].p_memsz == 0)
        continue;
      if (is_text && start == 0 && segments[i].p_offset == 0
          && !map_file (process, remote, entity, base, segments[i].p_filesz, &done, error))
        return FALSE;
      if (done)
        continue;
      if (!remote_mmap (remote, base + start, size, is_text ? PROT_READ | PROT_EXEC : PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, &result, error))
        return FALSE;
      if (result != (gint64)(base + start))
        {
          set_denied (process, result, is_text ? "executable memory" : "memory", error);
          return FALSE;
        }
    }
  return TRUE;
}

/* Claims @size bytes somewhere within reach of @module, without ever replacing a mapping: a hole that
 * somebody took since we read the maps is simply not ours. */
static gboolean
claim_room (LpProcess *process, LpRemote *remote, LpEntity *entity, const LpModule *module, guint64 size,
            guint64 *start, GError **error)
{
  guint64 range = lp_arch_for_machine (module->machine)->branch_range - REACH_SLACK;
  guint64 low = module->end > range ? module->end - range : 0, high = module->start + range;
  g_autoptr (LpMaps) maps = lp_maps_read (process, error);
  gint64 result = -ENOMEM;

  if (maps == NULL)
    return FALSE;
  if ((lp_entity_identity (entity)->flags & LP_ENTITY_LOW32) != 0)
    high = MIN (high, LOW_LIMIT);
  g_autoptr (GArray) holes = lp_maps_holes (maps, size, low, high, module->start);
  for (guint i = 0; i < holes->len; i++)
    {
      guint64 address = g_array_index (holes, guint64, i);
      if (!remote_mmap (remote, address, size, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, &result,
                        error))
        return FALSE;
      if (result == (gint64)address)
        {
          *start = address;
          return TRUE;
        }
      /* Kernels before 4.17 take the flag for a wish. */
      gint64 ignored;
      if (result > 0 && !remote_munmap (remote, result, size, &ignored, error))
        return FALSE;
      if (result < 0 && result != -EEXIST && result != -EPERM)
        break;
    }
  if (holes->len == 0)
    lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL,
                  "process %d has no free %" G_GUINT64_FORMAT " bytes within reach of %s",
                  lp_process_pid (process), size, module->path);
  else
    set_denied (process, result < 0 ? result : -EEXIST, "memory", error);
  return FALSE;
}

gboolean
lp_place_map (LpProcess *process, LpRemote *remote, LpEntity *entity, const LpModule *module, guint64 *base,
              GError **error)
{
  guint64 image_size = page_up (lp_entity_identity (entity)->image_size), start;

  if (!claim_room (process, remote, entity, module, image_size + 2 * GUARD, &start, error))
    return FALSE;
  if (map_segments (process, remote, entity, start + GUARD, error))
    {
      *base = start + GUARD;
      return TRUE;
    }
  gint64 ignored;
  remote_munmap (remote, start, image_size + 2 * GUARD, &ignored, NULL);
  return FALSE;
}

gboolean
lp_place_unmap (LpProcess *process, LpRemote *remote, guint64 base, guint64 image_size, GError **error)
{
  gint64 result;

  if (!remote_munmap (remote, base - GUARD, page_up (image_size) + 2 * GUARD, &result, error))
    return FALSE;
  if (result == 0)
    return TRUE;
  lp_error_set (error, LP_ERROR_FAILED, NULL,
                "process %d: can't unmap the image at 0x%" G_GINT64_MODIFIER "x: %s",
                lp_process_pid (process), base, g_strerror (-result));
  return FALSE;
}

gboolean
lp_place_retire (LpProcess *process, guint64 base, int stopped_tid, GError **error)
{
  const guint32 none = 0;

  return lp_process_write (process, base + LP_ENTITY_NOTE_OFFSET + offsetof (Elf64_Nhdr, n_type), &none,
                           sizeof none, stopped_tid, error);
}
