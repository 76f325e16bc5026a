/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lp_build_run(): the steps of a build, one after the other, each reported; see build.h. Each step's work is
 * in a file of its own. */

#include "config.h"

#include "build/build.h"

#include "base/error.h"
#include "build/baseline.h"
#include "build/bundle-maker.h"
#include "build/content.h"
#include "build/difference.h"
#include "build/kernel-build.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

typedef struct {
  const LpBuildRequest *request;
  GCancellable *cancellable;
  LpBuildProgress progress;
  gpointer user_data;
  const char *step;
  gint64 step_start; /* microseconds, monotonic */

  guint jobs;
  char *cache;
  GPtrArray *fixes;
  LpSource *source;
  LpWorkspace *workspace;
  LpTrace *trace;
  LpTrace *second;
  gboolean cached;
  LpAffected *affected;
  GPtrArray *pairs;
  GPtrArray *targets;
  LpBundleDraft *draft;
} Build;

static void
report (Build *build, const char *event, const char *text, double seconds)
{
  if (build->progress != NULL)
    build->progress (build->step, event, text, seconds, build->user_data);
}

static void
note (const char *text, gpointer user_data)
{
  report (user_data, "note", text, 0);
}

static void report_format (Build *build, const char *event, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
report_format (Build *build, const char *event, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  report (build, event, text, 0);
}

static void
report_all (Build *build, const char *event, GPtrArray *texts)
{
  for (guint i = 0; i < texts->len; i++)
    report (build, event, g_ptr_array_index (texts, i), 0);
}

static void
begin (Build *build, const char *step, const char *text)
{
  build->step = step;
  build->step_start = g_get_monotonic_time ();
  report (build, "begin", text, 0);
}

static void
end (Build *build, const char *text)
{
  report (build, "end", text, (g_get_monotonic_time () - build->step_start) / 1e6);
}

char *
lp_build_cache (const LpBuildRequest *request)
{
  const char *xdg = g_getenv ("XDG_CACHE_HOME");

  if (request->cache != NULL)
    return g_canonicalize_filename (request->cache, NULL);
  if (xdg != NULL && xdg[0] == '/')
    return g_build_filename (xdg, "syscare", NULL);
  if (geteuid () == 0)
    return g_strdup ("/var/cache/syscare");
  return g_build_filename (g_get_home_dir (), ".cache", "syscare", NULL);
}

static gboolean
load_fixes (Build *build, GError **error)
{
  GStrv patches = build->request->patches;

  build->fixes = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_fix_free);
  if (build->request->to != NULL)
    return TRUE; /* made when both sources are there */
  if (patches == NULL || patches[0] == NULL)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, "give at least one --patch FILE",
                    "there is no fix to build a patch from");
      return FALSE;
    }
  for (guint i = 0; patches[i] != NULL; i++)
    {
      LpFix *fix = lp_fix_load (patches[i], error);
      if (fix == NULL)
        return FALSE;
      g_ptr_array_add (build->fixes, fix);
    }
  return TRUE;
}

/* The cached trace, if the folder is whole. What is damaged is thrown away, and said. */
static void
try_cache (Build *build)
{
  g_autoptr (GError) local = NULL;

  if (!g_file_test (build->workspace->trace, G_FILE_TEST_EXISTS))
    return;
  g_autoptr (LpTrace) trace = lp_trace_load (build->workspace->trace, &local);
  if (trace == NULL)
    {
      report_format (build, "note", "the cached build is damaged and made again (%s)", local->message);
      return;
    }
  g_autofree char *base = g_path_get_dirname (trace->tree);
  if (strcmp (base, build->workspace->source) != 0 || !g_file_test (trace->tree, G_FILE_TEST_IS_DIR))
    {
      report_format (build, "note", "the cached build's tree is gone: it is made again");
      return;
    }
  build->trace = g_steal_pointer (&trace);
  build->cached = TRUE;
}

static gboolean
step_prepare (Build *build, GError **error)
{
  LpWorkspace *workspace;

  begin (build, "prepare", build->request->source);
  if (!load_fixes (build, error))
    return FALSE;
  build->source
      = lp_source_find (build->request, build->cache, build->jobs, note, build, build->cancellable, error);
  if (build->source == NULL)
    return FALSE;
  build->workspace
      = lp_workspace_open (build->cache, build->source->key, note, build, build->cancellable, error);
  if (build->workspace == NULL)
    return FALSE;
  workspace = build->workspace;
  try_cache (build);
  if (build->cached)
    {
      end (build, build->source->package);
      return TRUE;
    }

  if (!lp_workspace_clear (workspace, error))
    return FALSE;
  g_autofree char *tree
      = lp_source_unpack (build->source, workspace->source, workspace->home, build->cancellable, error);
  if (tree == NULL
      || !lp_source_check_dependencies (build->source, tree, workspace->home, build->cancellable, error))
    return FALSE;
  build->trace = lp_trace_new (tree);
  end (build, build->source->package);
  return TRUE;
}

