/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A source fix: a file of unified diffs with a header for people (DEP-3, git). Must not know what was
 * compiled. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What the fix does to one file. */
typedef struct {
  char *path; /* relative to the tree, first component stripped (-p1) */
  gboolean creates;
  gboolean removes;
  gboolean not_text; /* a rename, a mode change or a binary diff: nothing that a compile could see as text */
  char *text;        /* this part of the fix */
  guint n_hunks;
} LpFixFile;

typedef struct {
  char *name;       /* base name of the file */
  char *digest;     /* SHA-256, hex */
  char *subject;    /* first line of the description, "" when there is none */
  GStrv issues;     /* CVE ids, sorted, from the file's name and header */
  GPtrArray *files; /* LpFixFile, in order */
} LpFix;

/* Errors: LP_ERROR_SOURCES_FAILED (no diff in it, a path leaves the tree), LP_ERROR_FAILED (unreadable). */
LpFix *lp_fix_load (const char *path, GError **error);
void lp_fix_free (LpFix *fix);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpFix, lp_fix_free)

typedef enum {
  LP_FIX_APPLIED,
  LP_FIX_PARTLY,  /* some hunks failed, the others are in the file */
  LP_FIX_ALREADY, /* reversed or already applied */
  LP_FIX_NO_FILE, /* the file to change isn't there */
} LpFixOutcome;

typedef struct {
  LpFixOutcome outcome;
  GPtrArray *failed; /* char*: "src/rdb.c: hunk 2: does not match at line 123" */
  GPtrArray *notes;  /* char*: hunks that were found elsewhere than said (fuzz) */
} LpFixResult;

void lp_fix_result_free (LpFixResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpFixResult, lp_fix_result_free)

/* Applies @file in folder @scratch, which holds (copies of) the files under their relative paths. */
LpFixResult *lp_fix_apply (const LpFixFile *file, const char *scratch, GCancellable *cancellable,
                           GError **error);

G_END_DECLS
