/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For programs in the kernel: processes as those of one pid namespace number them. To be included behind the
 * headers of libbpf. Source: pid_namespaces(7); struct pid in include/linux/pid.h of the kernel. */
#pragma once

#define LP_LEVELS 33 /* of pid namespaces, MAX_PID_NS_LEVEL and the first */

/* The fields that are read; the loader finds where this kernel has them. */
struct ns_common {
  unsigned int inum;
} __attribute__ ((preserve_access_index));

struct pid_namespace {
  struct ns_common ns;
} __attribute__ ((preserve_access_index));

struct upid {
  int nr;
  struct pid_namespace *ns;
} __attribute__ ((preserve_access_index));

struct pid {
  unsigned int level;
  struct upid numbers[1];
} __attribute__ ((preserve_access_index));

/* The number of @pid in the namespace of inode number @wanted, in which or below which it is; 0: it isn't. */
static __attribute__ ((noinline)) int
lp_number_of (const struct pid *pid, unsigned long long wanted)
{
  unsigned int level = 0;

  if (bpf_core_read (&level, sizeof level, &pid->level))
    return 0;
  const struct upid *number = (const void *)pid + bpf_core_field_offset (struct pid, numbers);
  for (unsigned int i = 0; i < LP_LEVELS && i <= level;
       i++, number = (const void *)number + bpf_core_type_size (struct upid))
    {
      const struct pid_namespace *namespace = 0;
      unsigned int inode = 0;
      int n = 0;
      bpf_core_read (&namespace, sizeof namespace, &number->ns);
      bpf_core_read (&inode, sizeof inode, &namespace->ns.inum);
      if (inode != wanted)
        continue;
      bpf_core_read (&n, sizeof n, &number->nr);
      return n;
    }
  return 0;
}