static gboolean
step_baseline (Build *build, GError **error)
{
  if (build->cached)
    {
      begin (build, "baseline", "unchanged build: cached");
      end (build, "cached");
      return TRUE;
    }
  begin (build, "baseline", "unchanged build, traced");
  LpBaselinePaths paths
      = { build->trace->tree, build->workspace->kept, build->workspace->log, build->workspace->home };
  LpTrace *trace = lp_baseline_build (build->source, &paths, build->cancellable, error);
  if (trace == NULL)
    return FALSE;
  lp_trace_free (build->trace);
  build->trace = trace;
  if (!lp_trace_save (build->trace, build->workspace->trace, error))
    return FALSE;
  g_autofree char *text = g_strdup_printf ("%u compilations, %u links", trace->units->len, trace->links->len);
  end (build, text);
  return TRUE;
}

/* The fix that turns this source into another version of it. */
static gboolean
make_difference (Build *build, GError **error)
{
  g_autofree char *path
      = lp_difference_make (build->source, build->request->to, build->cache, build->workspace->scratch,
                            build->workspace->home, build->cancellable, error);
  LpFix *fix = path != NULL ? lp_fix_load (path, error) : NULL;

  if (fix == NULL)
    return FALSE;
  g_ptr_array_add (build->fixes, fix);
  report_format (build, "note", "%s: %u files differ", fix->name, fix->files->len);
  return TRUE;
}

static gboolean
step_affected (Build *build, GError **error)
{
  begin (build, "affected", "which compilations read what the fix changes");
  if (build->request->to != NULL && !make_difference (build, error))
    return FALSE;
  build->affected = lp_affected_find (build->trace, build->fixes, build->workspace->scratch, build->jobs,
                                      build->cancellable, error);
  /* Dependencies were asked for even if the fix is refused: they are good for the next one. */
  if (!lp_trace_save (build->trace, build->workspace->trace, build->affected != NULL ? error : NULL)
      || build->affected == NULL)
    return FALSE;

  for (guint i = 0; i < build->affected->dropped->len; i++)
    {
      GPtrArray *dropped = g_ptr_array_index (build->affected->dropped, i);
      for (guint k = 0; k < dropped->len; k++)
        report_format (build, "note", "dropped, because no compilation reads the file: %s",
                       (char *)g_ptr_array_index (dropped, k));
    }
  for (guint i = 0; i < build->affected->ignored->len; i++)
    report_format (build, "note", "not compiled, so not part of the patch: %s",
                   (char *)g_ptr_array_index (build->affected->ignored, i));
  report_all (build, "warning", build->affected->warnings);
  for (guint i = 0; i < build->affected->units->len; i++)
    {
      const LpTraceUnit *unit = g_ptr_array_index (build->affected->units, i);
      report_format (build, "detail", "%s -> %s", lp_trace_relative (build->trace, unit->source),
                     lp_trace_relative (build->trace, unit->object));
    }
  g_autofree char *text = build->affected->rebuild != NULL
                              ? g_strdup_printf ("all: %s", build->affected->rebuild)
                              : g_strdup_printf ("%u compilations", build->affected->units->len);
  end (build, text);
  return TRUE;
}

static gboolean
step_compile (Build *build, GError **error)
{
  LpCompileContext context
      = { build->trace, build->source, build->workspace, build->jobs, build->cancellable };
  guint n_equal = 0;

  begin (build, "compile",
         build->affected->rebuild != NULL ? "the fixed tree, whole" : "each twice: as it was, and fixed");
  build->pairs = lp_compile_affected (&context, build->affected, &build->second, &n_equal, error);
  if (build->pairs == NULL)
    return FALSE;
  if (build->pairs->len == 0)
    {
      lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL,
                    "nothing to patch: the fix changes no object in this configuration (%u compiled)",
                    n_equal);
      return FALSE;
    }
  g_autofree char *text = g_strdup_printf ("%u changed, %u not", build->pairs->len, n_equal);
  end (build, text);
  return TRUE;
}

static gboolean
step_verify (Build *build, GError **error)
{
  LpBuildTargetContext context
      = { build->trace,      build->source, build->request, build->cache, build->workspace->scratch,
          build->cancellable };
  g_autoptr (GPtrArray) changed = g_ptr_array_new ();
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);

  begin (build, "verify", "the rebuilt files against the installed ones");
  for (guint i = 0; i < build->pairs->len; i++)
    {
      const LpPair *pair = g_ptr_array_index (build->pairs, i);
      if (pair->base != NULL)
        g_ptr_array_add (changed, pair->base);
    }
  build->targets = lp_build_targets_find (&context, changed, notes, error);
  report_all (build, "note", notes);
  if (build->targets == NULL)
    return FALSE;
  for (guint i = 0; i < build->targets->len; i++)
    {
      const LpBuildTarget *target = g_ptr_array_index (build->targets, i);
      if (!target->installed)
        report_format (build, "warning",
                       "%s: no installed file to compare with, the unchanged build's output is the target",
                       target->name);
    }
  g_autofree char *text
      = g_strdup_printf ("%u target%s", build->targets->len, build->targets->len == 1 ? "" : "s");
  end (build, text);
  return TRUE;
}

