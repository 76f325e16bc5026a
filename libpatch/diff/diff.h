/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two object files become one patch: the stages load -> correlate -> compare -> select -> check -> prove ->
 * emit behind one call. Must not know how the objects were compiled (build/) or what happens with the entity
 * (format/bundle, user/). */
#pragma once

#include "elf/elf-file.h"
#include "format/manifest.h"

G_BEGIN_DECLS

/* One translation unit that the fix touches. All three objects are ET_REL of the target's machine. */
typedef struct {
  char *name;      /* source path relative to the tree, for messages ("src/t_stream.c") */
  LpElf *baseline; /* the object as the unchanged build made it and linked it: tells where its symbols lie in
                      the twin */
  LpElf *original; /* same source, with -ffunction-sections -fdata-sections; NULL for a new unit */
  LpElf *patched;  /* fixed source, same options as @original; NULL for a unit that the fix takes away */
} LpDiffUnit;

typedef struct {
  const char *object_name; /* "redis-check-rdb" */
  const char *uuid;        /* Patch.Uuid to put into the entity */
  LpElf *shipped;          /* the ELF file that will be patched (possibly stripped) */
  LpElf *
      twin;         /* its unstripped twin: same allocated sections. The Build-ID is normally the same too; it
                       hashes the debug      information as well, so another version of a -dev package can change it
                       (seen: libssl-dev under redis)      while all code and data are equal. So equality of every
                       allocated section except .note.gnu.build-id is      what is demanded, and an unequal Build-ID
                       goes into the proof and the warnings. The entity carries the      *shipped* file's Build-ID. */
  GPtrArray *units; /* LpDiffUnit */
  GPtrArray *libraries; /* (nullable) LpElf: the libraries that @shipped is linked with (DT_NEEDED), in that
                           order. What they define, the fix may import although @shipped doesn't yet. */
} LpDiffRequest;

typedef struct {
  GBytes *entity;       /* NULL when nothing changed in this object */
  GPtrArray *functions; /* LpManifestFunction */
  JsonNode *proof;      /* what was compared, with counts; goes into the manifest */
  GStrv warnings;       /* e.g. "main: runs once at start; a running process won't run it again" */
} LpDiffResult;

LpDiffUnit *lp_diff_unit_new (const char *name);
void lp_diff_unit_free (LpDiffUnit *unit);

/* Errors:
 *   LP_ERROR_NOTHING_TO_PATCH  no unit differs in anything but line numbers
 *   LP_ERROR_REFUSED           named reason: unit, function or variable, what was found, what would help
 *   LP_ERROR_TARGET_MISMATCH   the proof failed: the original source doesn't compile to the shipped bytes
 * (names function, offset) The result is the caller's: lp_diff_result_free(). Deterministic: equal input
 * gives equal bytes. */
LpDiffResult *lp_diff_run (const LpDiffRequest *request, GError **error);
void lp_diff_result_free (LpDiffResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpDiffResult, lp_diff_result_free)

G_END_DECLS
