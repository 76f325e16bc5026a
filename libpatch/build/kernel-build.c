/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of a kernel patch's build, one after the other, each reported. */
#include "config.h"

#include "build/kernel-build.h"

#include "base/error.h"
#include "base/io.h"
#include "build/content.h"
#include "build/kernel-bundle.h"
#include "build/kernel-compile.h"
#include "build/kernel-join.h"
#include "build/module-key.h"

#include <string.h>

typedef struct {
  const LpBuildRequest *request;
  const char *cache;
  GCancellable *cancellable;
  LpBuildProgress progress;
  gpointer user_data;
  const char *step;
  gint64 step_start; /* microseconds, monotonic */
  guint jobs;
  GPtrArray *fixes; /* LpFix */
  LpKernelTree *tree;
  char *outside; /* (nullable) our copy of the folder of a module outside of the tree */
  LpKernelAffected *affected;
  GPtrArray *objects; /* LpKernelObject */
  LpKernelJoin *join;
  LpManifest *manifest;
  GBytes *module;
} Build;

static void
report (const Build *build, const char *event, const char *text, double seconds)
{
  if (build->progress != NULL)
    build->progress (build->step, event, text, seconds, build->user_data);
}

static void
note (const char *text, gpointer user_data)
{
  report (user_data, "note", text, 0);
}

static void
begin (Build *build, const char *step, const char *text)
{
  build->step = step;
  build->step_start = g_get_monotonic_time ();
  report (build, "begin", text, 0);
}

static void
end (const Build *build, const char *text)
{
  report (build, "end", text, (double)(g_get_monotonic_time () - build->step_start) / 1e6);
}

static gboolean
load_fixes (Build *build, GError **error)
{
  GStrv patches = build->request->patches;

  build->fixes = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_fix_free);
  for (guint i = 0; patches != NULL && patches[i] != NULL; i++)
    {
      LpFix *fix = lp_fix_load (patches[i], error);
      if (fix == NULL)
        return FALSE;
      g_ptr_array_add (build->fixes, fix);
    }
  if (build->fixes->len > 0)
    return TRUE;
  lp_error_set (error, LP_ERROR_INVALID_ARGS, "give at least one --patch FILE",
                "there is no fix to build a patch from");
  return FALSE;
}

static gboolean
step_prepare (Build *build, GError **error)
{
  begin (build, "prepare",
         build->request->kernel.release != NULL ? build->request->kernel.release : "the running kernel");
  const LpBuildKernel *kernel = &build->request->kernel;
  if (kernel->module_source != NULL && !g_file_test (kernel->module_source, G_FILE_TEST_IS_DIR))
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, "--module-source takes the folder that builds the module",
                    "%s: not a folder", kernel->module_source);
      return FALSE;
    }
  if (!load_fixes (build, error)
      || (kernel->sign_key != NULL
          && !lp_module_key_check (kernel->sign_key, kernel->sign_certificate, error)))
    return FALSE;
  build->tree = lp_kernel_tree_open (build->request, build->cache, build->jobs, note, build,
                                     build->cancellable, error);
  if (build->tree == NULL)
    return FALSE;
  g_autofree char *text
      = g_strdup_printf ("linux %s%s", build->tree->version, build->tree->cached ? ", cached" : "");
  end (build, text);
  return TRUE;
}

/* A module outside of the tree is compiled in a copy: its folder stays as it is. */
static gboolean
copy_outside (Build *build, GError **error)
{
  if (build->request->kernel.module_source == NULL)
    return TRUE;
  g_autofree char *given = g_canonicalize_filename (build->request->kernel.module_source, NULL);
  g_autofree char *from = g_build_filename (given, ".", NULL);
  build->outside = g_build_filename (build->tree->workspace->source, "outside", NULL);
  return lp_kernel_tree_copy (build->tree, from, build->outside, build->cancellable, error);
}