static gboolean
steps_diff_and_prove (Build *build, const LpBundleInput *input, GError **error)
{
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  guint n_functions = 0;

  begin (build, "diff", "what changed in machine code, and whether it can be replaced");
  build->draft = lp_bundle_make (input, notes, error);
  report_all (build, "note", notes);
  if (build->draft == NULL)
    return FALSE;
  for (guint i = 0; i < build->draft->manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (build->draft->manifest->objects, i);
      n_functions += object->functions->len;
      for (guint k = 0; object->warnings != NULL && object->warnings[k] != NULL; k++)
        report_format (build, "warning", "%s: %s", object->name, object->warnings[k]);
    }
  g_autofree char *text = g_strdup_printf ("%u function%s", n_functions, n_functions == 1 ? "" : "s");
  end (build, text);

  begin (build, "prove", "the patch read back as it will be used");
  if (!lp_bundle_prove (input, build->draft, error))
    return FALSE;
  end (build, "for the installed files' Build-IDs");
  return TRUE;
}

static char *
step_package (Build *build, GError **error)
{
  begin (build, "package", build->draft->manifest->id);
  if (g_cancellable_is_cancelled (build->cancellable))
    {
      lp_error_set (error, LP_ERROR_CANCELLED, NULL, "cancelled");
      return NULL;
    }
  const char *output = build->request->output != NULL ? build->request->output : ".";
  if (!lp_content_make_directory (output, error))
    return NULL;
  char *path = lp_bundle_write (output, build->draft->manifest, build->draft->entities, error);
  if (path != NULL)
    end (build, path);
  return path;
}

static char *
run_steps (Build *build, GError **error)
{
  if (!step_prepare (build, error) || !step_baseline (build, error) || !step_affected (build, error)
      || !step_compile (build, error) || !step_verify (build, error))
    return NULL;
  LpBundleInput input = { build->request, build->source,   build->trace, build->second,
                          build->fixes,   build->affected, build->pairs, build->targets };
  return steps_diff_and_prove (build, &input, error) ? step_package (build, error) : NULL;
}

static void
build_clear (Build *build)
{
  g_clear_pointer (&build->draft, lp_bundle_draft_free);
  g_clear_pointer (&build->targets, g_ptr_array_unref);
  g_clear_pointer (&build->pairs, g_ptr_array_unref);
  g_clear_pointer (&build->affected, lp_affected_free);
  g_clear_pointer (&build->second, lp_trace_free);
  g_clear_pointer (&build->trace, lp_trace_free);
  g_clear_pointer (&build->source, lp_source_free);
  g_clear_pointer (&build->fixes, g_ptr_array_unref);
  lp_workspace_close (build->workspace, build->request->keep);
  g_free (build->cache);
}

LpBuildResult *
lp_build_run (const LpBuildRequest *request, GCancellable *cancellable, LpBuildProgress progress,
              gpointer user_data, GError **error)
{
  Build build
      = { .request = request, .cancellable = cancellable, .progress = progress, .user_data = user_data };
  gint64 start = g_get_monotonic_time ();
  LpBuildResult *result = NULL;

  if (request->origin == LP_BUILD_FROM_KERNEL)
    {
      g_autofree char *cache = lp_build_cache (request);
      return lp_kernel_build_run (request, cache, cancellable, progress, user_data, error);
    }
  build.jobs = request->jobs > 0 ? request->jobs : g_get_num_processors ();
  build.cache = lp_build_cache (request);
  char *path = run_steps (&build, error);
  if (path != NULL)
    {
      result = g_new0 (LpBuildResult, 1);
      result->path = path;
      result->log = g_strdup (build.workspace->log);
      result->manifest = g_steal_pointer (&build.draft->manifest);
      result->baseline_cached = build.cached;
      result->seconds = (g_get_monotonic_time () - start) / 1e6;
    }
  build_clear (&build);
  return result;
}

void
lp_build_result_free (LpBuildResult *result)
{
  if (result == NULL)
    return;
  g_free (result->path);
  g_free (result->log);
  g_clear_pointer (&result->manifest, lp_manifest_free);
  g_free (result);
}

LpBuildRequest *
lp_build_request_new (void)
{
  return g_new0 (LpBuildRequest, 1);
}

void
lp_build_request_free (LpBuildRequest *request)
{
  if (request == NULL)
    return;
  g_free (request->source);
  g_free (request->to);
  g_free (request->build_command);
  g_free (request->prepare_command);
  g_strfreev (request->targets);
  g_strfreev (request->patches);
  g_free (request->name);
  g_free (request->version);
  g_free (request->revision);
  g_free (request->description);
  g_free (request->severity);
  g_strfreev (request->issues);
  g_free (request->output);
  g_free (request->cache);
  g_free (request->debuginfo);
  g_free (request->installed);
  g_free (request->kernel.release);
  g_free (request->kernel.headers);
  g_free (request->kernel.modules);
  g_free (request->kernel.module_source);
  g_free (request->kernel.sign_key);
  g_free (request->kernel.sign_certificate);
  g_free (request);
}
