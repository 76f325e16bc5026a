/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads what the kernel shows of its livepatches in sysfs and procfs. Changes nothing; must not know how
 * modules are loaded. */
#include "kernel/livepatch-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A stack of /proc/PID/stack is a few dozen lines; more is not shown. */
#define STACK_LINES_MAX 32

const LpKernelPaths lp_kernel_paths_default = { "/sys", "/proc" };

char *
lp_livepatch_folder (const LpKernelPaths *paths, const char *name)
{
  return g_build_filename (paths->sysfs, "kernel", "livepatch", name, NULL);
}

char *
lp_module_folder (const LpKernelPaths *paths, const char *name)
{
  return g_build_filename (paths->sysfs, "module", name, NULL);
}

gboolean
lp_livepatch_supported (const LpKernelPaths *paths, GError **error)
{
  g_autofree char *folder = lp_livepatch_folder (paths, NULL);

  if (g_file_test (folder, G_FILE_TEST_IS_DIR))
    return TRUE;
  lp_error_set (error, LP_ERROR_KERNEL_UNSUPPORTED, "user-space patches are not concerned",
                "this kernel has no livepatch: %s is not there", folder);
  return FALSE;
}

/* First line of FOLDER/NAME without the newline; NULL when it can't be read (gone, or this kernel doesn't
 * have it). */
static char *
read_line (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  text[strcspn (text, "\n")] = '\0';
  return text;
}

static gboolean
read_flag (const char *folder, const char *name)
{
  g_autofree char *text = read_line (folder, name);

  return text != NULL && strcmp (text, "1") == 0;
}

static gboolean
is_folder (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Names of the real folders below @folder, sorted; empty when it is gone. */
static GPtrArray *
list_folders (const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);

  if (dir == NULL)
    return names;
  for (const char *name = g_dir_read_name (dir); name != NULL; name = g_dir_read_name (dir))
    if (is_folder (folder, name))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

static void
object_free (gpointer data)
{
  LpLivepatchObject *object = data;

  g_free (object->name);
  g_ptr_array_unref (object->functions);
  g_free (object);
}

static GPtrArray *
read_objects (const char *folder)
{
  GPtrArray *objects = g_ptr_array_new_with_free_func (object_free);
  g_autoptr (GPtrArray) names = list_folders (folder);

  for (guint i = 0; i < names->len; i++)
    {
      LpLivepatchObject *object = g_new0 (LpLivepatchObject, 1);
      g_autofree char *object_folder = g_build_filename (folder, names->pdata[i], NULL);

      object->name = g_strdup (names->pdata[i]);
      object->functions = list_folders (object_folder);
      /* "patched" came with 6.1; on older kernels an enabled patch patches the objects that are there. */
      g_autofree char *patched = read_line (object_folder, "patched");
      object->patched = patched != NULL ? strcmp (patched, "1") == 0 : read_flag (folder, "enabled");
      g_ptr_array_add (objects, object);
    }
  return objects;
}

LpLivepatch *
lp_livepatch_read (const LpKernelPaths *paths, const char *name, GError **error)
{
  if (*name == '\0' || strchr (name, '/') != NULL || *name == '.')
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "%s: not a module name", name);
      return NULL;
    }

  g_autofree char *folder = lp_livepatch_folder (paths, name);
  g_autofree char *module = lp_module_folder (paths, name);
  gboolean is_patch = g_file_test (folder, G_FILE_TEST_IS_DIR);
  gboolean is_module = g_file_test (module, G_FILE_TEST_IS_DIR);
  if (!is_patch && !is_module)
    return NULL;

  LpLivepatch *patch = g_new0 (LpLivepatch, 1);
  patch->name = g_strdup (name);
  patch->enabled = read_flag (folder, "enabled");
  patch->transition = read_flag (folder, "transition");
  patch->loaded = is_module;
  patch->source_version = read_line (module, "srcversion");
  if (patch->source_version == NULL)
    patch->source_version = g_strdup ("");
  patch->objects = read_objects (folder);
  return patch;
}

void
lp_livepatch_free (LpLivepatch *patch)
{
  if (patch == NULL)
    return;
  g_free (patch->name);
  g_free (patch->source_version);
  g_ptr_array_unref (patch->objects);
  g_free (patch);
}

