/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Meets a thread that the gate holds, and patches its process before it can run the target's code: at the end
 * of exec, before the new program's first instruction, or as soon as a library's segments are mapped. Must
 * not know who holds it or which patches there are.
 *
 * Quiet: seized, not signalled; neither the program nor its parent sees a stop. */
#pragma once

#include "user/engine.h"

G_BEGIN_DECLS

typedef enum {
  LP_MEET_PATCHED,       /* all entities that concern the process are active in it */
  LP_MEET_NOT_CONCERNED, /* exec failed, or the file was opened for something else than running it */
  LP_MEET_LATER,  /* could not be done at this point (see reason): the process must be looked at again once it
                     runs */
  LP_MEET_FAILED, /* this process can't be patched (see reason) */
} LpMeetOutcome;

typedef struct {
  int pid;
  LpMeetOutcome outcome;
  char *reason;      /* "" or one line */
  gboolean may_pass; /* FAILED for now: it is tried again when it is seen in the old code later */
  guint64 held_ns;   /* from the seizure to the release */
  gboolean was_slow; /* the kernel kept us from attaching until the thread was let go on */
  guint64
      code; /* where the process has mapped the code of the (first) target that was patched; 0: it wasn't */
} LpMeetResult;

/* What the gate's keeper wants to be told; from the tracer, which shares our memory and files but is a
 * process of its own. */
typedef struct {
  int owner;        /* the process that has started the tracer */
  gboolean is_slow; /* that will probably be so */
  /* Lets the held thread go on. Called at least once; also from a signal handler. */
  void (*allow) (gpointer user_data);
  /* The thread is about to be let go by us; called once. What it opens from now on is news. */
  void (*leaving) (gpointer user_data);
  /* The owner has been killed, and the thread may be waiting for an answer of its. */
  void (*orphaned) (gpointer user_data);
  gpointer user_data;
  GPtrArray
      *entries; /* (nullable) of GBytes, element for element of the entities: see lp_entries_restore() */
} LpMeetKeeper;

/**
 * lp_meet:
 * @tid: the held thread, which is inside exec or open
 * @entities: (element-type LpEntity): those that shall be active
 * @timeout_ms: how long to stay attached at most
 *
 * To be called in a tracer (process/ptracer.h), which brings the meeting to its end when its owner is killed
 * meanwhile. Blocks.
 */
LpMeetResult *lp_meet (int tid, GPtrArray *entities, guint timeout_ms, const LpMeetKeeper *keeper);
void lp_meet_result_free (LpMeetResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpMeetResult, lp_meet_result_free)

G_END_DECLS
