/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one build did, as far as a hot patch needs to know: which sources were compiled how into which object,
 * and which objects went into which ELF file; kept as JSON next to the tree that it describes. Must not know
 * how it was observed (recorder) or what will be done with it. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

#define LP_TRACE_FORMAT 1

typedef enum {
  LP_UNIT_GCC,      /* cc1 (or cc1plus, ...) followed by as */
  LP_UNIT_CLANG,    /* one process that writes the object: clang -cc1, or the driver with one source */
  LP_UNIT_ASSEMBLY, /* as alone, or cc1 only as its preprocessor */
  LP_UNIT_LTO,      /* as after lto1: code of many sources */
} LpUnitKind;

/* One compilation: one source became one object. */
typedef struct {
  guint id;
  LpUnitKind kind;
  char *source; /* absolute path of the main source file; "" for LTO */
  char *cwd;
  char *compiler;  /* executable of argv */
  GStrv argv;      /* of cc1 or clang; empty for plain assembly */
  char *assembler; /* executable of as_argv; "" for clang */
  GStrv as_argv;
  guint env;     /* index in LpTrace.environments */
  char *object;  /* absolute path at the time */
  char *digest;  /* SHA-256 of the object as it was when its last tool ended */
  char *kept;    /* file that still holds these bytes */
  GStrv depends; /* absolute paths of everything the preprocessor read; NULL: not asked yet */
} LpTraceUnit;

/* One output of the linker. */
typedef struct {
  char *path;           /* absolute path at the time */
  gboolean relocatable; /* ld -r */
  char *digest;
  char *kept;
  char *build_id; /* hex, "" when there is none */
  GStrv inputs;   /* digests of all objects and archive members that it was given */
} LpTraceLink;

/* An object that some other tool (objcopy, strip) rewrote: @to isn't what the assembler wrote. */
typedef struct {
  char *tool;
  char *path;
  char *from; /* digests */
  char *to;
} LpTraceRewrite;

/* An ELF file in the folder of a binary package as the build left it. */
typedef struct {
  char *package;
  char *path;     /* as installed: "/usr/bin/redis-check-rdb" */
  char *build_id; /* hex, "" when there is none */
  char *link;     /* symbolic link: the installed path that it ends at; "" for a regular file */
} LpTracePackaged;

typedef struct {
  char *tree;              /* absolute path of the built tree */
  GPtrArray *units;        /* LpTraceUnit, index = id */
  GPtrArray *links;        /* LpTraceLink */
  GPtrArray *rewrites;     /* LpTraceRewrite */
  GPtrArray *packaged;     /* LpTracePackaged */
  GPtrArray *environments; /* GStrv */
  GPtrArray *refusals;     /* char*: tools that were met and that make the trace incomplete */
  gboolean reads_known;    /* the file system told which files were read */
  GHashTable *files_read;  /* char* path relative to tree: read by some process of the build */
  GHashTable *tools;       /* char* name -> char* version line */
  /*< private >*/
  GHashTable *by_digest; /* char* -> GPtrArray of LpTraceUnit*, made when first asked */
} LpTrace;

LpTrace *lp_trace_new (const char *tree);
void lp_trace_free (LpTrace *trace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpTrace, lp_trace_free)
LpTraceUnit *lp_trace_add_unit (LpTrace *trace);
LpTraceLink *lp_trace_add_link (LpTrace *trace);
LpTraceRewrite *lp_trace_add_rewrite (LpTrace *trace);
LpTracePackaged *lp_trace_add_packaged (LpTrace *trace);
guint lp_trace_add_environment (LpTrace *trace, const char *const *environment);

/* Path of @unit's source relative to the tree when it lies inside, else as it is; borrowed. */
const char *lp_trace_relative (const LpTrace *trace, const char *path);

/* All units whose objects went into @link, through relocatable links and recorded rewrites too (array of
 * LpTraceUnit*, borrowed, sorted by id). @foreign (nullable) gets the digests of inputs that no traced tool
 * of this build wrote. */
GPtrArray *lp_trace_link_units (const LpTrace *trace, const LpTraceLink *link, GPtrArray *foreign);
/* The rewrite that turned @unit's object into something else before it was linked, or NULL. */
const LpTraceRewrite *lp_trace_unit_rewrite (const LpTrace *trace, const LpTraceUnit *unit);

/* Writes @path in one step (temporary file, rename). */
gboolean lp_trace_save (const LpTrace *trace, const char *path, GError **error);
/* Errors: LP_ERROR_STATE_CORRUPT (malformed or of another format). */
LpTrace *lp_trace_load (const char *path, GError **error);

G_END_DECLS
