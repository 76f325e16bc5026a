/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verification: a link output is the twin of an installed ELF if their Build-IDs are equal, or else if all
 * allocated sections except .note.gnu.build-id are (the Build-ID hashes debug information too: redis-server
 * u7 built with libssl-dev 3.0.19 headers gets another Build-ID than with 3.0.20/3.0.22, the shipped one,
 * with identical code and data). The second case is a note, not an error.
 *
 * `syscare build`: from a source fix to a bundle directory. Runs as the calling user, never in the service.
 * Must not know the command line's syntax or the screen: it reports progress and returns. */
#pragma once

#include "diff/diff.h"
#include "format/bundle.h"

G_BEGIN_DECLS

typedef enum {
  LP_BUILD_FROM_PACKAGE, /* NAME[=VERSION], fetched with apt (or dnf) */
  LP_BUILD_FROM_DSC,     /* FILE.dsc or FILE.src.rpm */
  LP_BUILD_FROM_TREE,    /* DIR and a build command */
  LP_BUILD_FROM_KERNEL,  /* a livepatch module; see LpBuildRequest.kernel */
} LpBuildOrigin;

/* FROM_KERNEL. What isn't given is fetched from the distribution's packages of that release. */
typedef struct {
  char *release;          /* as uname -r says it; NULL: the running one */
  char *headers;          /* (nullable) folder with .config and Module.symvers of the kernel */
  char *modules;          /* (nullable) folder with the shipped modules (/lib/modules/RELEASE) */
  char *module_source;    /* (nullable) folder of a module that is built outside of the kernel's tree */
  char *sign_key;         /* (nullable) PEM, to sign the livepatch module with */
  char *sign_certificate; /* its certificate */
  gboolean replace;       /* cumulative: takes the place of all livepatches that stand */
} LpBuildKernel;

typedef struct {
  LpBuildOrigin origin;
  char *source;          /* NAME[=VERSION], FILE.dsc, or DIR; FROM_KERNEL: the kernel's tree (nullable) */
  char *build_command;   /* FROM_TREE */
  char *prepare_command; /* FROM_TREE (nullable) */
  GStrv targets;  /* installed paths, or paths relative to the built tree; NULL = every installed ELF of the
                     package's files that the fix reaches */
  GStrv patches;  /* fix files, applied in order with -p1; NULL with @to */
  char *to;       /* (nullable) instead of patches: another version of the source package, or its .dsc */
  char *name;     /* NULL: "HP001" */
  char *version;  /* of the patch itself; NULL: "1" */
  char *revision; /* its release; NULL: "1" */
  char *description;
  char *severity;
  GStrv issues;    /* NULL: CVE ids found in the patches' names and headers */
  char *output;    /* directory that gets <bundle id>/ */
  char *cache;     /* NULL: $XDG_CACHE_HOME/syscare or ~/.cache/syscare; /var/cache/syscare for root */
  char *debuginfo; /* (nullable) unstripped twin given by hand */
  char *installed; /* (nullable) take this file as the shipped ELF */
  guint jobs;      /* 0 = number of processors */
  gboolean keep;   /* keep the work folder */
  LpBuildKernel
      kernel; /* FROM_KERNEL; @debuginfo is vmlinux with symbols, @installed the shipped module then */
} LpBuildRequest;

/* @step: prepare baseline verify affected compile diff prove package; @event: begin, end, note, warning,
 * detail;
 * @text one line.
 * @seconds: for end, how long the step took. */
typedef void (*LpBuildProgress) (const char *step, const char *event, const char *text, double seconds,
                                 gpointer user_data);

typedef struct {
  char *path; /* bundle directory */
  char *log;  /* build log (kept) */
  LpManifest *manifest;
  gboolean baseline_cached;
  double seconds;
} LpBuildResult;

/* Errors: LP_ERROR_NOTHING_TO_PATCH, LP_ERROR_REFUSED, LP_ERROR_TARGET_MISMATCH, LP_ERROR_SOURCES_FAILED
 * (message names the log), LP_ERROR_TARGET_MISSING, LP_ERROR_CANCELLED, LP_ERROR_FAILED. Nothing is written
 * into output unless all of it succeeded. */
LpBuildResult *lp_build_run (const LpBuildRequest *request, GCancellable *cancellable,
                             LpBuildProgress progress, gpointer user_data, GError **error);
void lp_build_result_free (LpBuildResult *result);
/* The cache folder of a request: its own, or the default one. Caller frees. */
char *lp_build_cache (const LpBuildRequest *request);
LpBuildRequest *lp_build_request_new (void);
void lp_build_request_free (LpBuildRequest *request);

G_END_DECLS
