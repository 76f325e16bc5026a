/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trigger's end of the net: loads the kernel's part, sets and takes uprobes, reads hits. Must not know
 * ptrace. */
#include "user/net.h"
#include "user/namespace.h"
#include "user/net.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PMU_TYPE "/sys/bus/event_source/devices/uprobe/type"

/* Of linux/bpf.h since Linux 6.6; older headers lack them. */
#define ATTACH_UPROBE_MULTI 48
struct link_create_uprobe_multi {
  guint32 program;
  guint32 target;
  guint32 attach_type;
  guint32 flags;
  guint64 path;
  guint64 offsets;
  guint64 reference_counters;
  guint64 cookies;
  guint32 count;
  guint32 multi_flags;
  guint32 pid;
  guint32 padding;
};

/* The uprobes of one file. */
typedef struct {
  dev_t device;
  ino_t inode;
  GArray *offsets; /* guint64, ascending */
  GArray *links;   /* int: one link, or one perf event per offset, -1 where it couldn't be set */
  gboolean is_one_link;
} Group;

struct LpNet {
  struct lp_net *skeleton;
  struct ring_buffer *ring;
  struct lp_net_control *control;
  char *pin;         /* (nullable): where it is pinned */
  GPtrArray *groups; /* Group; only of the thread that is in lp_net_set() */
  gboolean no_multi; /* the kernel has only perf events */
  guint pmu;         /* their type */
  int guard;         /* pid of it */
  int guard_fd;
  LpNetFunc func;
  gpointer user_data;
};

static void
group_free (gpointer data)
{
  Group *group = data;

  for (guint i = 0; i < group->links->len; i++)
    if (g_array_index (group->links, int, i) >= 0)
      close (g_array_index (group->links, int, i));
  g_array_unref (group->links);
  g_array_unref (group->offsets);
  g_free (group);
}

static guint64
now_ns (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (guint64)t.tv_sec * G_GUINT64_CONSTANT (1000000000) + (guint64)t.tv_nsec;
}

static int
take_hit (void *data, void *record, size_t size)
{
  LpNet *net = data;

  if (size >= sizeof (struct lp_net_hit))
    net->func (record, net->user_data);
  return 0;
}

static guint
read_pmu_type (void)
{
  g_autofree char *text = NULL;

  return g_file_get_contents (PMU_TYPE, &text, NULL, NULL) ? (guint)g_ascii_strtoull (text, NULL, 10) : 0;
}

static gboolean
load (LpNet *net, GError **error)
{
  net->skeleton = lp_net__open ();
  if (net->skeleton != NULL)
    bpf_program__set_expected_attach_type (net->skeleton->progs.hit_many,
                                           (enum bpf_attach_type)ATTACH_UPROBE_MULTI);
  int result = net->skeleton != NULL ? lp_net__load (net->skeleton) : -errno;
  if (result != 0)
    {
      lp_error_set_errno (error, result == -EPERM ? LP_ERROR_ACCESS_DENIED : LP_ERROR_KERNEL_UNSUPPORTED,
                          -result, "the net's program can't be loaded into the kernel");
      return FALSE;
    }
  net->control = mmap (NULL, sizeof *net->control, PROT_READ | PROT_WRITE, MAP_SHARED,
                       bpf_map__fd (net->skeleton->maps.control), 0);
  net->ring = ring_buffer__new (bpf_map__fd (net->skeleton->maps.hits), take_hit, net, NULL);
  if (net->control == MAP_FAILED || net->ring == NULL)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "the net's memory can't be mapped");
      return FALSE;
    }
  return TRUE;
}

