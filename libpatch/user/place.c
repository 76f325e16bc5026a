/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps and unmaps the address space of an image. Must not know about redirects or threads' whereabouts. */
#include "user/place.h"
#include "arch/arch.h"
#include "user/entity-map.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
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
  if (strlen (path) >= PAGE || !lp_entity_map_find (entity, &status))
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
  *done = result == (gint64)base && lp_entity_map_is (process, base, page_up (text_size), &status);
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

/* Addresses where @size bytes are free within reach of @module; array of guint64. */
static GArray *
find_holes (const LpMaps *maps, LpEntity *entity, const LpModule *module, guint64 size)
{
  guint64 range = lp_arch_for_machine (module->machine)->branch_range - REACH_SLACK;
  guint64 low = module->end > range ? module->end - range : 0, high = module->start + range;

  if ((lp_entity_identity (entity)->flags & LP_ENTITY_LOW32) != 0)
    high = MIN (high, LOW_LIMIT);
  return lp_maps_holes (maps, size, low, high, module->start);
}

/* Claims @size bytes in one of @holes, without ever replacing a mapping: a hole that somebody took since we
 * read the maps is simply not ours. */
static gboolean
claim_room (LpProcess *process, LpRemote *remote, const LpModule *module, const GArray *holes, guint64 size,
            guint64 *start, GError **error)
{
  gint64 result = -ENOMEM;

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

/* ---- all at once: the calls of claim_room(), map_file() and map_segments() in one go ---- */

enum { CALL_CLAIM, CALL_OPEN, CALL_LOOK, CALL_TEXT, CALL_CLOSE, N_CALLS };

/* The calls that map @entity into @start; 0: it isn't a file that is mapped as its text, and then segments.
 */
static guint
plan_calls (LpEntity *entity, guint64 start, guint64 size, LpRemoteCall calls[LP_REMOTE_CALLS_MAX])
{
  const guint64 private = MAP_PRIVATE | MAP_FIXED, fresh = MAP_PRIVATE | MAP_ANONYMOUS;
  guint64 base = start + GUARD;
  guint n, made = N_CALLS;
  const Elf64_Phdr *segments = lp_elf_segments (lp_entity_elf (entity), &n);
  gboolean has_text = FALSE;
  const LpRemoteCall plan[N_CALLS] = {
    [CALL_CLAIM]
    = { SYS_mmap, { start, size, PROT_NONE, fresh | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0 } },
    [CALL_OPEN] = { SYS_openat,
                    { (guint64)(gint64)AT_FDCWD, 0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK },
                    .text_at = 1,
                    .to_call = { CALL_LOOK, CALL_TEXT, CALL_CLOSE },
                    .to_argument = { 0, 4, 0 } },
    [CALL_LOOK] = { SYS_fstat, .answer_at = 1 },
    [CALL_TEXT] = { SYS_mmap, { base, 0, PROT_READ | PROT_EXEC, private, 0, 0 } },
    [CALL_CLOSE] = { SYS_close },
  };

  memcpy (calls, plan, sizeof plan);
  for (guint i = 0; i < n; i++)
    {
      const Elf64_Phdr *segment = &segments[i];
      guint64 from = segment->p_vaddr & ~(guint64)(PAGE - 1);
      guint64 room = page_up (segment->p_vaddr + segment->p_memsz) - from;

      if (segment->p_type != PT_LOAD || segment->p_memsz == 0)
        continue;
      if ((segment->p_flags & PF_X) != 0)
        {
          if (from != 0 || segment->p_offset != 0 || has_text)
            return 0;
          has_text = TRUE;
          calls[CALL_TEXT].arguments[1] = page_up (segment->p_filesz);
          continue;
        }
      if (made == LP_REMOTE_CALLS_MAX)
        return 0;
      calls[made++] = (LpRemoteCall){
        SYS_mmap, { base + from, room, PROT_READ | PROT_WRITE, fresh | MAP_FIXED, (guint64)-1, 0 }
      };
    }
  return has_text ? made : 0;
}

/* The calls of @calls again, of which only the opening was refused: the room is claimed, and memory takes the
 * file's place. Returns how many they are. */
static guint
plan_without_file (LpRemoteCall calls[LP_REMOTE_CALLS_MAX], guint n)
{
  LpRemoteCall text = calls[CALL_TEXT];

  text.arguments[3] |= MAP_ANONYMOUS;
  text.arguments[4] = (guint64)-1;
  calls[0] = text;
  memmove (calls + 1, calls + N_CALLS, (n - N_CALLS) * sizeof *calls);
  return n - N_CALLS + 1;
}

G_STATIC_ASSERT (sizeof (struct stat) == LP_REMOTE_ANSWER_SIZE); /* x86-64: the kernel's is the C library's */

/* Takes away what a go that has failed has left. */
static gboolean
undo_calls (LpRemote *remote, const LpRemoteCall *calls, guint made, GError **error)
{
  const guint64 close_arguments[6] = { calls[CALL_OPEN].result };
  gint64 ignored;

  if (made > CALL_OPEN && made <= CALL_CLOSE && calls[CALL_OPEN].result >= 0
      && !lp_remote_call (remote, SYS_close, close_arguments, &ignored, error))
    return FALSE;
  return made == 0 || calls[CALL_CLAIM].result < 0
         || remote_munmap (remote, calls[CALL_CLAIM].arguments[0], calls[CALL_CLAIM].arguments[1], &ignored,
                           error);
}

/* *@done FALSE: it must be done one by one, which is no error. */
static gboolean
map_at_once (LpRemote *remote, LpEntity *entity, guint64 start, guint64 size, guint64 code, gboolean *done,
             GError **error)
{
  LpRemoteCall calls[LP_REMOTE_CALLS_MAX] = { 0 };
  guint n = plan_calls (entity, start, size, calls), made = 0;
  g_autoptr (GError) local_error = NULL;
  struct stat opened;

  *done = FALSE;
  if (n == 0 || !lp_entity_file_is_usable (entity))
    return TRUE;
  if (!lp_remote_run (remote, code, calls, n, lp_elf_name (lp_entity_elf (entity)), &opened, &made,
                      &local_error))
    {
      if (g_error_matches (local_error, LP_ERROR, LP_ERROR_NOT_SUPPORTED))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  *done = made == n && calls[n - 1].result >= 0 && lp_entity_file_is (entity, &opened);
  if (*done || made != CALL_OPEN + 1 || calls[CALL_OPEN].result >= 0)
    return *done || undo_calls (remote, calls, made, error);

  /* It can't reach the file, as in a root of its own. One by one that would be some ten calls more. */
  LpRemoteCall rest[LP_REMOTE_CALLS_MAX];
  memcpy (rest, calls, sizeof rest);
  guint n_rest = plan_without_file (rest, n);
  *done = lp_remote_run (remote, code, rest, n_rest, "", NULL, &made, NULL) && made == n_rest
          && rest[n_rest - 1].result >= 0;
  return *done || undo_calls (remote, calls, CALL_OPEN, error);
}

gboolean
lp_place_map (LpProcess *process, LpRemote *remote, const LpMaps *maps, LpEntity *entity,
              const LpModule *module, guint64 code, guint64 *base, GError **error)
{
  guint64 image_size = page_up (lp_entity_identity (entity)->image_size), start;
  guint64 size = image_size + 2 * GUARD;
  g_autoptr (GArray) holes = find_holes (maps, entity, module, size);
  gboolean done = FALSE;

  if (code != 0 && holes->len > 0)
    {
      start = g_array_index (holes, guint64, 0);
      if (!map_at_once (remote, entity, start, size, code, &done, error))
        return FALSE;
      *base = start + GUARD;
      if (done)
        return TRUE;
    }
  if (!claim_room (process, remote, module, holes, size, &start, error))
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

guint64
lp_place_text_end (LpEntity *entity, guint64 base)
{
  guint n;
  const Elf64_Phdr *segments = lp_elf_segments (lp_entity_elf (entity), &n);

  for (guint i = 0; i < n; i++)
    if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_X) != 0)
      return base + page_up (segments[i].p_vaddr + segments[i].p_memsz);
  return base;
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

static gboolean
is_guard (const LpMaps *maps, guint64 address)
{
  const LpMapping *mapping = lp_maps_find (maps, address);

  return mapping != NULL && mapping->prot == PROT_NONE && mapping->inode == 0;
}

gboolean
lp_place_is_room (const LpMaps *maps, guint64 base, guint64 image_size)
{
  return is_guard (maps, base - GUARD) && is_guard (maps, base + page_up (image_size));
}

gboolean
lp_place_retire (LpProcess *process, guint64 base, int stopped_tid, GError **error)
{
  const guint32 none = 0;

  return lp_process_write (process, base + LP_ENTITY_NOTE_OFFSET + offsetof (Elf64_Nhdr, n_type), &none,
                           sizeof none, stopped_tid, error);
}
