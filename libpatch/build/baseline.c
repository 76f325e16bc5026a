/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The traced build, and what can be seen of it afterwards: files read, packages' folders; see baseline.h. */

#include "config.h"

#include "build/baseline.h"

#include "base/error.h"
#include "base/io.h"
#include "build/command.h"
#include "build/content.h"
#include "build/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* How much of the end of a log is searched for error lines: bytes. */
#define LOG_TAIL 65536

typedef void (*FileVisitor) (const char *path, const struct stat *st, gpointer user_data);

static void
visit_files (const char *folder, FileVisitor visit, gpointer user_data)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      struct stat st;
      if (lstat (path, &st) < 0)
        continue;
      if (S_ISDIR (st.st_mode))
        visit_files (path, visit, user_data);
      else
        visit (path, &st, user_data);
    }
}

static GStrv
build_environment (const LpSource *source, const char *home)
{
  GStrv environment = lp_command_environment (home);

  for (guint i = 0; source->settings[i] != NULL; i++)
    {
      g_auto (GStrv) pair = g_strsplit (source->settings[i], "=", 2);
      environment = g_environ_setenv (environment, pair[0], pair[1], /* overwrite= */ TRUE);
    }
  return environment;
}

/* The end of the log, to be searched for what went wrong. */
static char *
log_tail (const char *log)
{
  LP_AUTO_FD int fd = open (log, O_RDONLY | O_CLOEXEC);
  g_autofree char *buffer = g_malloc0 (LOG_TAIL + 1);
  struct stat st;

  if (fd < 0 || fstat (fd, &st) < 0)
    return g_strdup ("");
  gssize n = pread (fd, buffer, LOG_TAIL, MAX (st.st_size - LOG_TAIL, 0));
  return n > 0 ? g_utf8_make_valid (buffer, n) : g_strdup ("");
}

/* The last lines that name an error (at most three, on one line), else the last line. */
static char *
error_lines (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GPtrArray) found = g_ptr_array_new ();

  for (guint i = g_strv_length (lines); i > 0 && found->len < 3; i--)
    {
      const char *line = g_strstrip (lines[i - 1]);
      if (strstr (line, "error:") != NULL || strstr (line, "Error ") != NULL
          || strstr (line, "undefined reference") != NULL)
        g_ptr_array_insert (found, 0, (gpointer)line);
    }
  if (found->len == 0)
    return lp_command_last_line (text);
  g_ptr_array_add (found, NULL);
  return g_strjoinv (" | ", (GStrv)found->pdata);
}

static gboolean
build_failed (int status, const LpBaselinePaths *paths, GError **error)
{
  g_autofree char *tail = log_tail (paths->log);
  g_autofree char *lines = error_lines (tail);
  g_autofree char *hint = g_strdup_printf ("the log is %s", paths->log);

  if (WIFEXITED (status))
    lp_error_set (error, LP_ERROR_SOURCES_FAILED, hint, "the build failed with status %d: %s",
                  WEXITSTATUS (status), lines);
  else
    lp_error_set (error, LP_ERROR_SOURCES_FAILED, hint, "the build was ended by signal %d: %s",
                  WTERMSIG (status), lines);
  return FALSE;
}

static gboolean
run_traced (GStrv command, GStrv environment, const LpBaselinePaths *paths, LpRecorder *recorder,
            GCancellable *cancellable, GError **error)
{
  LP_AUTO_FD int log = open (paths->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  int status = 0;

  if (log < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s", paths->log);
      return FALSE;
    }
  if (!lp_tracer_run ((const char *const *)command, (const char *const *)environment, paths->tree, log,
                      &lp_recorder_events, recorder, cancellable, &status, error))
    return FALSE;
  return WIFEXITED (status) && WEXITSTATUS (status) == 0 ? TRUE : build_failed (status, paths, error);
}

typedef struct {
  LpTrace *trace;
  const char *package;
  const char *root; /* debian/PACKAGE */
} Package;

static void
add_packaged (const char *path, const struct stat *st, gpointer user_data)
{
  Package *package = user_data;
  const char *installed = path + strlen (package->root);
  g_autofree char *link = NULL;

  if (g_str_has_prefix (installed, "/DEBIAN/"))
    return;
  if (S_ISLNK (st->st_mode))
    {
      g_autofree char *target = g_file_read_link (path, NULL);
      g_autofree char *folder = g_path_get_dirname (installed);
      if (target == NULL)
        return;
      link = g_canonicalize_filename (target, folder);
    }
  else if (!S_ISREG (st->st_mode) || lp_content_kind (path) != LP_CONTENT_PROGRAM)
    return;

  LpTracePackaged *packaged = lp_trace_add_packaged (package->trace);
  packaged->package = g_strdup (package->package);
  packaged->path = g_strdup (installed);
  packaged->build_id = link == NULL ? lp_content_build_id (path) : g_strdup ("");
  packaged->link = link != NULL ? g_steal_pointer (&link) : g_strdup ("");
}

/* debian/PACKAGE/DEBIAN/control is there for what became a binary package. */
static void
find_packaged (LpTrace *trace)
{
  g_autofree char *debian = g_build_filename (trace->tree, "debian", NULL);
  g_autoptr (GDir) dir = g_dir_open (debian, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *root = g_build_filename (debian, name, NULL);
      g_autofree char *control = g_build_filename (root, "DEBIAN", "control", NULL);
      Package package = { trace, name, root };
      if (g_file_test (control, G_FILE_TEST_EXISTS))
        visit_files (root, add_packaged, &package);
    }
}

static gboolean
check_trace (const LpTrace *trace, GError **error)
{
  if (trace->refusals->len > 0)
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, "call the compiler directly",
                    "the build uses %s, which compiles where it can't be traced",
                    (char *)g_ptr_array_index (trace->refusals, 0));
      return FALSE;
    }
  if (trace->units->len == 0)
    {
      lp_error_set (error, LP_ERROR_SOURCES_FAILED,
                    "start from a clean tree: what is already built isn't compiled again",
                    "the build compiled nothing");
      return FALSE;
    }
  return TRUE;
}

LpTrace *
lp_baseline_build (const LpSource *source, const LpBaselinePaths *paths, GCancellable *cancellable,
                   GError **error)
{
  g_autoptr (LpTrace) trace = lp_trace_new (paths->tree);
  g_autoptr (LpRecorder) recorder = lp_recorder_new (trace, paths->kept);
  g_auto (GStrv) environment = build_environment (source, paths->home);
  g_autoptr (LpReads) reads = lp_reads_new (paths->tree, paths->home);
  GHashTableIter iter;
  gpointer name, version;

  trace->reads_known = lp_reads_known (reads);
  lp_recorder_watch_reads (recorder, reads);
  if (source->prepare != NULL
      && !run_traced (source->prepare, environment, paths, recorder, cancellable, error))
    return NULL;
  if (!run_traced (source->command, environment, paths, recorder, cancellable, error)
      || !lp_recorder_finish (recorder, error) || !check_trace (trace, error))
    return NULL;

  lp_reads_collect (reads, trace->files_read);
  if (source->dsc != NULL)
    find_packaged (trace);
  g_hash_table_iter_init (&iter, source->tools);
  while (g_hash_table_iter_next (&iter, &name, &version))
    g_hash_table_insert (trace->tools, g_strdup (name), g_strdup (version));
  return g_steal_pointer (&trace);
}
