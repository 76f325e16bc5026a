/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps patches bound to their ELF files: whoever starts a target's program or loads its library is met at
 * the gate and patched before the target's code runs. Runs in a process of its own, on the thread-default
 * main context of its creator; must not know states on disk, the bus, or who wants the patches.
 *
 * Rules that keep it out of everybody's way: the loop itself never traces, opens no watched file and waits
 * for nobody; each held opener has its own thread and a deadline, after which it is let go and looked at
 * afterwards; too many at once are let go at once. When the process dies, the kernel lets everybody go on. */
#pragma once

#include "user/meet.h"

G_BEGIN_DECLS

typedef struct LpTrigger LpTrigger;

/* One patch bound to its files. */
typedef struct {
  LpEntity *entity;
  GStrv files; /* paths of the target on this machine; those that aren't this target any more are left out */
} LpBinding;

typedef struct {
  guint64 met;       /* openers that were held */
  guint64 patched;   /* of these: patched before the target's first instruction */
  guint64 later;     /* patched only after they had begun to run, or still waiting for that */
  guint64 missed;    /* let go at the deadline or because too many were held */
  guint64 failed;    /* can't be patched */
  guint64 caught;    /* patched because they reached an old function: whoever came by another way */
  guint64 spotted;   /* ran a copy of the file that nobody watched: looked at after the fact */
  guint64 asked;     /* mappings of files of which it wasn't known whether they are a target's */
  guint64 probed;    /* files on which the uprobes stand now */
  guint64 hits;      /* of uprobes; a patched process has none */
  guint64 signalled; /* threads that could only be stopped by SIGSTOP */
  guint64 old_calls; /* calls that were seen to go on in an old function */
  guint64 lost;      /* of these: without that anybody could be told; a look at all processes follows */
} LpTriggerCounts;

/* The mechanisms. Each is used where the kernel has it. */
typedef enum {
  LP_TRIGGER_GATE = 1 << 0, /* fanotify permission events on the files */
  LP_TRIGGER_NET = 1 << 1,  /* uprobes on the replaced functions */
  LP_TRIGGER_EVENTS
  = 1 << 2, /* being told of mappings: copies of the file, some milliseconds after the fact */
  LP_TRIGGER_QUIET = 1 << 3,   /* the net's way without a signal */
  LP_TRIGGER_HOLD = 1 << 4,    /* holding who hits the net: hits are only told */
  LP_TRIGGER_LOOKOUT = 1 << 5, /* being told only of files that aren't known: all events are read */
} LpTriggerFlags;

/* See lp_trigger_settle(). */
typedef void (*LpTriggerSettled) (gpointer user_data);

/* A process that was met (element of interest for the administrator); from the main context. */
typedef void (*LpTriggerReport) (const LpMeetResult *result, gpointer user_data);

/* The calling thread, whose context is the loop, becomes an urgent one (base/urgent.h).
 * @without: mechanisms that shall not be used. @pin: (nullable): as in lp_net_new(). Errors:
 * LP_ERROR_KERNEL_UNSUPPORTED (none is left). */
LpTrigger *lp_trigger_new (LpTriggerFlags without, const char *pin, LpTriggerReport report,
                           gpointer user_data, GError **error);
/* Binds nothing any more, and waits until nobody is held. The counts are final then. */
void lp_trigger_close (LpTrigger *trigger);
void lp_trigger_free (LpTrigger *trigger); /* closes it first */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpTrigger, lp_trigger_free)

/**
 * lp_trigger_bind:
 * @bindings: (element-type LpBinding): all patches that shall be bound from now on, of those for one function
 *   the later one lies on top; replaces the set before
 * @problems: (out): (element-type utf8): one line for each file that couldn't be watched
 *
 * When it returns, no new process escapes; when it has settled (lp_trigger_settle()), those that run already
 * are the caller's next step. Errors:
 * LP_ERROR_FAILED (the old set stays).
 */
gboolean lp_trigger_bind (LpTrigger *trigger, GPtrArray *bindings, GPtrArray **problems, GError **error);

/* Calls @func once in the loop, at once when it can: when nobody acts for a set any more that was bound
 * before the present one. From then on no process gets a patch that was taken away, and who doesn't have one
 * that was added runs already. It takes as long as the longest meeting (a second), or a look at all processes
 * that is under way. lp_trigger_close() sees to it, too. */
void lp_trigger_settle (LpTrigger *trigger, LpTriggerSettled func, gpointer user_data);

/* Looks at all processes once, in a thread, and patches those that lack a patch. For the caller that has
 * taken one from a process though it is bound: the net doesn't see it there any more, since it took its
 * breakpoint away. */
void lp_trigger_look_at_all (LpTrigger *trigger);

/* What the threads of process @pid open is let through at once: who reads the targets' files time and again,
 * and runs none of them. */
void lp_trigger_spare (LpTrigger *trigger, int pid);

/* (element-type utf8): "gate: REASON", "net: REASON", "events: REASON" for each mechanism that is missing.
 * Borrowed. */
const GPtrArray *lp_trigger_lacks (LpTrigger *trigger);

LpTriggerCounts lp_trigger_counts (LpTrigger *trigger);

LpBinding *lp_binding_new (LpEntity *entity, const char *const *files);
void lp_binding_free (LpBinding *binding);

G_END_DECLS
