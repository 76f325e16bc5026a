/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From held processes to units and links; see recorder.h. */

#include "config.h"

#include "build/recorder.h"

#include "base/error.h"
#include "build/content.h"
#include "build/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A tool that runs, or a compiler whose assembly was not yet assembled. */
typedef struct {
  pid_t parent;
  LpToolKind kind;
  char *executable;
  GStrv argv; /* response files expanded */
  char *cwd;
  guint env;
  char *before; /* objcopy: digest of its input */
} Running;

struct LpRecorder {
  LpTrace *trace;
  char *store;
  GHashTable *running;    /* pid -> Running */
  GHashTable *assemblies; /* char* path of a .s file -> Running of the compiler that writes it */
  GHashTable *pipes;      /* parent pid -> Running of the compiler that writes to a pipe */
  GHashTable *archives;   /* char* stat key -> GPtrArray of digests */
  LpReads *reads;         /* borrowed, may be NULL */
  GHashTable *digesting;  /* pids of tools whose reads don't count */
  guint n_kept;
  GError *error;
};

static void
running_free (Running *running)
{
  g_free (running->executable);
  g_strfreev (running->argv);
  g_free (running->cwd);
  g_free (running->before);
  g_free (running);
}

static Running *
running_copy (const Running *running)
{
  Running *copy = g_memdup2 (running, sizeof *running);

  copy->executable = g_strdup (running->executable);
  copy->argv = g_strdupv (running->argv);
  copy->cwd = g_strdup (running->cwd);
  copy->before = g_strdup (running->before);
  return copy;
}

LpRecorder *
lp_recorder_new (LpTrace *trace, const char *store)
{
  LpRecorder *recorder = g_new0 (LpRecorder, 1);

  recorder->trace = trace;
  recorder->store = g_strdup (store);
  recorder->digesting = g_hash_table_new (NULL, NULL);
  recorder->running = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)running_free);
  recorder->assemblies
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)running_free);
  recorder->pipes = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)running_free);
  recorder->archives
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  return recorder;
}

void
lp_recorder_free (LpRecorder *recorder)
{
  if (recorder == NULL)
    return;
  g_hash_table_unref (recorder->digesting);
  g_hash_table_unref (recorder->running);
  g_hash_table_unref (recorder->assemblies);
  g_hash_table_unref (recorder->pipes);
  g_hash_table_unref (recorder->archives);
  g_clear_error (&recorder->error);
  g_free (recorder->store);
  g_free (recorder);
}

gboolean
lp_recorder_finish (LpRecorder *recorder, GError **error)
{
  if (recorder->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&recorder->error));
  return FALSE;
}

/* Only the first one is kept: it is the cause. */
static void
take_error (LpRecorder *recorder, GError *error)
{
  if (recorder->error == NULL)
    recorder->error = error;
  else
    g_error_free (error);
}

/* /proc/PID/cmdline or environ: NUL-terminated strings. */
static GStrv
read_strings (pid_t pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/%s", pid, name);
  g_autofree char *data = NULL;
  GPtrArray *strings = g_ptr_array_new ();
  gsize size = 0;

  if (g_file_get_contents (path, &data, &size, NULL))
    for (gsize at = 0; at < size; at += strlen (data + at) + 1)
      g_ptr_array_add (strings, g_strdup (data + at));
  g_ptr_array_add (strings, NULL);
  return (GStrv)g_ptr_array_free (strings, FALSE);
}

static char *
read_link (pid_t pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/%s", pid, name);
  char target[4096];
  gssize n = readlink (path, target, sizeof target - 1);

  return n > 0 ? g_strndup (target, n) : NULL;
}

static pid_t
read_parent (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  /* The name in parentheses may hold anything: what we want stands behind the last one. "S PPID". */
  const char *end = strrchr (text, ')');
  return end != NULL && strlen (end) > 4 ? atoi (end + 4) : 0;
}

static char *
absolute (const Running *running, const char *path)
{
  return g_canonicalize_filename (path, running->cwd);
}

