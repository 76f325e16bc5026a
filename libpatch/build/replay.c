/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Repeating compilations in parallel; see replay.h. */

#include "config.h"

#include "build/replay.h"

#include "base/error.h"
#include "build/command.h"
#include "build/content.h"
#include "build/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const LpTrace *trace;
  const char *folder;
  const char *log;
  int failure;
  gboolean depends; /* only the dependencies */
  GCancellable *cancellable;
  GMutex lock; /* guards error and the log file */
  GError *error;
} Work;

static GStrv
unit_environment (const LpTrace *trace, const LpTraceUnit *unit)
{
  GStrv environment = g_strdupv (g_ptr_array_index (trace->environments, unit->env));

  /* These two make the preprocessor write dependency files. */
  environment = g_environ_unsetenv (environment, "DEPENDENCIES_OUTPUT");
  environment = g_environ_unsetenv (environment, "SUNPRO_DEPENDENCIES");
  return g_environ_setenv (environment, "LC_ALL", "C.UTF-8", /* overwrite= */ TRUE);
}

static void
log_failure (Work *work, const char *name, const char *text)
{
  FILE *file = work->log != NULL ? fopen (work->log, "ae") : NULL;

  if (file == NULL)
    return;
  fprintf (file, "\n=== %s ===\n%s\n", name, text);
  fclose (file);
}

/* The first line that says "error:", else the last line. */
static char *
error_line (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (strstr (lines[i], "error:") != NULL)
      return g_strdup (lines[i]);
  return lp_command_last_line (text);
}

/* Runs one tool of a unit. The executable is given apart from argv[0], which programs may look at. */
static gboolean
run_tool (Work *work, const LpTraceUnit *unit, const char *executable, GStrv argv, GError **error)
{
  g_auto (GStrv) environment = unit_environment (work->trace, unit);
  g_auto (LpCommandResult) result = { 0 };

  g_free (argv[0]);
  argv[0] = g_strdup (executable);
  if (!lp_command_run ((const char *const *)argv, (const char *const *)environment, unit->cwd, NULL,
                       work->cancellable, &result, error))
    return FALSE;
  if (result.exit_status == 0)
    return TRUE;

  const char *name = lp_trace_relative (work->trace, unit->source);
  g_autofree char *line = error_line (result.errors);
  g_mutex_lock (&work->lock);
  log_failure (work, name, result.errors);
  g_mutex_unlock (&work->lock);
  g_autofree char *hint = work->log != NULL ? g_strdup_printf ("the log is %s", work->log) : NULL;
  lp_error_set (error, work->failure, hint, "%s: does not compile: %s", name, line);
  return FALSE;
}

char *
lp_replay_object (const char *folder, const LpTraceUnit *unit)
{
  return g_strdup_printf ("%s/%u.o", folder, unit->id);
}

static gboolean
compile_unit (Work *work, const LpTraceUnit *unit, GError **error)
{
  g_autofree char *object = lp_replay_object (work->folder, unit);
  g_autofree char *scratch = g_strdup_printf ("%s/%u-aux/", work->folder, unit->id);

  if (unit->kind == LP_UNIT_CLANG)
    {
      g_auto (GStrv) argv = lp_tool_replay_clang ((const char *const *)unit->argv, object);
      return run_tool (work, unit, unit->compiler, argv, error);
    }

  g_autofree char *assembly = g_strdup_printf ("%s/%u.s", work->folder, unit->id);
  g_auto (GStrv) compile = lp_tool_replay_cc1 ((const char *const *)unit->argv, assembly, scratch);
  g_auto (GStrv) assemble = lp_tool_replay_as ((const char *const *)unit->as_argv, assembly, object);
  if (!lp_content_make_directory (scratch, error) || !run_tool (work, unit, unit->compiler, compile, error)
      || !run_tool (work, unit, unit->assembler, assemble, error))
    return FALSE;
  unlink (assembly);
  return TRUE;
}

