/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The net's program in the kernel: runs when a thread reaches an old function, tells the trigger, and holds
 * the thread for a moment, so that it can be stopped without a signal. Must never hold anybody when nobody
 * listens.
 *
 * It is a sleepable program because one that isn't would keep the processor from everything else (RCU) while
 * it waits. Sources: bpf-helpers(7), Documentation/bpf/ in the kernel. */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "net-shared.h"

#define SIGSTOP 19
#define TRIES 16         /* slots that are looked at for a free one */
#define LOOKS (1u << 22) /* more than fit into any patience */

/* The fields that are read; the loader finds where this kernel has them. */
struct task_struct {
  unsigned int self_exec_id;
  unsigned long long start_boottime;
  struct task_struct *group_leader;
} __attribute__ ((preserve_access_index));

struct {
  __uint (type, BPF_MAP_TYPE_ARRAY);
  __uint (max_entries, 1);
  __uint (map_flags, BPF_F_MMAPABLE);
  __type (key, unsigned int);
  __type (value, struct lp_net_control);
} control SEC (".maps");

struct {
  __uint (type, BPF_MAP_TYPE_LRU_HASH);
  __uint (max_entries, LP_NET_KNOWN);
  __type (key, unsigned int);
  __type (value, struct lp_net_known);
} known SEC (".maps");

struct {
  __uint (type, BPF_MAP_TYPE_RINGBUF);
  __uint (max_entries, LP_NET_RING);
} hits SEC (".maps");

struct wait {
  struct lp_net_control *control;
  unsigned int slot;
  unsigned int state;
  unsigned long long end;
};

static long
look (unsigned int index, struct wait *wait)
{
  struct lp_net_slot *slot = &wait->control->slots[wait->slot % LP_NET_SLOTS];

  return *(volatile unsigned int *)&slot->state != wait->state || bpf_ktime_get_ns () > wait->end;
}

static unsigned int
claim_slot (struct lp_net_control *control, unsigned int pid, unsigned int tid)
{
  for (unsigned int i = 0; i < TRIES; i++)
    {
      unsigned int index = (tid + i) % LP_NET_SLOTS;
      struct lp_net_slot *slot = &control->slots[index];
      if (__sync_val_compare_and_swap (&slot->state, LP_NET_FREE, LP_NET_STATE (tid, LP_NET_WAITING))
          != LP_NET_FREE)
        continue;
      slot->pid = pid;
      return index;
    }
  return LP_NET_SLOTS;
}

/* Keeps the thread until the tracer has it; when that takes too long, it stops at a signal. */
static void
hold (struct lp_net_control *control, unsigned int index, unsigned int tid)
{
  const unsigned int waiting = LP_NET_STATE (tid, LP_NET_WAITING),
                     stopping = LP_NET_STATE (tid, LP_NET_STOPPING);
  struct lp_net_slot *slot = &control->slots[index % LP_NET_SLOTS];
  struct wait wait = {
    .control = control, .slot = index, .state = waiting, .end = bpf_ktime_get_ns () + control->patience
  };

  if (__sync_fetch_and_add (&control->waiters, 1) < control->waiters_max)
    bpf_loop (LOOKS, look, &wait, 0);
  __sync_fetch_and_add (&control->waiters, -1);
  if (!control->may_signal || bpf_ktime_get_ns () > control->alive_until)
    return; /* the tracer that still comes finds a thread that runs, and sees where */
  if (__sync_val_compare_and_swap (&slot->state, waiting, stopping) != waiting)
    {
      __sync_fetch_and_add (&control->quiet, 1);
      return;
    }
  __sync_fetch_and_add (&control->signalled, 1);
  bpf_send_signal_thread (SIGSTOP);
  __sync_val_compare_and_swap (&slot->state, stopping, LP_NET_STATE (tid, LP_NET_STOPPED));
}

/* Process and thread as the trigger knows them. 0: it can't see this process. */
static unsigned long long
who_is_it (const struct lp_net_control *control)
{
  struct bpf_pidns_info info = {};

  if (!control->has_namespace)
    return bpf_get_current_pid_tgid ();
  if (bpf_get_ns_current_pid_tgid (control->namespace_device, control->namespace_inode, &info, sizeof info))
    return 0;
  return (unsigned long long)info.tgid << 32 | info.pid;
}

static int
handle_hit (void)
{
  const unsigned int zero = 0;
  unsigned long long now = bpf_ktime_get_ns ();
  struct task_struct *task = (struct task_struct *)bpf_get_current_task ();
  struct lp_net_control *all = bpf_map_lookup_elem (&control, &zero);
  struct lp_net_identity identity = { .start_time = BPF_CORE_READ (task, group_leader, start_boottime),
                                      .exec_id = BPF_CORE_READ (task, group_leader, self_exec_id) };
  struct lp_net_hit *hit;

  if (!all)
    return 0;
  __sync_fetch_and_add (&all->hits, 1);
  unsigned long long both = who_is_it (all);
  unsigned int pid = both >> 32, tid = (unsigned int)both;
  struct lp_net_known *old = bpf_map_lookup_elem (&known, &pid);
  if (old && old->identity.start_time == identity.start_time && old->identity.exec_id == identity.exec_id
      && now < old->until)
    {
      if (old->is_old)
        __sync_fetch_and_add (&all->old_calls, 1);
      return 0;
    }
  if (!both || now > all->alive_until)
    {
      __sync_fetch_and_add (&all->old_calls, 1);
      return 0;
    }

  hit = bpf_ringbuf_reserve (&hits, sizeof *hit, 0);
  if (!hit)
    {
      __sync_fetch_and_add (&all->old_calls, 1);
      __sync_fetch_and_add (&all->lost, 1);
      return 0;
    }
  unsigned int slot = claim_slot (all, pid, tid);
  hit->pid = pid;
  hit->tid = tid;
  hit->slot = slot;
  hit->reserved = 0;
  hit->identity = identity;
  bpf_ringbuf_submit (hit, BPF_RB_FORCE_WAKEUP);
  if (slot < LP_NET_SLOTS)
    hold (all, slot, tid);
  else
    __sync_fetch_and_add (&all->old_calls, 1);
  return 0;
}

/* The same twice: a program is loaded either for a link over many uprobes or for one perf event each. */
SEC ("uprobe.s")
int
hit_many (void *context)
{
  return handle_hit ();
}

SEC ("uprobe.s")
int
hit_one (void *context)
{
  return handle_hit ();
}

/* What the kernel asks for. The LGPL allows to use this under the GPL (its section 3). */
char net_license[] SEC ("license") = "GPL";