/* A compiler starts: note which assembly it will write, so that its assembler can be recognised. */
static void
expect_assembly (LpRecorder *recorder, const Running *running)
{
  const char *output = lp_tool_option ((const char *const *)running->argv, "-o");

  if (output == NULL || lp_tool_has ((const char *const *)running->argv, "-fsyntax-only"))
    return;
  if (strcmp (output, "-") == 0)
    g_hash_table_replace (recorder->pipes, GINT_TO_POINTER (running->parent), running_copy (running));
  else
    g_hash_table_replace (recorder->assemblies, absolute (running, output), running_copy (running));
}

void
lp_recorder_watch_reads (LpRecorder *recorder, LpReads *reads)
{
  recorder->reads = reads;
}

/* Whether @pid is the md5sum by which dh_autoreconf learns what autoreconf will have changed:
 * dh_autoreconf -> find -> md5sum, and nothing else runs meanwhile. */
static gboolean
takes_digests (pid_t pid, const char *executable)
{
  if (!g_str_has_suffix (executable, "/md5sum"))
    return FALSE;
  for (guint depth = 0; depth < 3 && pid > 1; depth++)
    {
      pid = read_parent (pid);
      g_auto (GStrv) argv = read_strings (pid, "cmdline");
      for (guint i = 0; i < 3 && argv[i] != NULL; i++)
        if (g_str_has_suffix (argv[i], "dh_autoreconf"))
          return TRUE;
    }
  return FALSE;
}

static void
handle_exec (pid_t pid, gpointer user_data)
{
  LpRecorder *recorder = user_data;
  g_autofree char *executable = read_link (pid, "exe");
  LpToolKind kind = executable != NULL ? lp_tool_kind (executable) : LP_TOOL_OTHER;

  g_hash_table_remove (recorder->running, GINT_TO_POINTER (pid));
  if (kind == LP_TOOL_OTHER && recorder->reads != NULL && executable != NULL
      && takes_digests (pid, executable) && g_hash_table_add (recorder->digesting, GINT_TO_POINTER (pid)))
    lp_reads_pause (recorder->reads);
  if (kind == LP_TOOL_OTHER)
    return;
  if (kind == LP_TOOL_FOREIGN)
    {
      g_ptr_array_add (recorder->trace->refusals, g_strdup (executable));
      return;
    }

  Running *running = g_new0 (Running, 1);
  running->kind = kind;
  running->parent = read_parent (pid);
  running->cwd = read_link (pid, "cwd");
  if (running->cwd == NULL)
    running->cwd = g_strdup ("/");
  g_auto (GStrv) argv = read_strings (pid, "cmdline");
  running->argv = lp_tool_expand_responses ((const char *const *)argv, running->cwd);
  g_auto (GStrv) environment = read_strings (pid, "environ");
  running->env = lp_trace_add_environment (recorder->trace, (const char *const *)environment);
  running->executable = g_steal_pointer (&executable);
  g_hash_table_insert (recorder->running, GINT_TO_POINTER (pid), running);

  const char *input = NULL, *output = NULL;
  if (kind == LP_TOOL_CC1 || kind == LP_TOOL_LTO1)
    expect_assembly (recorder, running);
  else if (kind == LP_TOOL_OBJCOPY
           && lp_tool_objcopy_files ((const char *const *)running->argv, &input, &output))
    {
      g_autofree char *path = absolute (running, input);
      if (lp_content_kind (path) == LP_CONTENT_OBJECT)
        running->before = lp_content_digest (path, NULL);
    }
}

/* A file name in the store that nothing has yet. */
static char *
next_kept (LpRecorder *recorder, const char *path)
{
  g_autofree char *base = g_path_get_basename (path);

  return g_strdup_printf ("%s/%u-%s", recorder->store, recorder->n_kept++, base);
}

/* Digest and kept copy of a finished output; FALSE when there is nothing (the tool wrote to /dev/null, say).
 */