LpNet *
lp_net_new (const char *pin, GError **error)
{
  g_autoptr (LpNet) net = g_new0 (LpNet, 1);

  net->control = MAP_FAILED;
  net->guard_fd = -1;
  net->groups = g_ptr_array_new_with_free_func (group_free);
  libbpf_set_print (NULL); /* what it has to say: the errors that it returns are what we report */
  net->pmu = read_pmu_type ();
  if (net->pmu == 0)
    {
      lp_error_set (error, LP_ERROR_KERNEL_UNSUPPORTED, NULL, "the kernel has no uprobes");
      return NULL;
    }
  if (!load (net, error))
    return NULL;
  guint64 inode = lp_pid_namespace_inode ();
  net->control->has_namespace = inode != 0;
  net->control->namespace_inode = inode;
  if (pin != NULL)
    {
      lp_net_end_remains (pin);
      net->pin = lp_net_pin (bpf_map__fd (net->skeleton->maps.control), pin) ? g_strdup (pin) : NULL;
    }
  net->control->patience = LP_NET_PATIENCE_NS;
  net->guard_fd = lp_net_guard_start (net->control, &net->guard);
  net->control->may_signal = net->guard_fd >= 0;
  return g_steal_pointer (&net);
}

static void
end_guard (LpNet *net)
{
  if (net->guard_fd < 0)
    return;
  kill (net->guard, SIGKILL);
  waitpid (net->guard, NULL, 0);
  close (net->guard_fd);
  net->guard_fd = -1;
}

void
lp_net_free (LpNet *net)
{
  if (net == NULL)
    return;
  if (net->control != MAP_FAILED)
    lp_net_beat (net, 0);
  g_ptr_array_unref (net->groups); /* waits for those that are in the kernel's part */
  if (net->guard_fd >= 0)
    {
      for (guint i = 0; i < LP_NET_SLOTS; i++)
        {
          const struct lp_net_slot *slot = &net->control->slots[i];
          const struct lp_net_hit held = { .slot = i, .pid = slot->pid, .tid = slot->state >> 3 };
          lp_net_end (net, &held);
        }
      end_guard (net);
    }
  if (net->pin != NULL)
    unlink (net->pin);
  g_free (net->pin);
  if (net->control != MAP_FAILED)
    munmap (net->control, sizeof *net->control);
  ring_buffer__free (net->ring);
  lp_net__destroy (net->skeleton);
  g_free (net);
}

int
lp_net_fd (const LpNet *net)
{
  return ring_buffer__epoll_fd (net->ring);
}

void
lp_net_dispatch (LpNet *net, LpNetFunc func, gpointer user_data)
{
  net->func = func;
  net->user_data = user_data;
  ring_buffer__consume (net->ring);
}

/* All uprobes of a file by one link. -1 with errno EINVAL: the kernel is too old. */
static int
link_many (const LpNet *net, const char *path, const GArray *offsets)
{
  const struct link_create_uprobe_multi request
      = { .program = (guint32)bpf_program__fd (net->skeleton->progs.hit_many),
          .attach_type = ATTACH_UPROBE_MULTI,
          .path = (guint64)(gsize)path,
          .offsets = (guint64)(gsize)offsets->data,
          .count = offsets->len };

  return (int)syscall (SYS_bpf, BPF_LINK_CREATE, &request, sizeof request);
}

/* One uprobe by one perf event. The program runs on every processor, whichever the event is opened for. */
static int
link_one (const LpNet *net, const char *path, guint64 offset)
{
  struct perf_event_attr attributes = { .size = sizeof attributes, .type = net->pmu };

  attributes.uprobe_path = (guint64)(gsize)path;
  attributes.probe_offset = offset;
  int fd = (int)syscall (SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0)
    return -1;
  if (ioctl (fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd (net->skeleton->progs.hit_one)) == 0
      && ioctl (fd, PERF_EVENT_IOC_ENABLE, 0) == 0)
    return fd;
  int number = errno;
  close (fd);
  errno = number;
  return -1;
}

/* Sets the uprobes that aren't set yet, as many as can be. */
static gboolean
attach_each (const LpNet *net, const char *path, Group *group, GError **error)
{
  gboolean done = TRUE;

  for (guint i = 0; i < group->offsets->len; i++)
    {
      int *link = &g_array_index (group->links, int, i);
      if (*link >= 0)
        continue;
      *link = link_one (net, path, g_array_index (group->offsets, guint64, i));
      if (*link < 0 && done)
        lp_error_set_errno (error, LP_ERROR_FAILED, errno, "a uprobe can't be set");
      done &= *link >= 0;
    }
  return done;
}

