/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One process in a change: what it has, and the steps that can be made in it. Every step has its undo, and
 * the object can be freed at any point. Must not know about other processes.
 *
 * The process is stopped twice and shortly: one thread to map the image, then all threads to switch.
 * Everything else happens while it runs. */
#pragma once

#include "user/engine.h"
#include "process/stop.h"

G_BEGIN_DECLS

typedef struct LpTarget LpTarget;

/* Looks at process @pid without stopping it. Errors: LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED,
 * LP_ERROR_NOT_SUPPORTED (the target is mapped twice). @entities: (element-type LpEntity) all of the change;
 * only those that concern the process become its parts. */
LpTarget *lp_target_new (int pid, GPtrArray *entities, GError **error);
/* Likewise, of a process that the calling tracer holds a thread of (lp_process_hold()). */
LpTarget *lp_target_new_held (int pid, GPtrArray *entities, GError **error);
/* Looks at process @pid, whose thread the calling tracer holds at the end of an exec, with stack pointer @sp.
 * NULL: lp_target_new() must look at it, which is slower: nothing can be said, or exactly one of @entities
 * concerning the program itself is not what there is to do. */
LpTarget *lp_target_new_fresh (int pid, guint64 sp, GPtrArray *entities);
/* What is activated comes to lie below the patches that follow it in @stack, UUIDs, the lowest first, also
 * when these are active already; NULL: the change's entities in their order. A patch that isn't in it lies on
 * top of what is there, as all do without this call. */
void lp_target_keep_order (LpTarget *target, const char *const *stack);
void lp_target_free (LpTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpTarget, lp_target_free)

LpProcess *lp_target_process (LpTarget *target);

/* @pids (of int; the target's own may be among them) share the process's memory: they stand still with it in
 * each step. Those that appear later, with a number behind @known_number (lp_process_last_number() before the
 * look), are found by the steps themselves. */
void lp_target_set_sharers (LpTarget *target, const GArray *pids, int known_number);

/* Has everybody who runs on the process's memory stand still: @stop, which may hold some of its threads
 * already, is over all of them then, and must be freed before the target. Errors: lp_stop_all(). */
gboolean lp_target_stop_everybody (LpTarget *target, LpStop *stop, GError **error);

/* Whether @step would change anything as far as can be seen now; also FALSE when no entity concerns the
 * process. */
gboolean lp_target_concerns (const LpTarget *target); /* whether any entity does */
gboolean lp_target_needs (const LpTarget *target, LpStep step);

/* Whether all that would be activated lies in modules whose code was mapped at one of @n addresses @starts,
 * and whose whole extent is mapped. */
gboolean lp_target_was_mapped_at (const LpTarget *target, const guint64 *starts, guint n);

/* Where the code of the first target is mapped; 0: nowhere. */
guint64 lp_target_code (const LpTarget *target);

/* Checks without stopping, writing or opening the target's file: the sites against their original code.
 * Errors: LP_ERROR_TARGET_MISMATCH, LP_ERROR_CONFLICT, LP_ERROR_OVERRIDDEN, LP_ERROR_NOT_SUPPORTED
 * (@consistency). */
gboolean lp_target_check (LpTarget *target, LpStep step, LpConsistency consistency, GError **error);

/* Maps and fills the images that aren't there. Its undo is lp_target_unmap(). Errors: LP_ERROR_NOT_SUPPORTED,
 * LP_ERROR_TARGET_MISMATCH, LP_ERROR_REFUSED: this process can't be patched; LP_ERROR_PROCESS_BUSY,
 * LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED. */
gboolean lp_target_place (LpTarget *target, GError **error);

/* Redirects all functions of all parts (@on) or gives them their code back, in one stop. Errors:
 * LP_ERROR_PROCESS_BUSY (@detail, nullable, names thread, function and where it waits; nothing was changed,
 * try again), LP_ERROR_CONFLICT, LP_ERROR_OVERRIDDEN, LP_ERROR_CHANGED (target or image are no longer mapped
 * as before), LP_ERROR_PROCESS_GONE, LP_ERROR_FAILED. */
gboolean lp_target_switch (LpTarget *target, gboolean on, LpConsistency consistency, char **detail,
                           GError **error);

/* lp_target_place() and lp_target_switch() for a process that is met before it can run the target's code: the
 * calling tracer thread holds @stop, whose threads are the only ones that could get there. Nobody is let go.
 * @is_new: nobody else runs in the process at all, or knows of the code that is replaced. Errors: as there;
 * after one a process of lp_target_new_fresh() is as it was. */
gboolean lp_target_activate_held (LpTarget *target, LpStop *stop, gboolean is_new, GError **error);

/* Puts back what the last lp_target_switch() has changed, when no thread is in the way. Errors: as
 * lp_target_switch(). */
gboolean lp_target_undo_switch (LpTarget *target, char **detail, GError **error);

/* Unmaps images without redirects: all of them, or (@only_placed) those that lp_target_place() mapped.
 * One that the process may still point into stays, but is nobody's patch any more (lp_target_kept()).
 * Errors: as above. */
gboolean lp_target_unmap (LpTarget *target, gboolean only_placed, char **detail, GError **error);

/* Why an image was left in the process, as nobody's, when lp_target_unmap() should have taken it away:
 * something there may still use it. NULL when none was. Borrowed. */
const char *lp_target_kept (const LpTarget *target);

guint64 lp_target_stop_ns (const LpTarget *target);
guint lp_target_private_pages (const LpTarget *target);

G_END_DECLS