static gboolean
step_affected (Build *build, GError **error)
{
  begin (build, "affected", "which files the fix changes, and who reads them");
  if (!copy_outside (build, error))
    return FALSE;
  build->affected
      = lp_kernel_affected_find (build->tree, build->outside != NULL ? build->outside : build->tree->source,
                                 build->fixes, build->cancellable, error);
  if (build->affected == NULL)
    return FALSE;
  for (guint i = 0; i < build->affected->dropped->len; i++)
    {
      GPtrArray *dropped = build->affected->dropped->pdata[i];
      for (guint k = 0; k < dropped->len; k++)
        {
          g_autofree char *text = g_strdup_printf ("left out: %s", (char *)dropped->pdata[k]);
          report (build, "note", text, 0);
        }
    }
  g_autofree char *text = g_strdup_printf ("%u source files", build->affected->sources->len);
  end (build, text);
  return TRUE;
}

/* Whether vmlinux was compiled from @source, among others: its debug information names it. */
static gboolean
is_built_in (const LpKernelTree *tree, const char *source)
{
  static const char *const sections[] = { ".debug_line_str", ".debug_str" };
  g_autoptr (LpElf) vmlinux = lp_elf_open (tree->vmlinux, NULL);
  g_autofree char *name = g_strconcat ("/", source, NULL);

  for (gsize i = 0; vmlinux != NULL && i < G_N_ELEMENTS (sections); i++)
    {
      gsize size;
      const LpElfSection *section = lp_elf_section_by_name (vmlinux, sections[i]);
      const guint8 *bytes = section != NULL ? lp_elf_section_data (vmlinux, section, &size) : NULL;
      if (bytes != NULL && memmem (bytes, size, name, strlen (name) + 1) != NULL)
        return TRUE;
    }
  return FALSE;
}

/* One at a time when a header brought them: what isn't part of this kernel may not even compile. */
static gboolean
compile_baselines (Build *build, GError **error)
{
  g_autoptr (GPtrArray) certain = g_ptr_array_new ();

  for (guint i = 0; i < build->affected->sources->len; i++)
    {
      const LpKernelSource *source = build->affected->sources->pdata[i];
      LpKernelObject *object = lp_kernel_object_new (source->source);
      g_ptr_array_add (build->objects, object);
      if (!source->from_header)
        g_ptr_array_add (certain, object);
    }
  if (certain->len > 0
      && !lp_kernel_compile_baseline (build->tree, build->outside, certain, build->jobs, build->cancellable,
                                      error))
    return FALSE;
  for (guint i = 0; i < build->objects->len;)
    {
      LpKernelObject *object = build->objects->pdata[i];
      g_autoptr (GPtrArray) one = g_ptr_array_new ();
      g_autoptr (GError) local = NULL;
      g_ptr_array_add (one, object);
      if (object->baseline != NULL
          || lp_kernel_compile_baseline (build->tree, build->outside, one, build->jobs, build->cancellable,
                                         &local))
        {
          i++;
          continue;
        }
      /* The patch would lack it. */
      if (g_error_matches (local, LP_ERROR, LP_ERROR_CANCELLED) || is_built_in (build->tree, object->source))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      g_autofree char *text = g_strdup_printf ("not part of this kernel: %s", object->source);
      report (build, "note", text, 0);
      g_ptr_array_remove_index (build->objects, i);
    }
  return TRUE;
}

static gboolean
step_baseline (Build *build, GError **error)
{
  begin (build, "baseline", "the original files, as the kernel's own build compiles them");
  build->objects = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_kernel_object_free);
  if (!compile_baselines (build, error))
    return FALSE;
  g_autofree char *text = g_strdup_printf ("%u objects", build->objects->len);
  end (build, text);
  return TRUE;
}

