/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads mmap events from one ring per processor. Must not know what is done about them.
 *
 * A ring that wakes its reader up costs the process that makes a mapping an interrupt each time (6 us a
 * mapping in a virtual machine, 40 us a start of a program: every program's). So the rings don't: beside each
 * there is a bell, an event of its own, which is switched off when it has rung, and on again when nothing
 * happens any more. */
#include "user/spotter.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RING_PAGES 64 /* a power of two; some 1,000 events a processor */
#define BELL_PAGES 1
#define RECORD_MAX 65536
#define BUILD_ID_MAX 20

/* Of PERF_RECORD_MMAP2 with a Build-ID. */
typedef struct {
  struct perf_event_header header;
  guint32 pid, tid;
  guint64 address, size, offset;
  guint8 build_id_size, reserved[3];
  guint8 build_id[BUILD_ID_MAX];
  guint32 protection, flags;
  char path[]; /* NUL-terminated */
} Mapping;

typedef struct {
  int fd;
  struct perf_event_mmap_page *page;
  gsize size; /* of the mapping */
} Ring;

/* One processor's. */
typedef struct {
  Ring events;
  Ring bell;     /* what it holds is of no interest */
  guint64 heard; /* the end of its stream, when we looked last */
  gboolean is_silent;
} Ear;

struct LpSpotter {
  GArray *ears; /* Ear */
  int epoll;
  GHashTable *wanted; /* GBytes */
  gboolean is_on;
  guint8 *record;
};

static void
close_ring (const Ring *ring)
{
  if (ring->page != MAP_FAILED)
    munmap (ring->page, ring->size);
  if (ring->fd >= 0)
    close (ring->fd);
}

/* Mapped for reading only, it is written over when it is full. FALSE: errno says why. */
static gboolean
open_ring (const struct perf_event_attr *attributes, int cpu, guint pages, int prot, Ring *ring)
{
  ring->size = (1 + pages) * (gsize)sysconf (_SC_PAGESIZE);
  ring->page = MAP_FAILED;
  ring->fd = (int)syscall (SYS_perf_event_open, attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (ring->fd >= 0)
    ring->page = mmap (NULL, ring->size, prot, MAP_SHARED, ring->fd, 0);
  return ring->page != MAP_FAILED;
}

static gboolean
open_ear (LpSpotter *spotter, int cpu)
{
  const struct perf_event_attr bell = { .size = sizeof bell,
                                        .type = PERF_TYPE_SOFTWARE,
                                        .config = PERF_COUNT_SW_DUMMY,
                                        .disabled = 1,
                                        .mmap = 1,
                                        .watermark = 1,
                                        .wakeup_watermark = 1 };
  struct perf_event_attr attributes = bell;
  struct epoll_event wanted = { .events = EPOLLIN };
  Ear ear = { .events = { .fd = -1, .page = MAP_FAILED }, .bell = { .fd = -1, .page = MAP_FAILED } };

  attributes.mmap2 = attributes.build_id = 1;
  attributes.sample_type = PERF_SAMPLE_TIME;
  attributes.sample_id_all = attributes.use_clockid = 1;
  attributes.clockid = CLOCK_MONOTONIC;
  attributes.wakeup_watermark = G_MAXUINT32;
  if (open_ring (&attributes, cpu, RING_PAGES, PROT_READ | PROT_WRITE, &ear.events)
      && open_ring (&bell, cpu, BELL_PAGES, PROT_READ, &ear.bell)
      && epoll_ctl (spotter->epoll, EPOLL_CTL_ADD, ear.bell.fd, &wanted) == 0)
    {
      g_array_append_val (spotter->ears, ear);
      return TRUE;
    }
  int number = errno;
  close_ring (&ear.events);
  close_ring (&ear.bell);
  errno = number;
  return number == ENODEV; /* a processor that is switched off */
}

LpSpotter *
lp_spotter_new (GError **error)
{
  g_autoptr (LpSpotter) spotter = g_new0 (LpSpotter, 1);
  int processors = (int)sysconf (_SC_NPROCESSORS_CONF);

  spotter->ears = g_array_new (FALSE, FALSE, sizeof (Ear));
  spotter->wanted = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
  spotter->record = g_malloc (RECORD_MAX);
  spotter->epoll = epoll_create1 (EPOLL_CLOEXEC);
  for (int i = 0; i < processors; i++)
    if (!open_ear (spotter, i))
      {
        lp_error_set_errno (error,
                            errno == EACCES || errno == EPERM ? LP_ERROR_ACCESS_DENIED
                                                              : LP_ERROR_KERNEL_UNSUPPORTED,
                            errno, "the kernel's mmap events can't be had");
        return NULL;
      }
  return g_steal_pointer (&spotter);
}

void
lp_spotter_free (LpSpotter *spotter)
{
  if (spotter == NULL)
    return;
  for (guint i = 0; i < spotter->ears->len; i++)
    {
      const Ear *ear = &g_array_index (spotter->ears, Ear, i);
      close_ring (&ear->events);
      close_ring (&ear->bell);
    }
  g_array_unref (spotter->ears);
  g_hash_table_unref (spotter->wanted);
  close (spotter->epoll);
  g_free (spotter->record);
  g_free (spotter);
}

int
lp_spotter_fd (const LpSpotter *spotter)
{
  return spotter->epoll;
}

static void
set_on (const Ring *ring, gboolean on)
{
  ioctl (ring->fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
}

void
lp_spotter_set (LpSpotter *spotter, const GPtrArray *build_ids)
{
  gboolean on = build_ids->len > 0;

  g_hash_table_remove_all (spotter->wanted);
  for (guint i = 0; i < build_ids->len; i++)
    g_hash_table_add (spotter->wanted, g_bytes_ref (build_ids->pdata[i]));
  for (guint i = 0; i < spotter->ears->len && on != spotter->is_on; i++)
    {
      const Ear *ear = &g_array_index (spotter->ears, Ear, i);
      set_on (&ear->events, on);
      if (!ear->is_silent)
        set_on (&ear->bell, on);
    }
  spotter->is_on = on;
}

void
lp_spotter_listen (LpSpotter *spotter)
{
  for (guint i = 0; i < spotter->ears->len; i++)
    {
      Ear *ear = &g_array_index (spotter->ears, Ear, i);
      if (ear->is_silent && spotter->is_on)
        set_on (&ear->bell, TRUE);
      ear->is_silent = FALSE;
    }
}

/* Bells that have rung: their rings tell that, because poll() has already taken the news from the
 * descriptors. */
static void
silence (LpSpotter *spotter)
{
  for (guint i = 0; i < spotter->ears->len; i++)
    {
      Ear *ear = &g_array_index (spotter->ears, Ear, i);
      guint64 head = __atomic_load_n (&ear->bell.page->data_head, __ATOMIC_ACQUIRE);
      if (head == ear->heard)
        continue;
      ear->heard = head;
      set_on (&ear->bell, FALSE);
      ear->is_silent = TRUE;
    }
}

/* Copies @size bytes that begin at @at of the ring's endless stream. */
static void
copy_out (const Ring *ring, guint64 at, void *to, gsize size)
{
  const guint8 *data = (const guint8 *)ring->page + ring->page->data_offset;
  gsize begin = at % ring->page->data_size, first = MIN (size, ring->page->data_size - begin);

  memcpy (to, data + begin, first);
  memcpy ((guint8 *)to + first, data, size - first);
}

static void
handle_mapping (LpSpotter *spotter, const Mapping *mapping, LpSpotterFunc func, gpointer user_data)
{
  if ((mapping->header.misc & PERF_RECORD_MISC_MMAP_BUILD_ID) == 0 || mapping->build_id_size > BUILD_ID_MAX)
    return;
  g_autoptr (GBytes) build_id = g_bytes_new_static (mapping->build_id, mapping->build_id_size);
  if (!g_hash_table_contains (spotter->wanted, build_id))
    return;
  LpSpotted spotted = { .pid = (int)mapping->pid,
                        .start = mapping->address,
                        .end = mapping->address + mapping->size,
                        .path = mapping->path };
  /* What was asked for of each event stands at its end: the time. */
  memcpy (&spotted.time, (const guint8 *)mapping + mapping->header.size - sizeof spotted.time,
          sizeof spotted.time);
  func (&spotted, user_data);
}

gboolean
lp_spotter_dispatch (LpSpotter *spotter, LpSpotterFunc func, gpointer user_data, gboolean *is_quiet)
{
  gboolean whole = TRUE;

  *is_quiet = TRUE;
  silence (spotter);
  for (guint i = 0; i < spotter->ears->len; i++)
    {
      const Ring *ring = &g_array_index (spotter->ears, Ear, i).events;
      guint64 head = __atomic_load_n (&ring->page->data_head, __ATOMIC_ACQUIRE), tail = ring->page->data_tail;

      *is_quiet &= tail == head;
      while (tail < head)
        {
          struct perf_event_header header;
          copy_out (ring, tail, &header, sizeof header);
          if (header.size < sizeof header)
            break;
          copy_out (ring, tail, spotter->record, header.size);
          if (header.type == PERF_RECORD_MMAP2 && header.size > sizeof (Mapping) + sizeof (guint64))
            handle_mapping (spotter, (const Mapping *)(const void *)spotter->record, func, user_data);
          whole &= header.type != PERF_RECORD_LOST;
          tail += header.size;
        }
      __atomic_store_n (&ring->page->data_tail, tail, __ATOMIC_RELEASE);
    }
  return whole;
}
