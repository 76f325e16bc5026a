/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of LpTrigger, shared by trigger.c (the gate's keeper), trigger-look.c (looking again),
 * trigger-net.c (the net's keeper), trigger-bind.c (what is watched), trigger-setting.c (on what the net is
 * set), trigger-found.c (what is watched besides), trigger-gate.c (who reads the gate), trigger-lookout.c and
 * trigger-spot.c (who maps what nobody watches). All of it belongs
 * to the loop, unless it says otherwise; the gate's readers take part in what says so, with the lock, which
 * the loop has unless it waits. */
#pragma once

#include "user/asker.h"
#include "user/entries.h"
#include "user/gate.h"
#include "user/lookout.h"
#include "user/net.h"
#include "user/spotter.h"
#include "user/tracers.h"
#include "user/trigger.h"

G_BEGIN_DECLS

/* Tracers at the same time; a fork bomb of the target is let through and looked at afterwards. */
#define LP_TRIGGER_THREADS_MAX 128

#define LP_TRIGGER_MET_MAX 1024

/* A file on which the uprobes stand. */
typedef struct {
  dev_t device;
  ino_t inode;
  guint64 since; /* CLOCK_MONOTONIC, nanoseconds: whoever mapped it later reaches no old function unseen */
} LpProbed;

typedef struct LpSetting LpSetting;

typedef struct LpAsking LpAsking;

/* One thread that reads the gate. */
typedef struct LpGateReader LpGateReader;

struct LpTrigger {
  GMainContext *context;
  GMutex lock;
  int owner;            /* our process */
  gint spared;          /* atomic: process id, 0: nobody's */
  LpGate *gate;         /* atomic; NULL: there is none (any more) */
  LpGate *closed_gate;  /* one that was given up: threads and tracers may know it still */
  LpTracers *tracers;   /* with the lock: the gate's, which wait */
  GPtrArray *readers;   /* LpGateReader; NULL: the loop reads the gate */
  int readers_end;      /* an eventfd that tells them to end */
  GSource *gate_source; /* of the loop, when it reads the gate */
  int deadline_fd;      /* a timer that rings while somebody is held; -1: there is none */
  gboolean is_timing;   /* with the lock: it does */
  GSource *deadline_source;
  LpNet *net; /* NULL: there is none */
  GSource *net_source;
  GSource *beat_source;    /* only while there are uprobes */
  GPtrArray *build_ids;    /* GBytes: of what is bound; replaced as a whole */
  LpLookout *lookout;      /* NULL: there is none */
  GSource *lookout_source; /* of the loop */
  LpAsker *asker;          /* where there is a lookout */
  gint asker_pid;          /* atomic; 0: there is none */
  GSource *asker_source;
  GQueue asked_later;     /* LpAsking: questions that wait for their turn */
  GQueue asked;           /* LpAsking: that wait for their answers */
  GSource *asking_source; /* sees to it that they don't take too long */
  struct lp_lookout_sight last_sight;
  LpSpotter *spotter;      /* takes the lookout's place; NULL: there is none */
  GSource *spotter_source; /* it is listened to, or will be again in a moment */
  guint n_quiet;           /* how often nothing has come from it meanwhile */
  gint n_found;            /* atomic: files that were found by it and have a gate since */
  guint64 lost;            /* hits that the net had lost when it was last asked */
  guint n_looking;         /* of the threads: looks */
  gboolean is_scanning;
  gboolean must_scan_again; /* something was lost meanwhile */
  GSource *scan_source;     /* while a scan waits for a thread */
  GPtrArray *lacks;         /* utf8: "WORD: reason" of what is missing */
  LpTriggerReport report;
  gpointer user_data;
  GPtrArray *entities; /* with the lock: LpEntity; replaced as a whole, so that tracers keep theirs */
  GPtrArray *entries; /* with the lock: GBytes, element for element of the entities; empty: not known (yet) */
  GArray *watched;    /* int: descriptors of the watched files, open for reading */
  GHashTable *leased; /* set of int: those of them that nobody may write to before we have let go */
  GSource *lease_source; /* NULL: there are no leases */
  int lease_fd;
  int lease_thread;
  GArray *found;      /* int: likewise, of files that no patch names, but processes run */
  GArray *dropped;    /* int: likewise, of those that aren't needed any more: as long as uprobes may stand */
  GArray *probed;     /* LpProbed */
  LpSetting *setting; /* uprobes are being set in a thread; NULL: none are */
  gboolean must_set_again; /* files were found meanwhile */
  GHashTable *surveyed;    /* set of the Build-IDs (hex) that are bound and whose processes were looked at */
  guint n_surveys;         /* that whoever waits for the trigger to settle waits for */
  struct {
    int pid;
    guint64 code;
  } met[LP_TRIGGER_MET_MAX]; /* a ring of those that were patched at the gate just now */
  guint n_met;
  int hit[LP_TRIGGER_MET_MAX]; /* a ring of the processes that the net told of just now */
  guint n_hit;
  GHashTable *held;  /* with the lock: tid -> Held: met by a tracer that hasn't left it yet */
  GHashTable *slow;  /* with the lock: set of inode numbers (guint64): who opens such a file can mostly not be
                        attached to before it is let go on */
  guint threads;     /* with the lock */
  guint n_meetings;  /* with the lock: openers that were met and not reported yet */
  gpointer finished; /* atomic, any thread and tracer: a list of openers that are dealt with */
  gpointer retired;  /* with the lock: of these, a list of those that are only to be reported */
  LpTriggerCounts counts; /* with the lock */
  GHashTable *looks;      /* with the lock: pid -> Look: planned or under way */
  GHashTable *users; /* with the lock: entities, the array -> number of threads that act for these, if any */
  GQueue waiters;    /* for those of earlier sets */
  gboolean closing;
};

/* As the kernel's part and its events count: CLOCK_MONOTONIC, nanoseconds. */
guint64 lp_trigger_now_ns (void);

/* Ends a source of the loop, if there is one. */
void lp_trigger_drop_source (GSource **source);

/* Calls @func in the loop. Any thread. */
void lp_trigger_run_in_loop (LpTrigger *trigger, GSourceFunc func, gpointer data);
/* FALSE: there are too many. The thread must end with a call in the loop that counts trigger->threads down.
 */
gboolean lp_trigger_start_thread (LpTrigger *trigger, const char *name, GThreadFunc func, gpointer data);

/* For threads that have tracers: takes the gate's descriptor from the calling thread and those that it
 * starts (user/own-table.h). A tracer that goes on after our death, and opens a watched file then, would else
 * wait for itself: with us the gate closes. */
void lp_trigger_leave_gate (LpTrigger *trigger);

/* trigger-look.c. Looks at a process again, some times, until it is patched or nothing more is to be hoped
 * for.
 * @hit: (nullable) what the net knows of it. Nothing happens when it is being looked at already. */
void lp_trigger_plan_look (LpTrigger *trigger, int pid, const struct lp_net_hit *hit, const char *reason);
/* The same for one that may have made calls which nobody saw: when it is found to lack a patch, one call is
 * counted. */
void lp_trigger_plan_late_look (LpTrigger *trigger, int pid, const char *reason);
gboolean lp_trigger_is_looking (LpTrigger *trigger, int pid);
void lp_trigger_look_free (gpointer look);
/* Looks at all processes once, because some may have been overlooked. */
void lp_trigger_scan (LpTrigger *trigger);
void lp_trigger_drop_looks (LpTrigger *trigger); /* what is planned, once no thread is left */

/* trigger.c */
void lp_trigger_dispatch_gate (LpTrigger *trigger); /* reads an event, if one waits; never blocks */
/* The same in a reader, without the lock. FALSE: the gate was closed, because it is broken. */
gboolean lp_trigger_read_gate (LpTrigger *trigger);
void lp_trigger_enforce_deadline (LpTrigger *trigger);
void lp_trigger_collect (LpTrigger *trigger); /* reports the openers that were dealt with */

/* trigger-gate.c. The calling thread is the loop, and has the lock, except while it waits in its context or
 * in lp_trigger_poll(). */
void lp_trigger_begin_loop (LpTrigger *trigger);
void lp_trigger_end_loop (LpTrigger *trigger);
void lp_trigger_poll (GPollFD *fds, guint n, gint timeout_ms);
/* @processors: those to read on, see lp_urgent_processors(). */
void lp_trigger_start_reading (LpTrigger *trigger, const GArray *processors);
void lp_trigger_end_readers (LpTrigger *trigger);

/* trigger-users.c. The entities that are bound now, for a thread that shall act for them; given back in the
 * loop when that is over. */
GPtrArray *lp_trigger_use (LpTrigger *trigger);
void lp_trigger_unuse (LpTrigger *trigger, GPtrArray *entities);
/* Something that somebody may have waited for has ended. */
void lp_trigger_look_who_waits (LpTrigger *trigger);

/* trigger-bind.c */
void lp_trigger_unwatch_all (LpTrigger *trigger);
void lp_trigger_let_go_of_written (LpTrigger *trigger); /* of the files whose lease is wanted */

/* trigger-lease.c */
void lp_trigger_open_leases (LpTrigger *trigger);
void lp_trigger_close_leases (LpTrigger *trigger);
/* Keeps writers away from @fd's file until lp_trigger_let_go_of_written() is through. FALSE: there is one. */
gboolean lp_trigger_lease (LpTrigger *trigger, int fd);
void lp_trigger_end_lease (LpTrigger *trigger, int fd);
gboolean lp_trigger_lease_is_wanted (const LpTrigger *trigger, int fd);
/* The descriptor in @watched that is on the same file as @fd; -1: none is. */
int lp_trigger_find_file (const GArray *watched, int fd);
/* Whether the file behind @fd is the target of @entity. Any thread. */
gboolean lp_trigger_is_target (int fd, LpEntity *entity);
void lp_trigger_close_files (GArray *files);

/* trigger-setting.c. Sets the uprobes for what is bound now; meanwhile gate and net are served. */
void lp_trigger_set_net (LpTrigger *trigger, GPtrArray *problems);
/* Likewise, until a setting that is under way is through. @problems: (nullable) */
void lp_trigger_await_setting (LpTrigger *trigger, GPtrArray *problems);
/* The set of found files has grown: the net is set on them, too, and nobody waits for it. */
void lp_trigger_extend_net (LpTrigger *trigger);

/* trigger-found.c. Takes @fd, which is on a target's file that may be kept open: it is watched from now on,
 * until nothing is bound for it any more. */
void lp_trigger_add_found (LpTrigger *trigger, int fd);
/* To what is bound now: the others, and those that were dropped, are moved to @gone, and are to be closed
 * when nothing is on them any more. */
void lp_trigger_prune_found (LpTrigger *trigger, GArray *gone);
/* Moves those that were dropped to @gone. */
void lp_trigger_take_dropped (LpTrigger *trigger, GArray *gone);
/* Looks in a thread for the files of the targets that run: some are where no patch thinks they are. */
void lp_trigger_survey (LpTrigger *trigger);

/* trigger-net.c */
void lp_trigger_open_net (LpTrigger *trigger, const char *pin);
void lp_trigger_close_net (LpTrigger *trigger);
void lp_trigger_dispatch_net (LpTrigger *trigger);
/* Whether the net told of process @pid just now. */
gboolean lp_trigger_was_hit (const LpTrigger *trigger, int pid);
void lp_trigger_beat_net (LpTrigger *trigger, gboolean on);

/* trigger-lookout.c. Sees to who maps the files of targets that nobody watches. */
void lp_trigger_open_watch (LpTrigger *trigger, gboolean with_lookout);
void lp_trigger_set_watch (LpTrigger *trigger); /* to what is bound now */
void lp_trigger_close_watch (LpTrigger *trigger);

/* trigger-spot.c */
void lp_trigger_open_spotter (LpTrigger *trigger);
void lp_trigger_set_spotter (LpTrigger *trigger);
void lp_trigger_close_spotter (LpTrigger *trigger);
/* Process @pid has mapped the file of a target at @time, by the name @path (nullable): finds out in a thread
 * whether it may run old code, and sees to it. @file (taken): O_PATH; -1: the process is gone. */
void lp_trigger_handle_copy (LpTrigger *trigger, int pid, guint64 time, const char *path, int file);
/* FALSE: the mapping is ours, or was met at the gate just now. */
gboolean lp_trigger_minds_mapping (const LpTrigger *trigger, int pid, guint64 start);
/* The net is on each function that the bound patches replace. */
gboolean lp_trigger_has_probes (const LpTrigger *trigger);

G_END_DECLS
