/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lookout's program in the kernel: runs when something is entered into the address space of the process
 * that is running, and tells of executable mappings of files that nobody has called known. It runs some 65
 * times at the start of a program, and mostly sees within some 60 ns that it isn't concerned.
 *
 * The tracepoint isn't for eternity: where it or its arguments are others, the loader finds that out, and
 * mmap events take its place (user/spotter.h). Sources: bpf-helpers(7); Documentation/core-api/maple_tree,
 * include/trace/events/maple_tree.h (since Linux 6.1), include/linux/fs.h and fs/btrfs/btrfs_inode.h in the
 * kernel. */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "lookout-shared.h"
#include "namespace.bpf.h"

#define EXECUTABLE 4ul /* VM_EXEC */
#define TYPE_MASK 0170000
#define REGULAR 0100000
/* Newer kernels keep a mark of their own in the time's highest bit. */
#define NANOSECONDS 0x7fffffffu
/* File systems whose snapshots share the device number: include/uapi/linux/magic.h, and bcachefs. */
#define BTRFS 0x9123683eul
#define CEPH 0x00c36400ul
#define NILFS 0x3434ul
#define BCACHEFS 0xca451a4eul

/* The fields that are read; the loader finds where this kernel has them. */
struct super_block {
  unsigned int s_dev;
  unsigned long s_magic;
} __attribute__ ((preserve_access_index));

struct inode {
  unsigned short i_mode;
  unsigned long i_ino;
  long long i_size;
  long long i_ctime_sec;
  unsigned int i_ctime_nsec;
  struct super_block *i_sb;
} __attribute__ ((preserve_access_index));

struct timespec64 {
  long long tv_sec;
  long tv_nsec;
} __attribute__ ((preserve_access_index));

struct inode___before_6_11 {
  struct timespec64 __i_ctime;
} __attribute__ ((preserve_access_index));

struct inode___before_6_6 {
  struct timespec64 i_ctime;
} __attribute__ ((preserve_access_index));

/* Each subvolume has a device number of its own, the one that stat() tells. */
struct btrfs_root {
  unsigned int anon_dev;
} __attribute__ ((preserve_access_index));

struct btrfs_inode {
  struct btrfs_root *root;
  struct inode vfs_inode;
} __attribute__ ((preserve_access_index));

struct file {
  struct inode *f_inode;
} __attribute__ ((preserve_access_index));

struct vm_area_struct {
  unsigned long vm_start;
  unsigned long vm_end;
  unsigned long vm_flags;
  struct file *vm_file;
} __attribute__ ((preserve_access_index));

struct maple_tree {
  unsigned int ma_flags;
} __attribute__ ((preserve_access_index));

struct ma_state {
  struct maple_tree *tree;
} __attribute__ ((preserve_access_index));

struct mm_struct {
  struct maple_tree mm_mt;
} __attribute__ ((preserve_access_index));

struct task_struct {
  struct mm_struct *mm;
  struct pid *thread_pid;
  struct task_struct *group_leader;
} __attribute__ ((preserve_access_index));

struct {
  __uint (type, BPF_MAP_TYPE_ARRAY);
  __uint (max_entries, 1);
  __uint (map_flags, BPF_F_MMAPABLE);
  __type (key, unsigned int);
  __type (value, struct lp_lookout_control);
} control SEC (".maps");

struct {
  __uint (type, BPF_MAP_TYPE_LRU_HASH);
  __uint (max_entries, LP_LOOKOUT_KNOWN);
  __type (key, struct lp_lookout_key);
  __type (value, struct lp_lookout_known);
} known SEC (".maps");

struct {
  __uint (type, BPF_MAP_TYPE_RINGBUF);
  __uint (max_entries, LP_LOOKOUT_RING);
} sights SEC (".maps");

static void
read_change_time (const struct inode *inode, struct lp_lookout_file *file)
{
  const struct inode___before_6_11 *older = (const void *)inode;
  const struct inode___before_6_6 *oldest = (const void *)inode;
  long long seconds = 0;
  long nanoseconds = 0;

  if (bpf_core_field_exists (inode->i_ctime_sec))
    {
      unsigned int marked = 0;
      bpf_core_read (&seconds, sizeof seconds, &inode->i_ctime_sec);
      bpf_core_read (&marked, sizeof marked, &inode->i_ctime_nsec);
      nanoseconds = marked;
    }
  else if (bpf_core_field_exists (older->__i_ctime))
    {
      bpf_core_read (&seconds, sizeof seconds, &older->__i_ctime.tv_sec);
      bpf_core_read (&nanoseconds, sizeof nanoseconds, &older->__i_ctime.tv_nsec);
    }
  else
    {
      bpf_core_read (&seconds, sizeof seconds, &oldest->i_ctime.tv_sec);
      bpf_core_read (&nanoseconds, sizeof nanoseconds, &oldest->i_ctime.tv_nsec);
    }
  file->changed = (unsigned long long)seconds;
  file->changed_ns = (unsigned int)nanoseconds & NANOSECONDS;
}