static gboolean
keep_output (LpRecorder *recorder, const char *path, gboolean may_link, char **digest, char **kept)
{
  g_autoptr (GError) error = NULL;
  struct stat st;

  if (stat (path, &st) < 0 || !S_ISREG (st.st_mode) || st.st_size == 0)
    return FALSE;
  *kept = next_kept (recorder, path);
  *digest = lp_content_digest (path, &error);
  if (*digest != NULL && lp_content_keep (path, *kept, may_link, &error))
    return TRUE;
  take_error (recorder, g_steal_pointer (&error));
  g_clear_pointer (digest, g_free);
  g_clear_pointer (kept, g_free);
  return FALSE;
}

static LpTraceUnit *
add_unit (LpRecorder *recorder, const Running *running, const char *object)
{
  g_autofree char *digest = NULL;
  g_autofree char *kept = NULL;

  if (!keep_output (recorder, object, /* may_link= */ TRUE, &digest, &kept))
    return NULL;
  LpTraceUnit *unit = lp_trace_add_unit (recorder->trace);
  unit->cwd = g_strdup (running->cwd);
  unit->env = running->env;
  unit->object = g_strdup (object);
  unit->digest = g_steal_pointer (&digest);
  unit->kept = g_steal_pointer (&kept);
  unit->assembler = g_strdup ("");
  unit->as_argv = g_new0 (char *, 1);
  unit->argv = g_new0 (char *, 1);
  unit->compiler = g_strdup ("");
  unit->source = g_strdup ("");
  return unit;
}

static void
set_compiler (LpTraceUnit *unit, const Running *compiler, const char *source)
{
  g_free (unit->source);
  unit->source = source != NULL ? absolute (compiler, source) : g_strdup ("");
  g_free (unit->compiler);
  unit->compiler = g_strdup (compiler->executable);
  g_strfreev (unit->argv);
  unit->argv = g_strdupv (compiler->argv);
  unit->env = compiler->env;
}

/* The compiler whose assembly this assembler read; NULL for hand-written assembly. */
static const Running *
find_compiler (LpRecorder *recorder, const Running *assembler, const char *input)
{
  if (input == NULL || strcmp (input, "-") == 0)
    return g_hash_table_lookup (recorder->pipes, GINT_TO_POINTER (assembler->parent));
  g_autofree char *path = absolute (assembler, input);
  return g_hash_table_lookup (recorder->assemblies, path);
}

static void
assembler_ended (LpRecorder *recorder, const Running *running)
{
  const char *const *argv = (const char *const *)running->argv;
  const char *output = lp_tool_option (argv, "-o");
  const char *input = lp_tool_as_input (argv);
  g_autofree char *object = absolute (running, output != NULL ? output : "a.out");
  LpTraceUnit *unit = add_unit (recorder, running, object);

  if (unit == NULL)
    return;
  g_free (unit->assembler);
  unit->assembler = g_strdup (running->executable);
  g_strfreev (unit->as_argv);
  unit->as_argv = g_strdupv (running->argv);

  const Running *compiler = find_compiler (recorder, running, input);
  unit->kind = LP_UNIT_ASSEMBLY;
  if (compiler == NULL)
    {
      g_free (unit->source);
      unit->source = input != NULL ? absolute (running, input) : g_strdup ("");
      return;
    }
  const char *const *compiler_argv = (const char *const *)compiler->argv;
  g_free (unit->cwd);
  unit->cwd = g_strdup (compiler->cwd);
  set_compiler (unit, compiler, lp_tool_cc1_source (compiler_argv));
  if (compiler->kind == LP_TOOL_LTO1)
    unit->kind = LP_UNIT_LTO;
  else if (!lp_tool_cc1_preprocesses (compiler_argv))
    unit->kind = LP_UNIT_GCC;
}

