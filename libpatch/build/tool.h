/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the programs of a build are, by the name of their executable, and what their command lines mean to us.
 * Pure functions over strings. Sources: GCC 12 gcc/c-family/c.opt and gcc.cc (specs), binutils 2.40 ld and as
 * manuals, clang 14 `clang -cc1 -help`. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  LP_TOOL_OTHER,
  LP_TOOL_CC1, /* cc1, cc1plus, cc1obj, cc1objplus */
  LP_TOOL_LTO1,
  LP_TOOL_AS,
  LP_TOOL_LD,      /* ld.bfd, ld.gold, lld, mold */
  LP_TOOL_CLANG,   /* driver or -cc1 */
  LP_TOOL_OBJCOPY, /* objcopy, strip: rewrites a file in place or into another */
  LP_TOOL_FOREIGN, /* distcc, icecc: compiles elsewhere, so that we can't see it */
} LpToolKind;

/* By the base name of the executable, without a target prefix ("x86_64-linux-gnu-") and a version suffix
 * ("-14"). */
LpToolKind lp_tool_kind (const char *executable);

/* Value of option @name ("-o") in @argv: the next argument or joined with it; NULL when absent. The last one
 * wins. Borrowed. */
const char *lp_tool_option (const char *const *argv, const char *name);
gboolean lp_tool_has (const char *const *argv, const char *argument);

/* Whether @option takes the next argument as its value. */
gboolean lp_tool_cc1_takes_value (const char *option);
gboolean lp_tool_clang_takes_value (const char *option);

/* Main source file of a cc1 command line, NULL when there is none ("-" for standard input). Borrowed. */
const char *lp_tool_cc1_source (const char *const *argv);
/* Whether this cc1 only preprocesses (-E, -M, -MM). */
gboolean lp_tool_cc1_preprocesses (const char *const *argv);
/* Input file of as; NULL when it reads standard input. Borrowed. */
const char *lp_tool_as_input (const char *const *argv);
/* Source and object of a clang command line that makes exactly one object; FALSE when it doesn't. Borrowed;
 * @object may be NULL for the driver's default. */
gboolean lp_tool_clang_compile (const char *const *argv, const char **source, const char **object);
/* Input and output of objcopy or strip; output equals input when it works in place. FALSE when it isn't one
 * file. */
gboolean lp_tool_objcopy_files (const char *const *argv, const char **input, const char **output);
/* Whether the command line asks for link-time optimisation. */
gboolean lp_tool_uses_lto (const char *const *argv);

/* The command line that makes the same code with every function and object in its own section, into @object,
 * and writes nothing else anywhere: dependency options are dropped, auxiliary output goes to @scratch (a
 * directory, ends in '/'). */
GStrv lp_tool_replay_cc1 (const char *const *argv, const char *assembly, const char *scratch);
GStrv lp_tool_replay_as (const char *const *argv, const char *assembly, const char *object);
GStrv lp_tool_replay_clang (const char *const *argv, const char *object);
/* The command line that writes the names of all files read (make syntax) to @output. */
GStrv lp_tool_depend_cc1 (const char *const *argv, const char *output);
GStrv lp_tool_depend_clang (const char *const *argv, const char *output, const char *object);

/* Splits the make rule that -M writes into its prerequisites. */
GStrv lp_tool_parse_depend (const char *text);

/* @argv with every readable @FILE replaced by the words in it (as GNU tools do), relative to @cwd. */
GStrv lp_tool_expand_responses (const char *const *argv, const char *cwd);

G_END_DECLS
