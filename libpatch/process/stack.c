/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks for given pieces of code on the stacks of stopped threads. Must not know what they are.
 *
 * A return address lies behind a call, so it is never a range's first byte (a word that equals it is a
 * pointer to the function) but may be its end (a call that doesn't return is the last instruction). */
#include "process/stack.h"

#include <string.h>

#define CHUNK (64u << 10)     /* bytes read at a time: most stacks in use are shorter */
#define MAX_STACK (16u << 20) /* deeper ones (or a coroutine's, in a big heap) are unwound instead */

static int
compare_ranges (gconstpointer a, gconstpointer b)
{
  const LpCodeRange *x = a, *y = b;

  return x->start < y->start ? -1 : x->start > y->start;
}

static const LpCodeRange *
find_return_range (const GArray *ranges, guint64 word)
{
  for (guint i = 0; i < ranges->len; i++)
    {
      const LpCodeRange *range = &g_array_index (ranges, LpCodeRange, i);
      if (word > range->start && word <= range->end)
        return range;
    }
  return NULL;
}

static const LpCodeRange *
find_executing_range (const GArray *ranges, guint64 pc)
{
  for (guint i = 0; i < ranges->len; i++)
    {
      const LpCodeRange *range = &g_array_index (ranges, LpCodeRange, i);
      if (pc == range->free_at && pc != 0)
        continue;
      if (pc < range->end && (pc > range->start || (pc == range->start && !range->entry_is_free)))
        return range;
    }
  return NULL;
}

typedef struct {
  const GArray *ranges;
  const LpCodeRange *found;
} Walk;

static gboolean
visit_frame (guint64 pc, gboolean is_return, gpointer data)
{
  Walk *walk = data;

  walk->found = is_return ? find_return_range (walk->ranges, pc) : find_executing_range (walk->ranges, pc);
  return walk->found == NULL;
}

/* TRUE when the words of the stack hold something that looks like a return address into @ranges, or when that
 * can't be told. */
static gboolean
words_look_busy (LpProcess *process, const LpMapping *stack, const GArray *ranges, guint64 sp, guint8 *buffer)
{
  guint64 low = g_array_index (ranges, LpCodeRange, 0).start, high = 0;

  if (stack == NULL || stack->end - sp > MAX_STACK || (sp & 7) != 0)
    return TRUE;
  for (guint i = 0; i < ranges->len; i++)
    high = MAX (high, g_array_index (ranges, LpCodeRange, i).end);

  for (guint64 at = sp; at < stack->end; at += CHUNK)
    {
      gsize size = MIN (stack->end - at, CHUNK);
      if (lp_process_read_some (process, at, buffer, size) != size)
        return TRUE;
      for (gsize i = 0; i + sizeof (guint64) <= size; i += sizeof (guint64))
        {
          guint64 word;
          memcpy (&word, buffer + i, sizeof word);
          if (word > low && word <= high && find_return_range (ranges, word) != NULL)
            return TRUE;
        }
    }
  return FALSE;
}

/* The stack that the thread was started with, as far as that can be told; else NULL. */
static const LpMapping *
own_stack (const LpThread *thread, const LpMaps *maps)
{
  guint64 block = lp_registers_thread_pointer (&thread->registers);
  const LpMapping *mapping
      = thread->tid != lp_process_pid (thread->process) ? lp_maps_find (maps, block) : NULL;

  for (guint i = 0; mapping == NULL && i < maps->mappings->len; i++)
    if (strcmp (g_array_index (maps->mappings, LpMapping, i).path, "[stack]") == 0)
      mapping = &g_array_index (maps->mappings, LpMapping, i);
  return mapping;
}

/* The words of the stack that @thread is on; when that is another than its own (a signal handler's, a
 * coroutine's), those of its own as well, down to its lowest page: how much of it is in use isn't known. */
static gboolean
stack_looks_busy (LpProcess *process, const LpThread *thread, const LpMaps *maps, const GArray *ranges,
                  guint8 *buffer)
{
  guint64 sp = lp_registers_sp (&thread->registers);
  const LpMapping *current = lp_maps_find (maps, sp), *own = own_stack (thread, maps);

  if (words_look_busy (process, current, ranges, sp, buffer))
    return TRUE;
  return own != NULL && own != current && words_look_busy (process, own, ranges, own->start, buffer);
}

/* *@busy for one thread. */
static gboolean
check_thread (LpStop *stop, LpThread *thread, const LpMaps *maps, LpUnwinder *unwinder, const GArray *ranges,
              guint8 *buffer, gboolean *busy, LpStackHit *hit, GError **error)
{
  Walk walk = { ranges, NULL };

  if (!lp_stop_read_registers (stop, thread, error))
    return FALSE;
  hit->tid = thread->tid;
  hit->needs_unwinder = FALSE;
  hit->range = find_executing_range (ranges, lp_registers_pc (&thread->registers));
  *busy = hit->range != NULL;
  if (*busy || !stack_looks_busy (lp_stop_process (stop), thread, maps, ranges, buffer))
    return TRUE;

  hit->needs_unwinder = *busy = unwinder == NULL;
  if (*busy)
    return TRUE;
  gboolean exact = lp_unwinder_walk (unwinder, &thread->registers, visit_frame, &walk);
  hit->range = walk.found;
  *busy = !exact || walk.found != NULL;
  return TRUE;
}

gboolean
lp_stack_check (LpStop *stop, const LpMaps *maps, LpUnwinder *unwinder, GArray *ranges, gboolean *busy,
                LpStackHit *hit, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (CHUNK);

  *busy = FALSE;
  if (ranges->len == 0)
    return TRUE;
  g_array_sort (ranges, compare_ranges);
  for (guint i = 0; i < lp_stop_n_threads (stop) && !*busy; i++)
    if (!check_thread (stop, lp_stop_get_thread (stop, i), maps, unwinder, ranges, buffer, busy, hit, error))
      return FALSE;
  return TRUE;
}