static void
read_device (const struct inode *inode, struct lp_lookout_key *key)
{
  const struct btrfs_inode *in_btrfs
      = (const void *)inode - bpf_core_field_offset (struct btrfs_inode, vfs_inode);
  const struct super_block *file_system = 0;
  const struct btrfs_root *root = 0;
  unsigned long magic = 0;

  bpf_core_read (&file_system, sizeof file_system, &inode->i_sb);
  bpf_core_read (&magic, sizeof magic, &file_system->s_magic);
  if (magic == BTRFS && bpf_core_field_exists (root->anon_dev)
      && bpf_core_read (&root, sizeof root, &in_btrfs->root) == 0
      && bpf_core_read (&key->device, sizeof key->device, &root->anon_dev) == 0)
    return;
  bpf_core_read (&key->device, sizeof key->device, &file_system->s_dev);
  key->has_clones = magic == BTRFS || magic == CEPH || magic == NILFS || magic == BCACHEFS;
}

/* 0: it isn't an ordinary file. */
static int
read_file (const struct inode *inode, struct lp_lookout_file *file)
{
  unsigned short mode = 0;

  if (bpf_core_read (&mode, sizeof mode, &inode->i_mode) || (mode & TYPE_MASK) != REGULAR)
    return 0;
  read_device (inode, &file->key);
  bpf_core_read (&file->key.inode, sizeof file->key.inode, &inode->i_ino);
  bpf_core_read (&file->size, sizeof file->size, &inode->i_size);
  read_change_time (inode, file);
  return 1;
}

static int
is_known (const struct lp_lookout_file *file, unsigned int epoch)
{
  const struct lp_lookout_known *known_file = bpf_map_lookup_elem (&known, &file->key);

  return known_file && known_file->epoch == epoch && known_file->file.size == file->size
         && known_file->file.changed == file->changed && known_file->file.changed_ns == file->changed_ns
         && bpf_ktime_get_ns () < known_file->until;
}

static int
is_learner (const struct lp_lookout_control *all, const struct task_struct *task)
{
  if (!all->learner)
    return 0;
  unsigned int thread = all->has_namespace
                            ? (unsigned int)lp_number_of (task->thread_pid, all->namespace_inode)
                            : (unsigned int)bpf_get_current_pid_tgid ();
  return thread == all->learner;
}

/* The running process as the trigger knows it. 0: it can't see this process. */
static unsigned int
who_is_it (const struct lp_lookout_control *all, const struct task_struct *task)
{
  if (!all->has_namespace)
    return bpf_get_current_pid_tgid () >> 32;
  return (unsigned int)lp_number_of (task->group_leader->thread_pid, all->namespace_inode);
}

static void
tell (struct lp_lookout_control *all, unsigned int pid, const struct vm_area_struct *mapping,
      const struct lp_lookout_file *file)
{
  struct lp_lookout_sight *sight = bpf_ringbuf_reserve (&sights, sizeof *sight, 0);

  if (!sight)
    {
      __sync_fetch_and_add (&all->lost, 1);
      return;
    }
  sight->pid = pid;
  sight->epoch = all->epoch;
  sight->start = sight->end = 0;
  bpf_core_read (&sight->start, sizeof sight->start, &mapping->vm_start);
  bpf_core_read (&sight->end, sizeof sight->end, &mapping->vm_end);
  sight->time = bpf_ktime_get_ns ();
  sight->file = *file;
  bpf_ringbuf_submit (sight, 0);
}

/* @entry: what is written into the tree: a mapping, or something else that none of the fields tells from one:
 * nothing is taken for certain that is read there. */
SEC ("tp_btf/ma_write")
int
BPF_PROG (written, const char *function, const struct ma_state *state, unsigned long pivot, const void *entry)
{
  const unsigned int zero = 0;
  struct lp_lookout_control *all = bpf_map_lookup_elem (&control, &zero);
  const struct task_struct *task = bpf_get_current_task_btf ();
  const struct mm_struct *memory = task->mm;
  const struct vm_area_struct *mapping = entry;
  const struct file *mapped = 0;
  const struct inode *inode = 0;
  unsigned long flags = 0;

  if (!all || !entry || !memory || state->tree != &memory->mm_mt
      || bpf_core_read (&flags, sizeof flags, &mapping->vm_flags)
      || ((flags & EXECUTABLE) == 0 && !all->learner)
      || bpf_core_read (&mapped, sizeof mapped, &mapping->vm_file) || !mapped
      || bpf_core_read (&inode, sizeof inode, &mapped->f_inode))
    return 0;
  struct lp_lookout_file file = { 0 };
  if (!read_file (inode, &file))
    return 0;
  if (is_learner (all, task))
    {
      all->learned = file;
      return 0;
    }
  if ((flags & EXECUTABLE) == 0 || is_known (&file, all->epoch))
    return 0;
  unsigned int pid = who_is_it (all, task);
  if (pid)
    tell (all, pid, mapping, &file);
  return 0;
}

/* What the kernel asks for. The LGPL allows to use this under the GPL (its section 3). */
char lookout_license[] SEC ("license") = "GPL";
