/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service's end of syscare-trigger: starts it when there is something to bind, watches over it, starts it
 * again. Must not know which patches are wished or why. */
#pragma once

#include <gio/gio.h>

typedef struct ScTrigger ScTrigger;

/* A process that met a patch and could not be patched. @start_time: 0 when it has ended. @may_pass: it is
 * tried again when it is seen in the old code later. */
typedef struct {
  int pid;
  guint64 start_time;
  gboolean may_pass;
  const char *reason; /* one line */
} ScTriggerFailure;

/* changed: sc_trigger_problem() may be different. */
typedef struct {
  void (*changed) (gpointer user_data);
  void (*failed) (const ScTriggerFailure *failure, gpointer user_data);
} ScTriggerListener;

/* @program: or a socket (helper.h); NULL or "" when there shall be none. @lock: path of a file that triggers
 * lock (trigger-lock.h), "": none. @listener must stay. */
ScTrigger *sc_trigger_new (const char *program, const char *lock, const ScTriggerListener *listener,
                           gpointer user_data);
void sc_trigger_free (ScTrigger *trigger); /* ends it: whoever it holds goes on */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScTrigger, sc_trigger_free)

/* Binds exactly the patches @infos (ScPatchInfo). When it ends well, no new process of theirs escapes, and
 * none is being given a patch any more that isn't among them. It ends in any case, within
 * SC_TRIGGER_PATIENCE: a trigger that fails is a problem to be shown, not a reason to withhold a patch. */
#define SC_TRIGGER_PATIENCE 10 /* seconds */
void sc_trigger_bind_async (ScTrigger *trigger, GPtrArray *infos, GAsyncReadyCallback callback,
                            gpointer user_data);
void sc_trigger_bind_finish (ScTrigger *trigger, GAsyncResult *result);

/* Binds anew when another file of the same build lies at a path by now, as after a package was installed
 * again. Ends at once otherwise, and in any case as above. */
void sc_trigger_recheck_async (ScTrigger *trigger, GAsyncReadyCallback callback, gpointer user_data);

/* Looks at all processes once: some that lack a bound patch may have been given back to the old code. What it
 * finds it patches, whenever that may be. */
void sc_trigger_look_again (ScTrigger *trigger);

/* Why new processes may escape, NULL when all is well. Borrowed. */
const char *sc_trigger_problem (ScTrigger *trigger);
/* Whether it can be had at all. */
gboolean sc_trigger_is_enabled (ScTrigger *trigger);

/* (element-type utf8): "WORD: reason" of each mechanism ("gate", "net", "events") that is missing here, as
 * the trigger that ran last has found; none before the first one ran. Borrowed. */
const GPtrArray *sc_trigger_lacks (ScTrigger *trigger);
/* Whether the mechanism is there, as far as is known. */
gboolean sc_trigger_has (ScTrigger *trigger, const char *mechanism);

/* Calls that were seen to go on in an old function, because their process could not be patched in time. */
guint64 sc_trigger_old_calls (ScTrigger *trigger);