static gboolean
attach (LpNet *net, int fd, Group *group, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);

  if (!net->no_multi)
    {
      int link = link_many (net, path, group->offsets);
      if (link >= 0)
        {
          g_array_index (group->links, int, 0) = link;
          group->is_one_link = TRUE;
          return TRUE;
        }
      net->no_multi = TRUE;
    }
  return attach_each (net, path, group, error);
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

  return x < y ? -1 : x > y;
}

static Group *
find_group (const GPtrArray *groups, dev_t device, ino_t inode)
{
  for (guint i = 0; i < groups->len; i++)
    {
      Group *group = groups->pdata[i];
      if (group->device == device && group->inode == inode)
        return group;
    }
  return NULL;
}

static void
add_offset (GArray *offsets, guint64 offset)
{
  for (guint i = 0; i < offsets->len; i++)
    if (g_array_index (offsets, guint64, i) == offset)
      return;
  g_array_append_val (offsets, offset);
}

/* All of its offsets are known. */
static void
finish_group (Group *group)
{
  const int none = -1;

  g_array_sort (group->offsets, compare_offsets);
  for (guint i = 0; i < group->offsets->len; i++)
    g_array_append_val (group->links, none);
}

/* The groups that @probes make, without links; @fds: one descriptor for each. */
static GPtrArray *
plan_groups (const GArray *probes, GArray *fds)
{
  GPtrArray *groups = g_ptr_array_new_with_free_func (group_free);

  for (guint i = 0; i < probes->len; i++)
    {
      const LpProbe *probe = &g_array_index (probes, LpProbe, i);
      struct stat file;
      if (fstat (probe->fd, &file) != 0)
        continue;
      Group *group = find_group (groups, file.st_dev, file.st_ino);
      if (group == NULL)
        {
          group = g_new0 (Group, 1);
          group->device = file.st_dev;
          group->inode = file.st_ino;
          group->offsets = g_array_new (FALSE, FALSE, sizeof (guint64));
          group->links = g_array_new (FALSE, FALSE, sizeof (int));
          g_ptr_array_add (groups, group);
          g_array_append_val (fds, probe->fd);
        }
      add_offset (group->offsets, probe->offset);
    }
  for (guint i = 0; i < groups->len; i++)
    finish_group (groups->pdata[i]);
  return groups;
}

static gboolean
same_offsets (const Group *a, const Group *b)
{
  return a->offsets->len == b->offsets->len
         && memcmp (a->offsets->data, b->offsets->data, a->offsets->len * sizeof (guint64)) == 0;
}

/* Whether all of the uprobes of @group stand. */
static gboolean
is_whole (const Group *group)
{
  for (guint i = 0; i < group->links->len && !group->is_one_link; i++)
    if (g_array_index (group->links, int, i) < 0)
      return FALSE;
  return TRUE;
}

/* Gives @group what stands of @old. */
static void
take_over (Group *group, Group *old)
{
  if (!same_offsets (group, old))
    return; /* all are set anew before the old ones go */
  GArray *empty = group->links;
  group->links = old->links;
  group->is_one_link = old->is_one_link;
  old->links = empty;
}

gboolean
lp_net_set (LpNet *net, const GArray *probes, GError **error)
{
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GPtrArray) before = net->groups;
  gboolean done = TRUE;

  net->groups = plan_groups (probes, fds);
  for (guint i = 0; i < net->groups->len; i++)
    {
      Group *group = net->groups->pdata[i], *old = find_group (before, group->device, group->inode);
      if (old != NULL)
        take_over (group, old);
      if (!is_whole (group) && !attach (net, g_array_index (fds, int, i), group, done ? error : NULL))
        done = FALSE;
    }
  return done;
}

void
lp_net_be_impatient (LpNet *net)
{
  net->control->patience = 0;
}

void
lp_net_hold_nobody (LpNet *net)
{
  net->control->patience = 0;
  net->control->may_signal = FALSE;
  end_guard (net);
}

