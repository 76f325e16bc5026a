/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small source trees to build patches from: written by a test, changed by a fix, thrown away. */
#pragma once

#include "base/error.h"
#include "build/build.h"

typedef struct {
  char *folder; /* everything of this test */
  char *tree;   /* folder/tool-1.0 */
  char *fix;    /* folder/fix.patch */
  char *output;
  char *cache;
  GString *log; /* what was reported, "step event text" lines */
  GCancellable *cancellable;
  char *build; /* build command */
  char *installed;
  char *debuginfo;
  char *target;
} Toy;

Toy *toy_new (void);
void toy_free (Toy *toy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Toy, toy_free)

/* Writes @text as @name into the tree, making folders. */
void toy_write (Toy *toy, const char *name, const char *text);
/* Like the file before, but in a copy: toy_make_fix() writes the difference as the fix. */
void toy_fix (Toy *toy, const char *name, const char *text);
void toy_make_fix (Toy *toy);
/* The usual program: main.c calls answer() in answer.c, which includes answer.h; Makefile with @flags; the
 * fix changes answer(). */
void toy_usual (Toy *toy, const char *flags);

/* Runs @command in the test's folder and demands success. */
char *toy_run (Toy *toy, const char *command);
LpBuildResult *toy_build (Toy *toy, GError **error);
/* Builds and demands success: the functions of all objects, sorted, "object:function" separated by blanks. */
char *toy_functions (Toy *toy);
/* Builds and demands failure with @code and all of @words (NULL-terminated) in the message. */
void toy_refused (Toy *toy, int code, ...) G_GNUC_NULL_TERMINATED;