static void
clang_ended (LpRecorder *recorder, const Running *running)
{
  const char *source, *output;

  if (!lp_tool_clang_compile ((const char *const *)running->argv, &source, &output))
    return;
  g_autofree char *stem = g_path_get_basename (source);
  char *dot = strrchr (stem, '.');
  if (dot != NULL)
    *dot = '\0';
  g_autofree char *fallback = g_strconcat (stem, ".o", NULL);
  g_autofree char *object = absolute (running, output != NULL ? output : fallback);
  /* The driver's jobs are recorded by themselves: its own end would be the same object again. */
  for (guint i = recorder->trace->units->len; i > 0; i--)
    {
      const LpTraceUnit *other = g_ptr_array_index (recorder->trace->units, i - 1);
      g_autofree char *digest = strcmp (other->object, object) == 0 ? lp_content_digest (object, NULL) : NULL;
      if (digest != NULL && strcmp (digest, other->digest) == 0)
        return;
    }

  LpTraceUnit *unit = add_unit (recorder, running, object);
  if (unit == NULL)
    return;
  set_compiler (unit, running, source);
  gboolean assembly = g_str_has_suffix (source, ".s") || g_str_has_suffix (source, ".S");
  unit->kind = assembly ? LP_UNIT_ASSEMBLY : LP_UNIT_CLANG;
}

/* Archives are linked again and again while they stay the same: their digests are remembered by inode and
 * change times. */
static GPtrArray *
archive_digests (LpRecorder *recorder, const char *path)
{
  g_autoptr (GPtrArray) digests = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  struct stat st;

  if (stat (path, &st) < 0)
    return NULL;
  char *key = g_strdup_printf ("%lx:%lx:%lx:%ld.%09ld:%ld.%09ld", (gulong)st.st_dev, (gulong)st.st_ino,
                               (gulong)st.st_size, (glong)st.st_mtim.tv_sec, (glong)st.st_mtim.tv_nsec,
                               (glong)st.st_ctim.tv_sec, (glong)st.st_ctim.tv_nsec);
  GPtrArray *known = g_hash_table_lookup (recorder->archives, key);
  if (known != NULL)
    {
      g_free (key);
      return known;
    }
  if (!lp_content_archive_digests (path, digests, &error))
    take_error (recorder, g_steal_pointer (&error));
  g_hash_table_insert (recorder->archives, key, g_ptr_array_ref (digests));
  return digests;
}

static void
add_input (LpRecorder *recorder, const char *path, GPtrArray *inputs)
{
  LpContentKind kind = lp_content_kind (path);

  if (kind == LP_CONTENT_OBJECT)
    {
      char *digest = lp_content_digest (path, NULL);
      if (digest != NULL)
        g_ptr_array_add (inputs, digest);
    }
  if (kind != LP_CONTENT_ARCHIVE)
    return;
  GPtrArray *digests = archive_digests (recorder, path);
  for (guint i = 0; digests != NULL && i < digests->len; i++)
    g_ptr_array_add (inputs, g_strdup (g_ptr_array_index (digests, i)));
}

/* -lNAME: the first folder of -L that has libNAME.so or libNAME.a decides. System libraries are foreign to
 * the build: leaving them out is safe, what they hold was never a unit. */
static void
add_library (LpRecorder *recorder, const Running *running, const char *name, GPtrArray *inputs)
{
  for (guint i = 1; running->argv[i] != NULL; i++)
    {
      const char *folder = NULL;
      if (g_str_has_prefix (running->argv[i], "-L"))
        folder = running->argv[i][2] != '\0' ? running->argv[i] + 2 : running->argv[i + 1];
      else if (g_str_has_prefix (running->argv[i], "--library-path="))
        folder = running->argv[i] + strlen ("--library-path=");
      if (folder == NULL)
        continue;
      g_autofree char *file = name[0] == ':' ? g_strdup (name + 1) : g_strdup_printf ("lib%s.a", name);
      g_autofree char *relative = g_build_filename (folder, file, NULL);
      g_autofree char *path = absolute (running, relative);
      /* A shared library beside it may have been preferred; then its members are only asked for in vain
       * later. */
      if (lp_content_kind (path) == LP_CONTENT_MISSING)
        continue;
      add_input (recorder, path, inputs);
      return;
    }
}

