/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel says of its livepatches, read in one look, and what that means for a patch. Must not know
 * wishes, jobs or the bus. */
#pragma once

#include "patch.h"

#include "kernel/livepatch.h"

/* One look. */
typedef struct {
  gboolean supported;          /* this kernel has livepatch */
  char *release;               /* uname -r */
  char *build_id;              /* of vmlinux, hex; "" when the kernel doesn't show it */
  GPtrArray *patches;          /* LpLivepatch, whoever loaded them */
  GPtrArray *stalled;          /* LpStalledTask of the transition that is under way; else empty */
  guint tasks;                 /* threads of the system while a transition is under way, else 0 */
  GHashTable *source_versions; /* digest of an installed module -> its srcversion */
} ScKernelReading;

/* @infos: installed patches (ScPatchInfo); files of modules that are loaded are looked at. Blocks on sysfs
 * and the disk. */
ScKernelReading *sc_kernel_reading_new (GPtrArray *infos);
void sc_kernel_reading_free (ScKernelReading *reading);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScKernelReading, sc_kernel_reading_free)

/* What it says about kernel patch @info. */
void sc_kernel_reading_carriers (const ScKernelReading *reading, const ScPatchInfo *info,
                                 ScCarriers *carriers);
/* "target-changed" when @info is for another kernel, else NULL. */
const char *sc_kernel_reading_target_problem (const ScKernelReading *reading, const ScPatchInfo *info);
/* Livepatches whose modules aren't among @infos (ScPatchInfo): loaded by somebody else. Appended to
 * @carried, which owns its elements. */
void sc_kernel_reading_add_foreign (const ScKernelReading *reading, GPtrArray *infos, GPtrArray *carried);
