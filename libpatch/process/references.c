/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks through the memory of a stopped process for words that point into a piece of it, as a conservative
 * garbage collector does. Must not know what the piece is.
 *
 * Source of the page map's format: Documentation/admin-guide/mm/pagemap.rst. */
#include "process/references.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK (64u << 10)                            /* bytes read at a time */
#define PAGES_AT_A_TIME 4096                         /* entries of the page map */
#define PAGE_IS_THERE (G_GUINT64_CONSTANT (3) << 62) /* present or swapped */
#define PAGE_IS_SHARED                                                                                       \
  (G_GUINT64_CONSTANT (1) << 61) /* the file's own, or shared memory: not a private copy */
#define RED_ZONE 128 /* bytes below the stack pointer that leaf functions use: psABI x86-64 3.2.2 */

typedef struct {
  LpStop *stop;
  guint64 start, end;
  const GArray *code;
  guint64 page_size;
  int page_map;
  guint64 *entries; /* PAGES_AT_A_TIME */
  guint8 *buffer;   /* CHUNK */
  guint64 guard;    /* what the C library hides its pointers with (lp_registers_demangle()) */
  guint64 budget;   /* bytes that may still be read */
  guint64 where;
} Search;

/* Whether @word, found on a stack, is a return address into the piece: such a one stands behind a call, and
 * whoever would return there has been found by lp_stack_check(). Else it may be a pointer to a function. */
static gboolean
is_return_address (const Search *search, guint64 word)
{
  guint8 before[LP_LONGEST_CALL];

  for (guint i = 0; i < search->code->len; i++)
    {
      const LpCodeRange *range = &g_array_index (search->code, LpCodeRange, i);
      if (word < range->start + sizeof before || word > range->end)
        continue;
      return lp_process_read (lp_stop_process (search->stop), word - sizeof before, before, sizeof before,
                              NULL)
             && lp_registers_call_ends (before);
    }
  return FALSE;
}

static gboolean
points_into (const Search *search, guint64 word)
{
  return word >= search->start && word < search->end;
}

/* Registers that hold data; that of the next instruction and the stack's are others' matter. */
static gboolean
in_registers (const Search *search)
{
  g_autofree guint64 *vectors = g_malloc (LP_VECTORS_MAX);

  for (guint i = 0; i < lp_stop_n_threads (search->stop); i++)
    {
      LpThread *thread = lp_stop_get_thread (search->stop, i);
      guint64 values[LP_DWARF_N_REGISTERS];

      if (thread->gone)
        continue;
      if (!lp_stop_read_registers (search->stop, thread, NULL))
        return TRUE;
      lp_registers_to_dwarf (&thread->registers, values);
      for (guint r = 0; r < LP_DWARF_RA; r++)
        if (points_into (search, values[r]))
          return TRUE;
      gssize size = lp_registers_read_vectors (thread->tid, vectors, LP_VECTORS_MAX);
      if (size < 0)
        return TRUE;
      for (gsize v = 0; v < size / sizeof *vectors; v++)
        if (points_into (search, vectors[v]))
          return TRUE;
    }
  return FALSE;
}

/* Where the part of @mapping begins that a thread's stack uses: nothing that lives lies below, return
 * addresses above are known. Its end when no thread is on it. */
static guint64
live_stack_start (const Search *search, const LpMapping *mapping)
{
  guint64 lowest = mapping->end;

  for (guint i = 0; i < lp_stop_n_threads (search->stop); i++)
    {
      const LpThread *thread = lp_stop_get_thread (search->stop, i);
      guint64 sp = lp_registers_sp (&thread->registers);
      if (!thread->gone && thread->has_registers && sp >= mapping->start && sp < mapping->end)
        lowest = MIN (lowest, sp);
    }
  return lowest;
}

/* A pthread's stack is a mapping of its own behind a guard page, with nothing else below its pointer; what
 * lies in the heap or in a larger piece of memory may have anything there. @below: (nullable): the mapping
 * before.
 */
static gboolean
is_whole_stack (const Search *search, const LpMapping *mapping, const LpMapping *below)
{
  if (strcmp (mapping->path, "[stack]") == 0)
    return TRUE;
  if (below == NULL || below->end != mapping->start || below->prot != PROT_NONE || mapping->path[0] != '\0')
    return FALSE;
  for (guint i = 0; i < lp_stop_n_threads (search->stop); i++)
    {
      const LpThread *thread = lp_stop_get_thread (search->stop, i);
      guint64 own = lp_registers_thread_pointer (&thread->registers),
              sp = lp_registers_sp (&thread->registers);
      if (!thread->gone && thread->has_registers && own >= mapping->start && own < mapping->end
          && sp >= mapping->start && sp < own)
        return TRUE;
    }
  return FALSE;
}

/* What may be read, and may hold pointers. Reading a device's registers may do something. */
static gboolean
is_memory (const LpMapping *mapping)
{
  if (!mapping->shared)
    return TRUE;
  return !g_str_has_prefix (mapping->path, "/sys/") && !g_str_has_prefix (mapping->path, "anon_inode:")
         && (!g_str_has_prefix (mapping->path, "/dev/") || g_str_has_prefix (mapping->path, "/dev/shm/")
             || g_str_has_prefix (mapping->path, "/dev/zero"));
}