GPtrArray *
lp_livepatch_list (const LpKernelPaths *paths, GError **error)
{
  if (!lp_livepatch_supported (paths, error))
    return NULL;

  g_autofree char *folder = lp_livepatch_folder (paths, NULL);
  g_autoptr (GPtrArray) names = list_folders (folder);
  GPtrArray *patches = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_livepatch_free);

  for (guint i = 0; i < names->len; i++)
    {
      LpLivepatch *patch = lp_livepatch_read (paths, names->pdata[i], NULL);
      if (patch != NULL)
        g_ptr_array_add (patches, patch);
    }
  return patches;
}

/* The function that the task sleeps in, for who has no CAP_SYS_ADMIN to read its stack; "" when it runs. */
static char *
read_sleep (const char *task_folder)
{
  g_autofree char *function = read_line (task_folder, "wchan");

  return function == NULL || strcmp (function, "0") == 0 ? g_strdup ("") : g_steal_pointer (&function);
}

/* The first lines of a kernel stack, without addresses: "[<0>] do_nanosleep+0x6d/0x160" ->
 * "do_nanosleep+0x6d/0x160". */
static char *
read_stack (const char *task_folder)
{
  g_autofree char *path = g_build_filename (task_folder, "stack", NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return read_sleep (task_folder);

  g_auto (GStrv) lines = g_strsplit (text, "\n", STACK_LINES_MAX);
  GString *stack = g_string_new (NULL);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *function = strstr (lines[i], "] ");
      if (function == NULL)
        continue;
      if (stack->len > 0)
        g_string_append_c (stack, '\n');
      g_string_append_len (stack, function + 2, strcspn (function + 2, "\n"));
    }
  return g_string_free (stack, FALSE);
}

/* patch_state: -1 no transition, 0 unpatched, 1 patched (kernel/livepatch/transition.h). */
static gboolean
task_is_behind (const char *task_folder, LpTransitionGoal goal)
{
  g_autofree char *state = read_line (task_folder, "patch_state");

  return state != NULL && strcmp (state, goal == LP_TRANSITION_PATCHED ? "0" : "1") == 0;
}

/* The folder belongs to the effective user, or to root for a process that may not be dumped. */
static guint
read_owner (const char *task_folder)
{
  struct stat status;

  return stat (task_folder, &status) == 0 ? status.st_uid : 0;
}

static void
collect_stalled_threads (const LpKernelPaths *paths, const char *pid, LpTransitionGoal goal, GPtrArray *tasks)
{
  g_autofree char *threads_folder = g_build_filename (paths->procfs, pid, "task", NULL);
  g_autoptr (GPtrArray) threads = list_folders (threads_folder);

  for (guint i = 0; i < threads->len; i++)
    {
      g_autofree char *folder = g_build_filename (threads_folder, threads->pdata[i], NULL);
      if (!task_is_behind (folder, goal))
        continue;

      LpStalledTask *task = g_new0 (LpStalledTask, 1);
      task->pid = atoi (pid);
      task->tid = atoi (threads->pdata[i]);
      task->command = read_line (folder, "comm");
      if (task->command == NULL)
        task->command = g_strdup ("");
      task->stack = read_stack (folder);
      task->uid = read_owner (folder);
      g_ptr_array_add (tasks, task);
    }
}

GPtrArray *
lp_livepatch_stalled (const LpKernelPaths *paths, LpTransitionGoal goal)
{
  GPtrArray *tasks = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_stalled_task_free);
  g_autoptr (GPtrArray) names = list_folders (paths->procfs);

  for (guint i = 0; i < names->len; i++)
    if (g_ascii_isdigit (*(const char *)names->pdata[i]))
      collect_stalled_threads (paths, names->pdata[i], goal, tasks);
  return tasks;
}

char *
lp_stalled_task_describe (const LpStalledTask *task)
{
  g_auto (GStrv) functions = g_strsplit (task->stack, "\n", -1);
  g_autofree char *stack = g_strjoinv (" < ", functions);
  g_autofree char *text
      = g_strdup_printf ("thread %d: %s", task->tid, stack[0] != '\0' ? stack : "its stack can't be read");

  return g_utf8_make_valid (text, -1);
}

void
lp_stalled_task_free (LpStalledTask *task)
{
  if (task == NULL)
    return;
  g_free (task->command);
  g_free (task->stack);
  g_free (task);
}
