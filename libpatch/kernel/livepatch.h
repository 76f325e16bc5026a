/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Livepatch modules of the running kernel: which there are, in which state, and the steps load, enable,
 * disable, unload, each followed to its end. Works on mainline semantics: a module enables itself when it is
 * loaded, and after it was disabled it must be unloaded before it can be enabled again. Must not know
 * bundles, wishes or the bus. Sources: Documentation/livepatch/livepatch.rst (sections 5 and 6),
 * Documentation/ABI/testing/sysfs-kernel-livepatch, finit_module(2), delete_module(2), proc(5) on
 * patch_state. */
#pragma once

#include <gio/gio.h>

#include "base/error.h"

G_BEGIN_DECLS

/* Where the kernel shows itself; tests give other folders. */
typedef struct {
  const char *sysfs;  /* "/sys" */
  const char *procfs; /* "/proc" */
} LpKernelPaths;

extern const LpKernelPaths lp_kernel_paths_default;

/* One kernel object (vmlinux or a module) of a livepatch. */
typedef struct {
  char *name;           /* "vmlinux", "loop" */
  gboolean patched;     /* FALSE: the module isn't loaded (it is patched when it is) or the patch is off */
  GPtrArray *functions; /* char*: names with their position, "cmdline_proc_show,1" */
} LpLivepatchObject;

typedef struct {
  char *name; /* module name */
  gboolean enabled;
  gboolean transition; /* tasks are still being moved */
  gboolean
      loaded; /* the module is in the kernel (a disabled patch leaves sysfs before its module is unloaded) */
  char *source_version; /* srcversion of the module, "" when the kernel doesn't tell: identifies the build */
  GPtrArray *objects;   /* LpLivepatchObject */
} LpLivepatch;

/* A task that keeps a transition from ending. */
typedef struct {
  int pid;
  int tid;
  guint uid; /* whose it is; 0 also when its owner may not look at it */
  char *command;
  char *stack; /* kernel stack, one function a line; "" when it can't be read */
} LpStalledTask;

typedef enum {
  LP_TRANSITION_PATCHED,   /* enabled, and every task runs the new code */
  LP_TRANSITION_UNPATCHED, /* disabled, and every task runs the old code */
} LpTransitionGoal;

typedef enum {
  LP_TRANSITION_REVERSE = 0, /* one that doesn't end in time is turned round */
  LP_TRANSITION_FORCE = 1,   /* one that doesn't end in time is ended by force: tasks that are in the old code
                                go   on there, which is only safe when the fix allows it; the kernel never
                                unloads   a   module that was disabled, or replaced, by force */
} LpTransitionMode;

/* @remaining: tasks not yet moved; called at every look. */
typedef void (*LpTransitionProgress) (guint remaining, gpointer user_data);

/* TRUE when this kernel has livepatch; else FALSE and LP_ERROR_KERNEL_UNSUPPORTED. */
gboolean lp_livepatch_supported (const LpKernelPaths *paths, GError **error);

/* All livepatches that the kernel shows, whoever loaded them, sorted by name. Element-type LpLivepatch,
 * caller frees. */
GPtrArray *lp_livepatch_list (const LpKernelPaths *paths, GError **error);

/* The livepatch @name. When there is neither a patch nor a module of that name: NULL and no error. */
LpLivepatch *lp_livepatch_read (const LpKernelPaths *paths, const char *name, GError **error);
void lp_livepatch_free (LpLivepatch *patch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpLivepatch, lp_livepatch_free)

/* Tasks whose patch_state isn't the goal's. Element-type LpStalledTask, caller frees. A task that exits
 * meanwhile is not an error. */
GPtrArray *lp_livepatch_stalled (const LpKernelPaths *paths, LpTransitionGoal goal);
/* "thread 12: do_nanosleep+0x6d/0x160 < hrtimer_nanosleep+0xc5/0x190": innermost function first; valid UTF-8,
 * caller frees. */
char *lp_stalled_task_describe (const LpStalledTask *task);
void lp_stalled_task_free (LpStalledTask *task);

/**
 * lp_livepatch_enable:
 * @fd: open module file (the caller has verified that very file)
 * @name: its module name, as /sys/module will show it
 * @timeout_ms: how long the transition may take
 * @mode: what becomes of one that takes longer
 * @stalled: (out) (optional): tasks that held it up, set with LP_ERROR_TRANSITION_TIMEOUT, and when the
 * transition was ended by force
 *
 * Loads the module, which starts the transition, and follows it to its end. A module of this name that was
 * left over disabled is unloaded first. When the transition doesn't end in time it is reversed and the module
 * unloaded: the state is the one before.
 *
 * Errors: LP_ERROR_KERNEL_UNSUPPORTED, LP_ERROR_MODULE_REJECTED (signature, version, lockdown: the message
 * says which), LP_ERROR_CONFLICT (an enabled patch of this name is there), LP_ERROR_TRANSITION_TIMEOUT,
 * LP_ERROR_CANCELLED (reversed too), LP_ERROR_ROLLBACK_FAILED.
 */
gboolean lp_livepatch_enable (const LpKernelPaths *paths, int fd, const char *name, guint timeout_ms,
                              LpTransitionMode mode, GCancellable *cancellable, LpTransitionProgress progress,
                              gpointer user_data, GPtrArray **stalled, GError **error);

/* Disables @name, follows the transition to its end, unloads the module. When it doesn't end in time the
 * patch is enabled again (LP_TRANSITION_REVERSE). Success when it isn't there at all. A module that the
 * kernel keeps because this call ended the transition by force stays loaded, disabled: success, too. Errors:
 * as above.
 */
gboolean lp_livepatch_disable (const LpKernelPaths *paths, const char *name, guint timeout_ms,
                               LpTransitionMode mode, GCancellable *cancellable,
                               LpTransitionProgress progress, gpointer user_data, GPtrArray **stalled,
                               GError **error);

/* Takes out the module of a livepatch that is off: one that was replaced stays behind in the kernel. Success
 * when it isn't loaded; an enabled one is left alone, which is LP_ERROR_CONFLICT. */
gboolean lp_livepatch_clear (const LpKernelPaths *paths, const char *name, GError **error);

/* Ends a stalled transition by force, without regard to the tasks that are in old code. The kernel never
 * unloads such a module again. */
gboolean lp_livepatch_force (const LpKernelPaths *paths, const char *name, GError **error);

G_END_DECLS
