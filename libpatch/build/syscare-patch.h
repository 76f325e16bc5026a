/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the source of a fix of the kernel: callbacks and shadow variables. `syscare build --kernel` finds it by
 * #include <syscare-patch.h>. Source: Documentation/livepatch/callbacks.rst and shadow-vars.rst of the
 * kernel.
 *
 * Callbacks, at most one of each kind for vmlinux and for each module that the fix changes, in one of the
 * files that it changes there:
 *
 *     static int prepare (struct klp_object *object) { ... }   // other than 0: the patch isn't loaded
 *     SYSCARE_PRE_PATCH (prepare);
 *     static void clean_up (struct klp_object *object) { ... }
 *     SYSCARE_POST_UNPATCH (clean_up);
 *
 * The kernel calls them in process context, where they may sleep: before the first task runs the new code
 * (PRE_PATCH), after the last one has come to it (POST_PATCH), before the first one leaves it (PRE_UNPATCH),
 * after the last one has left (POST_UNPATCH); those of a module also when it is loaded and unloaded under an
 * enabled patch. A patch that a replacing one (--replace) takes the place of has none of its UNPATCH
 * callbacks called.
 *
 * A shadow variable is a new field of something that exists already:
 *
 *     SYSCARE_SHADOW (reads, 1, atomic_t);
 *
 * defines, for the object at @of,
 *     atomic_t *reads_get (void *of);                         NULL when it has none
 *     atomic_t *reads_get_or_alloc (void *of, gfp_t flags);   zeroed when it is new; NULL without memory
 *     void reads_free (void *of);                             does nothing when it has none
 *     void reads_free_all (void);                             of all objects; for POST_UNPATCH
 * It belongs to the kernel, not to the patch: whatever isn't freed stays when the patch goes, and the next
 * patch that uses the same number finds it. Numbers are the administrator's: two patches with one number
 * share the variable. */
#ifndef SYSCARE_PATCH_H
#define SYSCARE_PATCH_H

#ifndef __KERNEL__
#error                                                                                                       \
    "syscare-patch.h is for fixes of the kernel: user-space patches have no callbacks and no shadow variables"
#endif

#include <linux/gfp.h>
#include <linux/livepatch.h>

#define SYSCARE_CALLBACK_(kind, result, function)                                                            \
  static result (*const syscare_##kind) (struct klp_object *) __used __section (".syscare.callbacks." #kind) \
      = function

#define SYSCARE_PRE_PATCH(function) SYSCARE_CALLBACK_ (pre_patch, int, function)
#define SYSCARE_POST_PATCH(function) SYSCARE_CALLBACK_ (post_patch, void, function)
#define SYSCARE_PRE_UNPATCH(function) SYSCARE_CALLBACK_ (pre_unpatch, void, function)
#define SYSCARE_POST_UNPATCH(function) SYSCARE_CALLBACK_ (post_unpatch, void, function)

#define SYSCARE_SHADOW(name, id, type)                                                                       \
  static inline __maybe_unused type *name##_get (void *of)                                                   \
  {                                                                                                          \
    return (type *)klp_shadow_get (of, id);                                                                  \
  }                                                                                                          \
  static inline __maybe_unused type *name##_get_or_alloc (void *of, gfp_t flags)                             \
  {                                                                                                          \
    return (type *)klp_shadow_get_or_alloc (of, id, sizeof (type), flags, NULL, NULL);                       \
  }                                                                                                          \
  static inline __maybe_unused void name##_free (void *of)                                                   \
  {                                                                                                          \
    klp_shadow_free (of, id, NULL);                                                                          \
  }                                                                                                          \
  static inline __maybe_unused void name##_free_all (void)                                                   \
  {                                                                                                          \
    klp_shadow_free_all (id, NULL);                                                                          \
  }                                                                                                          \
  extern int syscare_semicolon

#endif
