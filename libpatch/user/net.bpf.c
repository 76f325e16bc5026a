/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The net's program in the kernel: runs when a thread reaches an old function, tells the trigger, and holds
 * the thread for a moment, so that it can be stopped without a signal. Must never hold anybody when nobody
 * listens.
 *
 * It is a sleepable program, and calls a helper that sleeps while it waits: a kernel that isn't preemptible
 * gives the processor to somebody else only there, and the one who would end the wait may need this very
 * processor.
 *
 * No function here may have 64 bytes of local variables (the build sees to it): newer kernels put those of
 * such functions into one memory per processor, as if nothing could come between, and the next thread that
 * hits on this processor overwrites them while this one waits (seen with 6.18). Sources: bpf-helpers(7),
 * Documentation/bpf/ and BPF_PRIV_STACK_MIN_SIZE in kernel/bpf/verifier.c in the kernel. */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "namespace.bpf.h"
#include "net-shared.h"

#define SIGSTOP 19
#define SIGCONT 18
#define TRIES 16         /* slots that are looked at for a free one */
#define LOOKS (1u << 22) /* more than fit into any patience */

/* The fields that are read; the loader finds where this kernel has them. */
struct mm_struct {
  struct {
    int counter;
  } mm_users;
} __attribute__ ((preserve_access_index));