static void
linker_ended (LpRecorder *recorder, const Running *running)
{
  const char *const *argv = (const char *const *)running->argv;
  const char *output = lp_tool_option (argv, "-o");
  const char *long_output = NULL;
  g_autoptr (GPtrArray) inputs = g_ptr_array_new ();

  for (guint i = 1; argv[i] != NULL; i++)
    if (g_str_has_prefix (argv[i], "--output="))
      long_output = argv[i] + strlen ("--output=");
  if (long_output != NULL)
    output = long_output;
  g_autofree char *path = absolute (running, output != NULL ? output : "a.out");
  LpContentKind kind = lp_content_kind (path);
  if (kind != LP_CONTENT_OBJECT && kind != LP_CONTENT_PROGRAM)
    return;

  for (guint i = 1; argv[i] != NULL; i++)
    {
      if (strcmp (argv[i], "-o") == 0 && argv[i + 1] != NULL)
        i++;
      else if (strcmp (argv[i], "-l") == 0 && argv[i + 1] != NULL)
        add_library (recorder, running, argv[++i], inputs);
      else if (g_str_has_prefix (argv[i], "-l"))
        add_library (recorder, running, argv[i] + 2, inputs);
      else if (argv[i][0] != '-')
        {
          g_autofree char *input = absolute (running, argv[i]);
          add_input (recorder, input, inputs);
        }
    }

  g_autofree char *digest = NULL;
  g_autofree char *kept = NULL;
  /* Never linked: strip and chrpath edit in place whatever has more than one name. */
  if (!keep_output (recorder, path, /* may_link= */ FALSE, &digest, &kept))
    {
      g_ptr_array_set_free_func (inputs, g_free);
      return;
    }
  LpTraceLink *entry = lp_trace_add_link (recorder->trace);
  entry->path = g_steal_pointer (&path);
  entry->relocatable = kind == LP_CONTENT_OBJECT;
  entry->digest = g_steal_pointer (&digest);
  entry->build_id = lp_content_build_id (kept);
  entry->kept = g_steal_pointer (&kept);
  g_ptr_array_add (inputs, NULL);
  entry->inputs = (GStrv)g_ptr_array_steal (inputs, NULL);
}

static void
objcopy_ended (LpRecorder *recorder, const Running *running)
{
  const char *input, *output;

  if (running->before == NULL || !lp_tool_objcopy_files ((const char *const *)running->argv, &input, &output))
    return;
  g_autofree char *path = absolute (running, output);
  g_autofree char *after
      = lp_content_kind (path) == LP_CONTENT_OBJECT ? lp_content_digest (path, NULL) : NULL;
  if (after == NULL || strcmp (after, running->before) == 0)
    return;
  LpTraceRewrite *rewrite = lp_trace_add_rewrite (recorder->trace);
  rewrite->tool = g_path_get_basename (running->executable);
  rewrite->path = g_steal_pointer (&path);
  rewrite->from = g_strdup (running->before);
  rewrite->to = g_steal_pointer (&after);
}

static void
handle_exit (pid_t pid, int status, gpointer user_data)
{
  LpRecorder *recorder = user_data;
  const Running *running = g_hash_table_lookup (recorder->running, GINT_TO_POINTER (pid));

  if (g_hash_table_remove (recorder->digesting, GINT_TO_POINTER (pid)))
    lp_reads_resume (recorder->reads);
  if (running == NULL)
    return;
  if (WIFEXITED (status) && WEXITSTATUS (status) == 0)
    switch (running->kind)
      {
      case LP_TOOL_AS:
        assembler_ended (recorder, running);
        break;
      case LP_TOOL_CLANG:
        clang_ended (recorder, running);
        break;
      case LP_TOOL_LD:
        linker_ended (recorder, running);
        break;
      case LP_TOOL_OBJCOPY:
        objcopy_ended (recorder, running);
        break;
      default:
        break;
      }
  g_hash_table_remove (recorder->running, GINT_TO_POINTER (pid));
}

const LpTracerEvents lp_recorder_events = {
  .on_exec = handle_exec,
  .on_exit = handle_exit,
};