static gboolean
ask_depends (Work *work, LpTraceUnit *unit, GError **error)
{
  g_autofree char *rule = g_strdup_printf ("%s/%u.d", work->folder, unit->id);
  g_autofree char *object = g_strdup_printf ("%s/%u.depend.o", work->folder, unit->id);
  g_autofree char *text = NULL;
  g_autoptr (GError) local = NULL;
  const char *const *argv = (const char *const *)unit->argv;
  gboolean clang = lp_tool_kind (unit->compiler) == LP_TOOL_CLANG;
  g_auto (GStrv) command
      = clang ? lp_tool_depend_clang (argv, rule, object) : lp_tool_depend_cc1 (argv, rule);

  if (!run_tool (work, unit, unit->compiler, command, error))
    return FALSE;
  if (!g_file_get_contents (rule, &text, NULL, &local))
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s: %s", unit->source, local->message);
      return FALSE;
    }
  unlink (rule);
  unlink (object);
  g_auto (GStrv) files = lp_tool_parse_depend (text);
  for (guint i = 0; files[i] != NULL; i++)
    {
      char *path = g_canonicalize_filename (files[i], unit->cwd);
      g_free (files[i]);
      files[i] = path;
    }
  unit->depends = g_steal_pointer (&files);
  return TRUE;
}

static void
work_on_unit (gpointer data, gpointer user_data)
{
  LpTraceUnit *unit = data;
  Work *work = user_data;
  g_autoptr (GError) error = NULL;

  g_mutex_lock (&work->lock);
  gboolean failed = work->error != NULL;
  g_mutex_unlock (&work->lock);
  if (failed)
    return;
  if (work->depends ? ask_depends (work, unit, &error) : compile_unit (work, unit, &error))
    return;

  g_mutex_lock (&work->lock);
  if (work->error == NULL)
    work->error = g_steal_pointer (&error);
  g_mutex_unlock (&work->lock);
}

static gboolean
run_all (Work *work, GPtrArray *units, guint jobs, GError **error)
{
  if (!lp_content_make_directory (work->folder, error))
    return FALSE;
  g_mutex_init (&work->lock);
  GThreadPool *pool
      = g_thread_pool_new (work_on_unit, work, (gint)MAX (jobs, 1), /* exclusive= */ TRUE, NULL);
  for (guint i = 0; i < units->len; i++)
    g_thread_pool_push (pool, g_ptr_array_index (units, i), NULL);
  g_thread_pool_free (pool, /* immediate= */ FALSE, /* wait= */ TRUE);
  g_mutex_clear (&work->lock);

  if (work->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&work->error));
  return FALSE;
}

gboolean
lp_replay_compile (const LpTrace *trace, GPtrArray *units, const char *folder, const char *log, guint jobs,
                   int failure, GCancellable *cancellable, GError **error)
{
  Work work
      = { .trace = trace, .folder = folder, .log = log, .failure = failure, .cancellable = cancellable };

  return run_all (&work, units, jobs, error);
}

gboolean
lp_replay_depends (LpTrace *trace, GPtrArray *units, const char *folder, guint jobs,
                   GCancellable *cancellable, GError **error)
{
  Work work = {
    .trace = trace, .folder = folder, .failure = LP_ERROR_FAILED, .depends = TRUE, .cancellable = cancellable
  };
  g_autoptr (GPtrArray) missing = g_ptr_array_new ();

  for (guint i = 0; i < units->len; i++)
    {
      LpTraceUnit *unit = g_ptr_array_index (units, i);
      gboolean preprocessed = unit->compiler[0] != '\0' && unit->kind != LP_UNIT_LTO;
      if (unit->depends != NULL)
        continue;
      if (preprocessed)
        {
          g_ptr_array_add (missing, unit);
          continue;
        }
      const char *const only[] = { unit->source, NULL };
      unit->depends = g_strdupv ((GStrv)only);
    }
  return run_all (&work, missing, jobs, error);
}