struct task_struct {
  struct mm_struct *mm;
  struct pid *thread_pid;
  unsigned long long self_exec_id;
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

enum { IS_NEWS, IS_OLD, IS_PATCHED };

struct wait {
  struct lp_net_control *control;
  const void *code; /* something of the process that is mapped for certain */
  unsigned int slot;
  unsigned int state;
  unsigned long long end;
};

/* Reading the process's memory this way is for the sake of cond_resched() inside, and fails when the process
 * is being killed. */
static long
look (unsigned int index, struct wait *wait)
{
  struct lp_net_slot *slot = &wait->control->slots[wait->slot % LP_NET_SLOTS];
  unsigned char byte;

  if (*(volatile unsigned int *)&slot->state != wait->state || bpf_ktime_get_ns () > wait->end)
    return 1;
  return bpf_copy_from_user_task (&byte, sizeof byte, wait->code, bpf_get_current_task_btf (), 0) != 0;
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
static __attribute__ ((noinline)) int
hold (struct lp_net_control *control, unsigned int index, unsigned int tid, const void *code)
{
  const unsigned int waiting = LP_NET_STATE (tid, LP_NET_WAITING),
                     stopping = LP_NET_STATE (tid, LP_NET_STOPPING);
  struct lp_net_slot *slot = &control->slots[index % LP_NET_SLOTS];
  struct wait wait = { .control = control,
                       .code = code,
                       .slot = index,
                       .state = waiting,
                       .end = bpf_ktime_get_ns () + control->patience };

  bpf_loop (LOOKS, look, &wait, 0);
  if (!control->may_signal || bpf_ktime_get_ns () > control->alive_until)
    {
      /* The tracer that still comes finds a thread that runs, if it hasn't ended. */
      if (__sync_val_compare_and_swap (&slot->state, waiting, LP_NET_FREE) == waiting)
        __sync_fetch_and_add (&control->old_calls, 1);
      return 0;
    }
  if (__sync_val_compare_and_swap (&slot->state, waiting, stopping) != waiting)
    {
      __sync_fetch_and_add (&control->quiet, 1);
      return 0;
    }
  __sync_fetch_and_add (&control->signalled, 1);
  bpf_send_signal_thread (SIGSTOP);
  /* Whoever ended the hold before that has sent its SIGCONT too early: nobody else would undo this stop, in
   * which the thread isn't yet. A machine that is busy enough lets a second pass between two lines here. */
  if (__sync_val_compare_and_swap (&slot->state, stopping, LP_NET_STATE (tid, LP_NET_STOPPED)) != stopping)
    bpf_send_signal (SIGCONT);
  return 0;
}

/* Process and thread as the trigger knows them. 0: it can't see this process. */
static __attribute__ ((noinline)) unsigned long long
who_is_it (void)
{
  const unsigned int zero = 0;
  const struct lp_net_control *all = bpf_map_lookup_elem (&control, &zero);

  if (!all || !all->has_namespace)
    return bpf_get_current_pid_tgid ();
  const struct task_struct *task = bpf_get_current_task_btf ();
  unsigned int tid = lp_number_of (task->thread_pid, all->namespace_inode),
               pid = lp_number_of (task->group_leader->thread_pid, all->namespace_inode);
  return tid && pid ? (unsigned long long)pid << 32 | tid : 0;
}

/* What the trigger has said about this process. */
static __attribute__ ((noinline)) int
recall (const struct lp_net_control *control, unsigned int pid, unsigned long long code)
{
  const struct task_struct *leader = bpf_get_current_task_btf ()->group_leader;
  const struct lp_net_known *old = bpf_map_lookup_elem (&known, &pid);

  if (!old || old->generation != control->generation || old->identity.start_time != leader->start_boottime
      || old->identity.exec_id != (unsigned int)leader->self_exec_id || bpf_ktime_get_ns () >= old->until)
    return IS_NEWS;
  if (old->is_old)
    return IS_OLD;
  /* A second copy of a library in the same process (dlmopen) isn't patched because the first one is. */
  return old->code == code ? IS_PATCHED : IS_NEWS;
}

/* Tells the trigger. Returns the slot that the thread holds; LP_NET_SLOTS: none; negative: it could not be
 * told. */
static __attribute__ ((noinline)) int
report (struct lp_net_control *control, unsigned long long both, unsigned long long code)
{
  const struct task_struct *task = bpf_get_current_task_btf (), *leader = task->group_leader;
  struct lp_net_hit *hit = bpf_ringbuf_reserve (&hits, sizeof *hit, 0);

  if (!hit)
    return -1;
  unsigned int slot = claim_slot (control, both >> 32, (unsigned int)both);
  hit->pid = both >> 32;
  hit->tid = (unsigned int)both;
  hit->slot = slot;
  /* One is ourselves. Others than those who run on it may be counted for a moment, but nobody is missing. */
  hit->is_alone = task->mm->mm_users.counter == 1;
  hit->code = code;
  hit->identity.start_time = leader->start_boottime;
  hit->identity.exec_id = (unsigned int)leader->self_exec_id;
  hit->identity.reserved = 0;
  bpf_ringbuf_submit (hit, BPF_RB_FORCE_WAKEUP);
  return (int)slot;
}

static __attribute__ ((noinline)) int
handle_hit (const void *code)
{
  const unsigned int zero = 0;
  struct lp_net_control *all = bpf_map_lookup_elem (&control, &zero);
  unsigned long long both = who_is_it ();

  if (!all)
    return 0;
  __sync_fetch_and_add (&all->hits, 1);
  int said = recall (all, both >> 32, (unsigned long long)code);
  if (said == IS_PATCHED)
    return 0;
  int slot = LP_NET_SLOTS;
  if (said == IS_NEWS && both && bpf_ktime_get_ns () <= all->alive_until)
    slot = report (all, both, (unsigned long long)code);
  if (slot >= 0 && slot < LP_NET_SLOTS)
    {
      hold (all, slot, (unsigned int)both, code);
      return 0;
    }
  __sync_fetch_and_add (&all->old_calls, 1);
  if (slot < 0)
    __sync_fetch_and_add (&all->lost, 1);
  return 0;
}

/* The same twice: a program is loaded either for a link over many uprobes or for one perf event each. */
SEC ("uprobe.s")
int
hit_many (struct pt_regs *registers)
{
  return handle_hit ((const void *)PT_REGS_IP (registers));
}

SEC ("uprobe.s")
int
hit_one (struct pt_regs *registers)
{
  return handle_hit ((const void *)PT_REGS_IP (registers));
}

/* What the kernel asks for. The LGPL allows to use this under the GPL (its section 3). */
char net_license[] SEC ("license") = "GPL";