static gboolean
step_compile (Build *build, GError **error)
{
  LpKernelTree *tree = build->tree;
  gboolean ok;

  begin (build, "compile", "each twice: as it was, and fixed");
  if (!lp_kernel_compile (tree, build->objects, FALSE, build->jobs, build->cancellable, error))
    return FALSE;
  ok = TRUE;
  for (guint i = 0; ok && i < build->affected->paths->len; i++)
    ok = lp_workspace_change (tree->workspace, build->affected->paths->pdata[i],
                              build->affected->content->pdata[i], error);
  ok = ok && lp_kernel_compile (tree, build->objects, TRUE, build->jobs, build->cancellable, error);
  if (!lp_workspace_restore (tree->workspace, ok ? error : NULL) || !ok)
    return FALSE;
  end (build, "");
  return TRUE;
}

static gboolean
step_diff (Build *build, GError **error)
{
  begin (build, "diff", "what changed in machine code, and whether it can be replaced");
  build->join = lp_kernel_join_new (build->tree, build->request, build->objects, note, build,
                                    build->cancellable, error);
  if (build->join == NULL || !lp_kernel_join_compare (build->join, error))
    return FALSE;
  g_autofree char *text = g_strdup_printf ("%u functions", lp_kernel_join_count (build->join));
  end (build, text);
  begin (build, "prove", "the original functions against the shipped kernel");
  if (!lp_kernel_join_prove (build->join, error))
    return FALSE;
  g_autofree char *proven = lp_kernel_join_proof_text (build->join);
  end (build, proven);
  return TRUE;
}

static char *
step_package (Build *build, GError **error)
{
  const char *output = build->request->output != NULL ? build->request->output : ".";

  begin (build, "package", "the livepatch module");
  g_autofree char *build_id = lp_content_build_id (build->tree->vmlinux);
  g_autoptr (GPtrArray) targets = lp_kernel_join_targets (build->join);
  LpKernelBundleInput input
      = { build->request, build->tree, build->fixes, build->affected, targets, build_id };
  build->manifest = lp_kernel_bundle_describe (&input);
  build->module = lp_kernel_join_link (build->join, build->manifest, error);
  if (build->module == NULL)
    return NULL;
  if (g_cancellable_is_cancelled (build->cancellable))
    {
      lp_error_set (error, LP_ERROR_CANCELLED, NULL, "cancelled");
      return NULL;
    }
  if (!lp_content_make_directory (output, error))
    return NULL;
  g_autoptr (GPtrArray) entities = g_ptr_array_new ();
  g_ptr_array_add (entities, build->module);
  char *path = lp_bundle_write (output, build->manifest, entities, error);
  if (path != NULL)
    end (build, path);
  return path;
}

static void
build_clear (Build *build)
{
  g_clear_pointer (&build->join, lp_kernel_join_free);
  g_clear_pointer (&build->objects, g_ptr_array_unref);
  g_clear_pointer (&build->affected, lp_kernel_affected_free);
  g_clear_pointer (&build->fixes, g_ptr_array_unref);
  g_clear_pointer (&build->manifest, lp_manifest_free);
  g_clear_pointer (&build->module, g_bytes_unref);
  g_free (build->outside);
  lp_kernel_tree_close (build->tree, build->request->keep);
}

LpBuildResult *
lp_kernel_build_run (const LpBuildRequest *request, const char *cache, GCancellable *cancellable,
                     LpBuildProgress progress, gpointer user_data, GError **error)
{
  Build build = { .request = request,
                  .cache = cache,
                  .cancellable = cancellable,
                  .progress = progress,
                  .user_data = user_data };
  gint64 start = g_get_monotonic_time ();
  LpBuildResult *result = NULL;
  char *path = NULL;

  build.jobs = request->jobs > 0 ? request->jobs : g_get_num_processors ();
  if (step_prepare (&build, error) && step_affected (&build, error) && step_baseline (&build, error)
      && step_compile (&build, error) && step_diff (&build, error))
    path = step_package (&build, error);
  if (path != NULL)
    {
      result = g_new0 (LpBuildResult, 1);
      result->path = path;
      result->log = g_strdup (build.tree->workspace->log);
      result->manifest = g_steal_pointer (&build.manifest);
      result->baseline_cached = build.tree->cached;
      result->seconds = (double)(g_get_monotonic_time () - start) / 1e6;
    }
  build_clear (&build);
  return result;
}
