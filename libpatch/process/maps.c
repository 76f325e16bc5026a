/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parses /proc/PID/maps and finds free room. Must not know about ELF or patches. Source: proc(5). */
#include "process/maps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LOWEST_ADDRESS 0x10000 /* default of vm.mmap_min_addr */
#define HIGHEST_ADDRESS                                                                                      \
  0x7fffffff0000ULL            /* x86-64 and aarch64 user space without the last pages, 47 bits              \
                                */
#define STACK_ROOM (16u << 20) /* left free below a stack that grows */
#define DELETED " (deleted)"
#define PAGE_MASK 0xfff

/* Parses one line "start-end perms offset major:minor inode path" that ends with NUL. The kernel writes it; a
 * line that isn't like that ends the parsing. */
static gboolean
parse_line (char *line, LpMapping *m)
{
  char *p = line;

  memset (m, 0, sizeof *m);
  m->start = strtoull (p, &p, 16);
  if (*p++ != '-')
    return FALSE;
  m->end = strtoull (p, &p, 16);
  if (*p++ != ' ' || strlen (p) < 5 || m->end <= m->start)
    return FALSE;
  m->prot = (p[0] == 'r' ? PROT_READ : 0) | (p[1] == 'w' ? PROT_WRITE : 0) | (p[2] == 'x' ? PROT_EXEC : 0);
  m->shared = p[3] == 's';
  m->offset = strtoull (p + 5, &p, 16);
  m->major = strtoul (p, &p, 16);
  if (*p++ != ':')
    return FALSE;
  m->minor = strtoul (p, &p, 16);
  m->inode = strtoull (p, &p, 10);
  while (*p == ' ')
    p++;

  if (m->inode != 0 && g_str_has_suffix (p, DELETED))
    {
      m->deleted = TRUE;
      p[strlen (p) - strlen (DELETED)] = '\0';
    }
  m->path = p;
  return TRUE;
}

/* Parses @text, which becomes the result's. */
static LpMaps *
parse (const LpProcess *process, char *text, GError **error)
{
  g_autoptr (LpMaps) maps = g_new0 (LpMaps, 1);

  maps->mappings = g_array_new (FALSE, FALSE, sizeof (LpMapping));
  maps->text = text;
  if (maps->text == NULL)
    return NULL;

  for (char *line = maps->text; *line != '\0';)
    {
      LpMapping mapping;
      char *end = strchrnul (line, '\n');
      char *next = *end == '\n' ? end + 1 : end;

      *end = '\0';
      if (!parse_line (line, &mapping))
        {
          lp_error_set (error, LP_ERROR_FAILED, NULL, "process %d: /proc/%d/maps has an unexpected line",
                        lp_process_pid (process), lp_process_pid (process));
          return NULL;
        }
      g_array_append_val (maps->mappings, mapping);
      line = next;
    }
  return g_steal_pointer (&maps);
}

LpMaps *
lp_maps_read (const LpProcess *process, GError **error)
{
  return parse (process, lp_process_read_file (process, "maps", NULL, error), error);
}

LpMaps *
lp_maps_read_kept (LpProcess *process, GError **error)
{
  return parse (process, lp_process_read_maps (process, error), error);
}

void
lp_maps_free (LpMaps *maps)
{
  if (maps == NULL)
    return;
  g_clear_pointer (&maps->mappings, g_array_unref);
  g_free (maps->text);
  g_free (maps);
}

const LpMapping *
lp_maps_find (const LpMaps *maps, guint64 address)
{
  guint low = 0, high = maps->mappings->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const LpMapping *m = &g_array_index (maps->mappings, LpMapping, middle);

      if (address < m->start)
        high = middle;
      else if (address >= m->end)
        low = middle + 1;
      else
        return m;
    }
  return NULL;
}

/* One free place and how far it is from where we want to be. */
typedef struct {
  guint64 address;
  guint64 distance;
} Hole;

static int
compare_holes (gconstpointer a, gconstpointer b)
{
  const Hole *x = a, *y = b;

  return x->distance < y->distance ? -1 : x->distance > y->distance;
}

/* The place at the upper end of the gap [start, end): memory that grows (the heap, a program break not used
 * yet) grows from the lower end. */
static gboolean
place_in_gap (guint64 start, guint64 end, guint64 size, guint64 near, Hole *hole)
{
  if (end <= start || end - start < size)
    return FALSE;
  hole->address = end - size;
  hole->distance = hole->address > near ? hole->address - near : near - hole->address;
  return TRUE;
}

GArray *
lp_maps_holes (const LpMaps *maps, guint64 size, guint64 low, guint64 high, guint64 near)
{
  g_autoptr (GArray) holes = g_array_new (FALSE, FALSE, sizeof (Hole));
  GArray *addresses = g_array_new (FALSE, FALSE, sizeof (guint64));
  guint64 gap_start = LOWEST_ADDRESS;

  low = MAX (low, LOWEST_ADDRESS);
  high = MIN (high, HIGHEST_ADDRESS) & ~(guint64)PAGE_MASK;
  for (guint i = 0; i <= maps->mappings->len; i++)
    {
      const LpMapping *next = i < maps->mappings->len ? &g_array_index (maps->mappings, LpMapping, i) : NULL;
      guint64 gap_end = next != NULL ? next->start : HIGHEST_ADDRESS;
      Hole hole;

      if (next != NULL && strcmp (next->path, "[stack]") == 0)
        gap_end -= MIN (gap_end, STACK_ROOM);
      if (place_in_gap (MAX (gap_start, low), MIN (gap_end, high), size, near, &hole))
        g_array_append_val (holes, hole);
      gap_start = next != NULL ? next->end : gap_start;
    }

  g_array_sort (holes, compare_holes);
  for (guint i = 0; i < holes->len; i++)
    g_array_append_val (addresses, g_array_index (holes, Hole, i).address);
  return addresses;
}
