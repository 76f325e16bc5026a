/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is constant about one installed patch: immutable, reference counted, safe to hand to other threads.
 * Must not know states or the bus. */
#pragma once

#include "format/bundle.h"

typedef struct {
  char *uuid;        /* with dashes */
  char *name;        /* full name */
  char *short_name;  /* "HP001" */
  char *bundle;      /* bundle id; "" for a patch that only processes know */
  char *bundle_path; /* directory; "" as above */
  gboolean kept;     /* the directory is the store's copy: the installed one is gone */
  char *entity;      /* file name in it */
  char *version;
  char *release;
  char *kind; /* "user", "kernel" */
  char *architecture;
  char *target_source;
  GStrv target_packages;
  char *target_version;
  char *object;
  GStrv files;
  char *build_id; /* hex */
  char *digest;   /* hex */
  char *license;
  char *description;
  char *severity;
  char *signer; /* "" when not signed by a trusted key */
  GStrv issues;
  GStrv functions;
  GVariant *sources; /* a(ss) */
  /* kernel patches only, else "" and FALSE */
  char *module;         /* the livepatch module's name */
  char *kernel_release; /* of the kernel that it is for */
  gboolean replace;     /* takes all other livepatches away */
  gboolean foreign;     /* loaded by something else: can only be looked at */
} ScPatchInfo;

/* From object @index of @bundle. */
ScPatchInfo *sc_patch_info_new (const LpBundle *bundle, guint index);
/* For a patch that was found in a process, but isn't installed. */
ScPatchInfo *sc_patch_info_new_orphan (const char *uuid, const char *digest, const char *build_id);
/* For a livepatch that something else loaded into the running kernel; its uuid follows from its name. */
ScPatchInfo *sc_patch_info_new_foreign (const char *module, const char *release, const char *build_id,
                                        const char *object, GStrv functions);
ScPatchInfo *sc_patch_info_ref (ScPatchInfo *info);
void sc_patch_info_unref (ScPatchInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScPatchInfo, sc_patch_info_unref)

/* Whether both describe the very same patch at the same place. */
gboolean sc_patch_info_equal (const ScPatchInfo *a, const ScPatchInfo *b);
/* By full name, then uuid: the order of all lists. */
int sc_patch_info_compare (const ScPatchInfo *a, const ScPatchInfo *b);
