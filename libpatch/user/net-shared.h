/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the net's program in the kernel and the trigger tell each other. Included by both; fixed-size types
 * only. */
#pragma once

#define LP_NET_SLOTS 128   /* threads that are held at the same time */
#define LP_NET_KNOWN 16384 /* processes whose hits are no news; the least recent ones are forgotten */
#define LP_NET_RING 262144 /* bytes: some 6,000 hits that nobody has read yet */
#define LP_NET_FOREVER (~0ull)

/* How a held thread is held; a slot's state holds the thread's id above it, so that nobody takes another
 * one's hold for his own. WAITING -> SEIZED by the tracer, or WAITING -> STOPPING -> STOPPED by the program
 * in the kernel, whose patience is over, or WAITING -> FREE by it when nobody may be stopped (it counts the
 * old call then); whoever makes the exchange decides. */
enum {
  LP_NET_FREE,
  LP_NET_WAITING,  /* in the kernel, for a tracer */
  LP_NET_SEIZED,   /* the tracer has it: the kernel program lets it go into the tracer's stop */
  LP_NET_STOPPING, /* SIGSTOP is being sent */
  LP_NET_STOPPED,  /* SIGSTOP was sent: it needs SIGCONT */
};

#define LP_NET_STATE(tid, how) ((tid) << 3 | (how)) /* thread ids have 22 bits */
#define LP_NET_HOW(state) ((state)&7)

struct lp_net_slot {
  unsigned int state; /* LP_NET_STATE(), or LP_NET_FREE */
  unsigned int pid;
};

/* One array, mapped by the trigger and by its guard. Times: CLOCK_MONOTONIC nanoseconds. */
struct lp_net_control {
  unsigned long long alive_until; /* the heartbeat: nobody is held or stopped later than this */
  unsigned long long patience;    /* nanoseconds: how long a thread waits quietly */
  unsigned int may_signal;        /* SIGSTOP may be sent: somebody is there to send SIGCONT in any case */
  unsigned int has_namespace;     /* the trigger isn't in the initial pid namespace, but in this one: */
  unsigned long long namespace_inode;
  unsigned long long generation; /* of struct lp_net_known: what was said in an earlier one is forgotten */
  unsigned long long hits;       /* uprobe hits of all kinds */
  unsigned long long quiet;      /* threads that a tracer took over while they waited */
  unsigned long long signalled;  /* threads that were sent SIGSTOP */
  unsigned long long old_calls;  /* calls that went on in an old function */
  unsigned long long lost;       /* of these: without anybody being told, because the ring was full */
  struct lp_net_slot slots[LP_NET_SLOTS];
};

/* Which incarnation of a process: exec and a reused process id make another one. */
struct lp_net_identity {
  unsigned long long start_time; /* of the process, boot time, nanoseconds */
  unsigned int exec_id;
  unsigned int reserved;
};

struct lp_net_known {
  struct lp_net_identity identity;
  unsigned long long until; /* hits before this are no news */
  unsigned long long code;  /* of a patched process: where it hit; elsewhere it is news */
  unsigned long long generation;
  unsigned int is_old; /* they run the old function, and are counted */
  unsigned int reserved;
};

/* A record of the ring. */
struct lp_net_hit {
  unsigned int pid;
  unsigned int tid;
  unsigned int slot;       /* LP_NET_SLOTS: none, the thread is not held */
  unsigned int is_alone;   /* nobody else runs on its memory, neither a thread nor a process */
  unsigned long long code; /* address of the uprobe in the process */
  struct lp_net_identity identity;
};