void
lp_net_beat (LpNet *net, guint ms)
{
  /* Without a guard nobody would send SIGCONT if we were killed. */
  if (net->guard_fd >= 0 && waitpid (net->guard, NULL, WNOHANG) == net->guard)
    {
      close (net->guard_fd);
      net->guard_fd = lp_net_guard_start (net->control, &net->guard);
      net->control->may_signal = net->guard_fd >= 0;
    }
  __atomic_store_n (&net->control->alive_until, ms == 0 ? 0 : now_ns () + (guint64)ms * 1000000,
                    __ATOMIC_SEQ_CST);
}

static struct lp_net_slot *
slot_of (LpNet *net, const struct lp_net_hit *hit)
{
  return hit->slot < LP_NET_SLOTS ? &net->control->slots[hit->slot] : NULL;
}

/* How @hit is held; FREE when its slot is another one's by now. */
static guint
how_held (LpNet *net, const struct lp_net_hit *hit)
{
  struct lp_net_slot *slot = slot_of (net, hit);
  guint state = slot != NULL ? __atomic_load_n (&slot->state, __ATOMIC_SEQ_CST) : LP_NET_FREE;

  return state == LP_NET_STATE (hit->tid, LP_NET_HOW (state)) ? LP_NET_HOW (state) : LP_NET_FREE;
}

static gboolean
exchange (LpNet *net, const struct lp_net_hit *hit, guint from, guint to)
{
  struct lp_net_slot *slot = slot_of (net, hit);
  guint state = LP_NET_STATE (hit->tid, from);
  guint next = to == LP_NET_FREE ? LP_NET_FREE : LP_NET_STATE (hit->tid, to);

  return slot != NULL
         && __atomic_compare_exchange_n (&slot->state, &state, next, FALSE, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
}

gboolean
lp_net_seize (LpNet *net, const struct lp_net_hit *hit)
{
  return hit->slot >= LP_NET_SLOTS || exchange (net, hit, LP_NET_WAITING, LP_NET_SEIZED);
}

gboolean
lp_net_is_held (LpNet *net, const struct lp_net_hit *hit)
{
  return how_held (net, hit) != LP_NET_FREE;
}

gboolean
lp_net_was_signalled (LpNet *net, const struct lp_net_hit *hit)
{
  return how_held (net, hit) >= LP_NET_STOPPING;
}

void
lp_net_end (LpNet *net, const struct lp_net_hit *hit)
{
  guint64 patience = now_ns () + 10 * LP_NET_PATIENCE_NS;

  if (exchange (net, hit, LP_NET_WAITING, LP_NET_FREE) || exchange (net, hit, LP_NET_SEIZED, LP_NET_FREE))
    return;
  /* A signal that is on its way must not arrive after what undoes it. */
  while (how_held (net, hit) == LP_NET_STOPPING && now_ns () < patience)
    g_usleep (100);
  /* A signal that doesn't come is undone by the one who sends it, once it sees that the hold has ended. */
  if (exchange (net, hit, LP_NET_STOPPING, LP_NET_FREE) || how_held (net, hit) != LP_NET_STOPPED)
    return;
  kill ((pid_t)hit->pid, SIGCONT);
  exchange (net, hit, LP_NET_STOPPED, LP_NET_FREE);
}

void
lp_net_ignore (LpNet *net, const struct lp_net_hit *hit, guint64 until, gboolean is_old)
{
  const struct lp_net_known known = { .identity = hit->identity,
                                      .until = until,
                                      .code = hit->code,
                                      .generation = net->control->generation,
                                      .is_old = is_old != FALSE };

  bpf_map_update_elem (bpf_map__fd (net->skeleton->maps.known), &hit->pid, &known, BPF_ANY);
}

void
lp_net_forget (LpNet *net)
{
  /* To delete thousands one by one would take a tenth of a second, in which the loop answers nobody. */
  __atomic_fetch_add (&net->control->generation, 1, __ATOMIC_SEQ_CST);
}

LpNetCounts
lp_net_counts (const LpNet *net)
{
  return (LpNetCounts){ .hits = net->control->hits,
                        .quiet = net->control->quiet,
                        .signalled = net->control->signalled,
                        .old_calls = net->control->old_calls,
                        .lost = net->control->lost };
}

void
lp_net_count_old_call (LpNet *net)
{
  __atomic_fetch_add (&net->control->old_calls, 1, __ATOMIC_SEQ_CST);
}
