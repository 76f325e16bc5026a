/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* patch.json: what a bundle says about itself. Reading checks every member's type, length and form (a bundle
 * is data from outside); writing gives canonical JSON (sorted keys, two-space indent) so that equal inputs
 * give equal files. Must not know where bundles are installed. Shape: docs/patch-format.md. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

#define LP_MANIFEST_FORMAT 1
#define LP_MANIFEST_FILE "patch.json"
#define LP_MANIFEST_SEAL "manifest-digest" /* member with the SHA-256 of the canonical text without it */

typedef struct {
  char *name;
  char *kind;       /* "changed", "new" */
  gboolean carried; /* "new" ones only: not the fix's, but a changed copy of one that can't be redirected, for
                       the replaced functions that call it */
  guint64 address;  /* target address, 0 for new ones */
  guint64 size;     /* old size; new size for new ones */
  char *unit;       /* translation unit, as its STT_FILE symbol says */
  char *proof;      /* "identical": original compiles to the shipped bytes; "" for new functions */
  char *redirect;   /* "after-entry", "at-entry", "" */
} LpManifestFunction;

/* One object of the kernel that a livepatch module changes. */
typedef struct {
  char *name;     /* as the kernel names it: "vmlinux", or a module's name in /proc/modules ("nf_tables") */
  char *build_id; /* hex; "" when it has none */
} LpManifestKernelTarget;

/* What a kernel bundle says of its livepatch module. */
typedef struct {
  char *release;      /* of the kernel, as uname -r says it ("6.1.0-56-amd64") */
  char *module;       /* the livepatch module's own name, in /sys/module and /sys/kernel/livepatch */
  gboolean replace;   /* cumulative: the kernel takes away all livepatches that stand when it is enabled */
  GPtrArray *targets; /* LpManifestKernelTarget, sorted by name, at least one */
} LpManifestKernel;

typedef struct {
  char *name;         /* object name: base name of the ELF file ("redis-check-rdb"); kernel: see
                         lp_manifest_kernel_object_name() */
  char *uuid;         /* UUIDv5 (bundle id, object name) */
  char *entity;       /* file name in the bundle directory: no slash, not "..", not patch.json */
  char *digest;       /* SHA-256 of the entity, hex */
  guint64 size;       /* bytes of the entity */
  char *build_id;     /* of the target, hex; "" when the target has none */
  char *text_digest;  /* SHA-256 over the target's executable segments, hex */
  GStrv files;        /* absolute paths of the target on an installed machine; may be empty */
  gboolean installed; /* proven against an installed file; FALSE: the baseline output itself is the target */
  GPtrArray *functions; /* LpManifestFunction */
  JsonNode *proof;      /* (nullable) free-form record of what was proven, shown by `syscare inspect` */
  GStrv warnings;
  LpManifestKernel *kernel; /* exactly when the bundle's kind is "kernel". Such a bundle has one object, the
                               livepatch module, whatever number of kernel objects it changes: livepatch makes
                               the whole fix visible to a task at once, so it must be one module. @build_id is
                               vmlinux's then, which tells the kernel */
} LpManifestObject;

typedef struct {
  char *name;    /* file name of the fix */
  char *digest;  /* SHA-256, hex */
  GStrv dropped; /* "file: hunk N: why" for hunks that were left out */
} LpManifestSource;

typedef struct {
  char *id;      /* bundle UUID, derived from content */
  char *name;    /* "HP001" */
  char *version; /* of the patch itself */
  char *release;
  char *architecture;    /* "x86_64" */
  char *kind;            /* "user", "kernel" */
  char *target_source;   /* source package */
  GStrv target_packages; /* binary packages that hold the objects */
  char *target_version;  /* full version with epoch */
  char *description;
  char *severity; /* "", low, medium, high, critical */
  char *license;
  GStrv issues;       /* CVE ids */
  GStrv replaces;     /* bundle ids */
  GPtrArray *sources; /* LpManifestSource */
  GPtrArray *objects; /* LpManifestObject, sorted by name, at least one */
  GHashTable *tools;  /* char* tool -> char* version */
  char *seal; /* of a manifest that was read: SHA-256 over all of it, hex; equal seals, equal manifests */
} LpManifest;

/* Errors: LP_ERROR_PATCH_CORRUPT naming the member ("objects[1].digest: not a SHA-256 in hex"). Unknown
 * members are ignored. The text must be exactly as lp_manifest_serialize() writes it: LP_MANIFEST_SEAL tells
 * damage. */
LpManifest *lp_manifest_parse (const char *data, gssize length, GError **error);
/* Canonical JSON text, caller frees. */
char *lp_manifest_serialize (const LpManifest *manifest);
LpManifest *lp_manifest_new (void);
void lp_manifest_free (LpManifest *manifest);
LpManifestObject *lp_manifest_object_new (void);
LpManifestFunction *lp_manifest_function_new (void);
LpManifestSource *lp_manifest_source_new (void);
LpManifestKernel *lp_manifest_kernel_new (void);
LpManifestKernelTarget *lp_manifest_kernel_target_new (const char *name, const char *build_id);
void lp_manifest_object_free (LpManifestObject *object);
void lp_manifest_function_free (LpManifestFunction *function);
void lp_manifest_source_free (LpManifestSource *source);
void lp_manifest_kernel_free (LpManifestKernel *kernel);
void lp_manifest_kernel_target_free (LpManifestKernelTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpManifest, lp_manifest_free)

/* Sets @manifest->id from everything else in it (entity digests included), then each object's uuid is left
 * alone: entities carry their uuid, so the id is derived from what was known before they were emitted. See
 * lp_manifest_derive_id(). */
/* Bundle id = UUIDv5 (fixed SysCare namespace, canonical text of: name, version, release, architecture,
 * target, source patch digests, objects' names and Build-IDs). Equal inputs give an equal id. Caller frees.
 */
char *lp_manifest_derive_id (const LpManifest *manifest);
/* UUIDv5 (@bundle_id, @object_name); caller frees. NULL when @bundle_id isn't a UUID. */
char *lp_manifest_object_uuid (const char *bundle_id, const char *object_name);

/* Name of a kernel bundle's object: the names of its targets, joined by '+' ("vmlinux", "loop+vmlinux").
 * Caller frees. */
char *lp_manifest_kernel_object_name (const LpManifestKernel *kernel);

/* "redis-7.0.15-1~deb12u7/HP001/redis-check-rdb": epoch dropped. Caller frees. */
char *lp_manifest_full_name (const LpManifest *manifest, const LpManifestObject *object);

G_END_DECLS
