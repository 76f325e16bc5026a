/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The net: uprobes on replaced functions. Whoever reaches one without being patched traps, is reported and
 * held for a moment. Must not know what is done about it, nor what a patch is.
 *
 * Nobody is held when nobody listens: the kernel's part wants a heartbeat, waits only for a bounded time, and
 * sends SIGSTOP only while a guard lives that sends SIGCONT when we die; when both are killed at once, the
 * next net does. When we die, the uprobes go with our descriptors. Sources: perf_event_open(2), bpf(2),
 * Documentation/trace/uprobetracer.rst. */
#pragma once

#include <gio/gio.h>

#include "base/error.h"
#include "user/net-shared.h"

G_BEGIN_DECLS

typedef struct LpNet LpNet;

/* One uprobe. */
typedef struct {
  int fd;          /* on the file (O_PATH is enough); borrowed */
  guint64 offset;  /* of the function in the file */
  guint8 original; /* byte that stands there in the file */
} LpProbe;

/* A thread that has hit. It must be given back with lp_net_end() (any thread). */
typedef void (*LpNetFunc) (const struct lp_net_hit *hit, gpointer user_data);

typedef struct {
  guint64 hits;      /* uprobe hits, known processes included */
  guint64 quiet;     /* threads that were stopped without a signal */
  guint64 signalled; /* threads that were sent SIGSTOP */
  guint64 old_calls; /* calls that went on in an old function */
  guint64 lost;      /* hits that were not reported, for lack of room */
} LpNetCounts;

/* A tracer needs some 100 us to take a thread over, and more when many hit at once. Meanwhile the thread
 * occupies its processor, but gives it away to whoever is more urgent. Nanoseconds. */
#define LP_NET_PATIENCE_NS 20000000

/* @pin: (nullable): a path in a BPF file system, of this net alone; what a killed one left there is ended
 * first, which may take 0.2 s. Where it can't be made, the net does without. Errors:
 * LP_ERROR_KERNEL_UNSUPPORTED (no BPF, no uprobes), LP_ERROR_ACCESS_DENIED. */
LpNet *lp_net_new (const char *pin, GError **error);
void lp_net_free (LpNet *net); /* takes all uprobes away; whoever is held goes on */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpNet, lp_net_free)

/* For poll(2): readable when hits wait. */
int lp_net_fd (const LpNet *net);
/* Reads what waits and calls @func for each hit; never blocks. */
void lp_net_dispatch (LpNet *net, LpNetFunc func, gpointer user_data);

/* Makes exactly @probes (of LpProbe) stand. Blocks some 10 ms for each file, on older kernels for each probe;
 * may be called from any one thread. Those that stand already are never taken away meanwhile. Errors:
 * LP_ERROR_FAILED (some don't stand; the others do). */
gboolean lp_net_set (LpNet *net, const GArray *probes, GError **error);

/* Threads are stopped by SIGSTOP at once, for tests of that. */
void lp_net_be_impatient (LpNet *net);
/* Threads go on at once, for tests of what is done about those. Before any uprobe is set. */
void lp_net_hold_nobody (LpNet *net);

/* The heartbeat: hits hold threads for the next @ms milliseconds. */
void lp_net_beat (LpNet *net, guint ms);

/* The tracer has asked the thread of @hit to stop; it goes there. FALSE: it was (also) sent SIGSTOP. */
gboolean lp_net_seize (LpNet *net, const struct lp_net_hit *hit);
/* Whether the thread of @hit is held in any way. FALSE: it went on, and its call was counted when it did. */
gboolean lp_net_is_held (LpNet *net, const struct lp_net_hit *hit);
/* After the thread was seen to stop: whether it was sent SIGSTOP, so that it needs SIGCONT. */
gboolean lp_net_was_signalled (LpNet *net, const struct lp_net_hit *hit);
/* Ends a hold, whatever its state: the thread is running again, or about to. May be called again. */
void lp_net_end (LpNet *net, const struct lp_net_hit *hit);

/* Further hits of the process of @hit are no news before @until (monotonic nanoseconds; LP_NET_FOREVER).
 * @is_old: they run the old function, and are counted; else those elsewhere in the process are news still. */
void lp_net_ignore (LpNet *net, const struct lp_net_hit *hit, guint64 until, gboolean is_old);
/* Forgets all of these. */
void lp_net_forget (LpNet *net);

LpNetCounts lp_net_counts (const LpNet *net);
void lp_net_count_old_call (LpNet *net);

/* The guard (net-guard.c). Starts a process that waits for our end and then sends SIGCONT to all that were
 * sent SIGSTOP by the net. Returns its pidfd, -1 on failure; *@pid is its process id. */
int lp_net_guard_start (struct lp_net_control *control, int *pid);

/* What outlives us and the guard (net-remains.c). Sends SIGCONT to everybody whom the net that has its array
 * at @pin has stopped, and takes the pin away. Nobody is stopped by that net afterwards. */
void lp_net_end_remains (const char *pin);
/* FALSE: there is something, or it isn't a BPF file system. */
gboolean lp_net_pin (int map, const char *pin);

G_END_DECLS
