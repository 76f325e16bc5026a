/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One patch as the service knows it: its constant part, what is wished, and what the last look at the
 * processes showed. Must not know the bus or how the processes are read. */
#pragma once

#include "patch-info.h"
#include "store/store.h"

typedef struct {
  ScPatchInfo *info;
  char *path; /* object path: the identity of a patch towards clients */
  /* the wish, LP_STATE_NOT_APPLIED when there is none */
  LpState wished;
  gboolean restore;
  gboolean this_boot; /* it was wished since the machine booted */
  guint64 sequence;
  guint64 last_change; /* microseconds since the epoch, UTC; 0: never */
  /* the truth as of the last look */
  LpState state;
  guint total, patched, loaded;
  gboolean missing;   /* it isn't installed any more; it is carried, or wished for and a copy is kept */
  gboolean in_kernel; /* a kernel patch that is in the running kernel, perhaps in transition */
  GStrv problems;     /* sorted words */
  /* the work */
  guint64 job;          /* 0: none */
  gboolean in_step;     /* a worker is changing its processes right now */
  GHashTable *outcomes; /* pid -> ScOutcomeRecord: why the last job could not patch a process */
} ScPatch;

/* What the last job had to say about a process. */
typedef struct {
  guint64 start_time; /* tells a reused pid apart */
  char *status;
  char *reason;
  char *detail;
} ScOutcomeRecord;

/* What the processes say about one patch. */
typedef struct {
  guint total;           /* processes that run the target */
  guint active;          /* with every redirect in place */
  guint partial;         /* with some redirects in place */
  guint loaded;          /* that carry the image without redirects */
  gboolean other_digest; /* an image of this uuid is from another file than the installed one */
  /* A kernel patch is carried by the one kernel: @active or @partial is 1. While its transition is under way
   * @total counts the tasks, and @moved those that run its new (or, when it is being disabled, old) code. */
  guint moved;
} ScCarriers;

ScPatch *sc_patch_new (ScPatchInfo *info);
ScPatch *sc_patch_ref (ScPatch *patch);
void sc_patch_unref (ScPatch *patch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScPatch, sc_patch_unref)

/* Active or accepted. */
gboolean sc_state_is_in_effect (LpState state);

/* The state that truth and wish make together; the processes have the last word, and the wish counts only
 * where no process contradicts it. */
LpState sc_patch_compute_state (LpState wished, const ScCarriers *carriers);

gboolean sc_patch_is_kernel (const ScPatch *patch);
/* Whether what is wished of a kernel patch was there since the boot, and no longer is: another livepatch
 * replaced it, or somebody took it away by hand. */
gboolean sc_patch_is_lost (const ScPatch *patch);
/* Whether bringing the wish into effect has something to do. */
gboolean sc_patch_lacks_effect (const ScPatch *patch);

/* Takes over what the processes say; @target_problem: (nullable): "target-changed" or "target-missing";
 * @overridden: another
 * livepatch took its place, or stands on top of it; @untrusted: the settings want a signature that the patch
 * lacks. Returns whether anything that clients see is different now. */
gboolean sc_patch_observe (ScPatch *patch, const ScCarriers *carriers, const char *target_problem,
                           gboolean overridden, gboolean untrusted);
/* Whether there is something to work with: the installed files, or the store's copy of them. */
gboolean sc_patch_has_files (const ScPatch *patch);
gboolean sc_patch_has_problem (const ScPatch *patch, const char *problem);
void sc_patch_set_outcome (ScPatch *patch, int pid, guint64 start_time, const char *status,
                           const char *reason, const char *detail);

/* "/org/openeuler/SysCare1/patches/<uuid without dashes>", caller frees. */
char *sc_patch_path_for_uuid (const char *uuid);