/* Looks at the words of [@from, @to), which are pages that are there; @stack: they belong to a stack in use.
 */
static gboolean
search_bytes (Search *search, guint64 from, guint64 to, gboolean stack)
{
  LpProcess *process = lp_stop_process (search->stop);

  while (from < to)
    {
      gsize wanted = MIN (to - from, CHUNK);
      gsize size = lp_process_read_some (process, from, search->buffer, wanted);

      for (gsize i = 0; i + sizeof (guint64) <= size; i += sizeof (guint64))
        {
          guint64 word;
          memcpy (&word, search->buffer + i, sizeof word);
          if (!points_into (search, word)
              && !points_into (search, lp_registers_demangle (word, search->guard)))
            continue;
          if (stack && is_return_address (search, word))
            continue;
          search->where = from + i;
          return TRUE;
        }
      /* What can't be read can't be used by the process either, or is a device. */
      from += size == wanted ? wanted : MAX (size, search->page_size) & ~(search->page_size - 1);
    }
  return FALSE;
}

/* TRUE when a reference was found, or there is too much to look at. @copies: only private copies, in a
 * mapping that can't be written now, but could be once. */
static gboolean
search_pages (Search *search, guint64 from, guint64 to, gboolean copies, gboolean stack)
{
  guint64 mask = copies ? PAGE_IS_SHARED : 0;

  while (from < to)
    {
      guint n = MIN ((to - from + search->page_size - 1) / search->page_size, PAGES_AT_A_TIME);
      gsize size = n * sizeof (guint64);

      if (pread64 (search->page_map, search->entries, size, from / search->page_size * sizeof (guint64))
          != (ssize_t)size)
        return TRUE;
      for (guint i = 0; i < n; i++)
        {
          guint64 page = (from & ~(search->page_size - 1)) + i * search->page_size;
          guint first = i;
          while (i < n && (search->entries[i] & PAGE_IS_THERE) != 0 && (search->entries[i] & mask) == 0)
            i++;
          guint64 length = (i - first) * search->page_size;
          if (length > search->budget)
            return TRUE;
          search->budget -= length;
          if (length > 0 && search_bytes (search, MAX (page, from), MIN (page + length, to), stack))
            return TRUE;
        }
      from = (from & ~(search->page_size - 1)) + n * search->page_size;
    }
  return FALSE;
}

static gboolean
search_mapping (Search *search, const LpMapping *mapping, const LpMapping *previous)
{
  gboolean copies = (mapping->prot & PROT_WRITE) == 0;
  guint64 live = live_stack_start (search, mapping);
  gboolean whole = live < mapping->end && is_whole_stack (search, mapping, previous);
  guint64 below = whole ? live - MIN (live - mapping->start, RED_ZONE) : live;

  below &= ~(guint64)7;
  return (!whole && search_pages (search, mapping->start, below, copies, FALSE))
         || search_pages (search, below, mapping->end, copies, live < mapping->end);
}

/* All threads have the same one. FALSE when no thread is left to ask. */
static gboolean
read_guard (Search *search)
{
  for (guint i = 0; i < lp_stop_n_threads (search->stop); i++)
    {
      const LpThread *thread = lp_stop_get_thread (search->stop, i);
      if (thread->gone || !thread->has_registers)
        continue;
      if (!lp_process_read (lp_stop_process (search->stop),
                            lp_registers_thread_pointer (&thread->registers) + LP_POINTER_GUARD_OFFSET,
                            &search->guard, sizeof search->guard, NULL))
        search->guard = 0; /* a program without thread-local storage hides nothing */
      return TRUE;
    }
  return FALSE;
}

gboolean
lp_references_exist (LpStop *stop, const LpMaps *maps, guint64 start, guint64 end, const GArray *code,
                     guint64 *where)
{
  g_autofree guint64 *entries = g_new (guint64, PAGES_AT_A_TIME);
  g_autofree guint8 *buffer = g_malloc (CHUNK);
  Search search = { .stop = stop,
                    .start = start,
                    .end = end,
                    .code = code,
                    .page_size = sysconf (_SC_PAGESIZE),
                    .entries = entries,
                    .buffer = buffer,
                    .budget = LP_REFERENCES_MAX };

  *where = 0;
  if (in_registers (&search) || !read_guard (&search))
    return TRUE;
  search.page_map = lp_process_open_file (lp_stop_process (stop), "pagemap", O_RDONLY, NULL);
  if (search.page_map < 0)
    return TRUE;
  gboolean found = FALSE;
  for (guint i = 0; i < maps->mappings->len && !found; i++)
    {
      const LpMapping *m = &g_array_index (maps->mappings, LpMapping, i);
      if (((m->prot & PROT_WRITE) != 0 || !m->shared) && !(m->start >= start && m->end <= end)
          && is_memory (m) && m->start <= G_MAXINT64)
        found = search_mapping (&search, m, i > 0 ? m - 1 : NULL);
    }
  close (search.page_map);
  *where = search.where;
  return found;
}
