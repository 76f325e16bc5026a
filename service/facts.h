/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the service itself can say about a patch's target: which package of the system's database owns the
 * file, and whether the file is what the package put there. This is what polkit rules decide by, so nothing
 * in it is the patch's claim. Must not know polkit or the bus. */
#pragma once

#include "patch-info.h"

typedef struct {
  char *name;        /* package that owns the file, "" when not known for sure */
  char *source;      /* its source package */
  char *version;     /* its version */
  char *object;      /* base name of the file */
  char *build_id;    /* hex: the Build-ID of the code that would be patched */
  gboolean verified; /* all of: right place, root's, unchanged, this Build-ID */
  char *why_not;     /* one line when not verified; "" else */
} ScTargetFacts;

/* Looks the facts up in a thread. The result has one element per element of @infos (ScPatchInfo). */
void sc_facts_async (GPtrArray *infos, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data);
GPtrArray *sc_facts_finish (GAsyncResult *result, GError **error);

/* The same for one patch, blocking. Never fails: what isn't known is "" and not verified. */
ScTargetFacts *sc_facts_look_up (const ScPatchInfo *info);
void sc_target_facts_free (ScTargetFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScTargetFacts, sc_target_facts_free)
