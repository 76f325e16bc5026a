/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the lookout's program in the kernel and the trigger tell each other. Included by both; fixed-size
 * types only. */
#pragma once

#define LP_LOOKOUT_KNOWN 4096  /* files; the least recent ones are forgotten */
#define LP_LOOKOUT_RING 131072 /* bytes: some 1,300 sights that nobody has read yet */
#define LP_LOOKOUT_FOREVER (~0ull)

struct lp_lookout_key {
  unsigned long long inode;
  unsigned int device;     /* of the file system, as the kernel has it */
  unsigned int has_clones; /* files of its snapshots may have all of this alike */
};

/* A file with one content: all of this changes with it, or the inode does. */
struct lp_lookout_file {
  struct lp_lookout_key key;
  unsigned long long size;
  unsigned long long changed; /* seconds since 1970 */
  unsigned int changed_ns;
  unsigned int reserved;
};

struct lp_lookout_known {
  struct lp_lookout_file file;
  unsigned long long until; /* CLOCK_MONOTONIC, nanoseconds */
  unsigned int epoch;
  unsigned int reserved;
};

struct lp_lookout_control {
  unsigned int epoch;         /* what was said in another one isn't true any more */
  unsigned int has_namespace; /* the trigger isn't in the initial pid namespace, but in this one: */
  unsigned long long namespace_inode;
  unsigned long long lost;        /* sights that nobody was told of, because the ring was full */
  struct lp_lookout_file learned; /* what this thread has mapped, which nobody is told of: */
  unsigned int learner;           /* in that namespace; 0: none learns */
  unsigned int reserved;
};

/* A record of the ring. */
struct lp_lookout_sight {
  unsigned int pid;
  unsigned int epoch;
  unsigned long long start; /* of the mapping */
  unsigned long long end;
  unsigned long long time; /* CLOCK_MONOTONIC, nanoseconds */
  struct lp_lookout_file file;
};
