/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kbuild leaves the command of every object beside it (.NAME.o.cmd): repeated with other options it compiles
 * in a fraction of the time that make needs to find out that nothing else changed. */
#include "config.h"

#include "build/kernel-compile.h"

#include "base/error.h"
#include "build/command.h"
#include "build/content.h"
#include "build/kernel-headers.h"

#include <string.h>

void
lp_kernel_object_free (LpKernelObject *object)
{
  if (object == NULL)
    return;
  g_free (object->source);
  g_free (object->path);
  g_free (object->object);
  g_strfreev (object->command);
  g_strfreev (object->objtool);
  g_clear_pointer (&object->baseline, lp_elf_unref);
  g_clear_pointer (&object->original, lp_elf_unref);
  g_clear_pointer (&object->patched, lp_elf_unref);
  g_free (object);
}

LpKernelObject *
lp_kernel_object_new (const char *source)
{
  LpKernelObject *object = g_new0 (LpKernelObject, 1);

  object->source = g_strdup (source);
  return object;
}

/* "fs/proc/meminfo.c" -> "fs/proc/meminfo.o"; caller frees. */
static char *
object_name (const char *source)
{
  g_autofree char *stem = g_strndup (source, strlen (source) - strlen (".c"));

  return g_strconcat (stem, ".o", NULL);
}

/* What make wrote so that make can read it again. */
static char *
unescape (const char *text)
{
  g_autoptr (GString) result = g_string_new (text);

  g_string_replace (result, "$(pound)", "#", 0);
  g_string_replace (result, "$$", "$", 0);
  return g_string_free (g_steal_pointer (&result), FALSE);
}

/* Drops what says where the output goes and what is read. */
static GStrv
strip_command (GStrv argv)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  guint n = g_strv_length (argv);

  for (guint i = 0; i + 1 < n; i++) /* the source is the last one */
    {
      if (strcmp (argv[i], "-o") == 0)
        i++;
      else if (!g_str_has_prefix (argv[i], "-Wp,-MMD,") && !g_str_has_prefix (argv[i], "-Wp,-MD,"))
        g_strv_builder_add (builder, argv[i]);
    }
  return g_strv_builder_end (builder);
}

/* "vmlinux" or the module's name, from the defines that kbuild gives. */
static char *
object_of (GStrv argv)
{
  static const char define[] = "-DKBUILD_MODNAME=";
  gboolean is_module = FALSE;
  const char *name = NULL;

  for (guint i = 0; argv[i] != NULL; i++)
    {
      is_module = is_module || strcmp (argv[i], "-DMODULE") == 0;
      if (g_str_has_prefix (argv[i], define))
        name = argv[i] + strlen (define);
    }
  if (!is_module || name == NULL)
    return g_strdup ("vmlinux");
  name += name[0] == '"';
  return g_strndup (name, strcspn (name, "\""));
}

static gboolean
parse_command (LpKernelObject *object, const char *text, GError **error)
{
  const char *assign = strstr (text, " := ");
  g_autofree char *line = assign != NULL ? g_strndup (assign + 4, strcspn (assign + 4, "\n")) : NULL;
  g_autofree char *plain = line != NULL ? unescape (line) : NULL;
  char *rest = plain != NULL ? strstr (plain, " ; ") : NULL;
  g_auto (GStrv) argv = NULL;

  if (rest != NULL)
    *rest = '\0';
  if (plain == NULL || !g_shell_parse_argv (plain, NULL, &argv, NULL) || g_strv_length (argv) < 3)
    {
      lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL,
                    "%s: the kernel's build doesn't say how it compiled it", object->source);
      return FALSE;
    }
  object->command = strip_command (argv);
  object->object = object_of (argv);
  g_auto (GStrv) objtool = NULL;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  if (rest != NULL && g_shell_parse_argv (rest + strlen (" ; "), NULL, &objtool, NULL)
      && g_str_has_suffix (objtool[0], "/objtool"))
    for (guint i = 0; objtool[i] != NULL && objtool[i + 1] != NULL; i++) /* without the file */
      g_strv_builder_add (builder, objtool[i]);
  object->objtool = g_strv_builder_end (builder);
  return TRUE;
}

static gboolean
take_baseline (const LpKernelTree *tree, const char *outside, LpKernelObject *object, GError **error)
{
  g_autofree char *name = object_name (object->source);
  g_autofree char *built = g_build_filename (outside != NULL ? outside : tree->objects, name, NULL);
  g_autofree char *folder = g_path_get_dirname (built), *base = g_path_get_basename (built);
  g_autofree char *command = g_strdup_printf ("%s/.%s.cmd", folder, base);
  g_autofree char *text = NULL;
  g_autoptr (GError) local = NULL;

  object->path = g_build_filename (outside != NULL ? outside : tree->source, object->source, NULL);
  if (!g_file_get_contents (command, &text, NULL, &local))
    {
      lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL, "%s: %s", object->source, local->message);
      return FALSE;
    }
  object->baseline = lp_elf_open (built, error);
  return object->baseline != NULL && parse_command (object, text, error);
}

gboolean
lp_kernel_compile_baseline (const LpKernelTree *tree, const char *outside, GPtrArray *objects, guint jobs,
                            GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) arguments = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (arguments, g_strdup_printf ("-j%u", jobs));
  if (outside != NULL)
    g_ptr_array_add (arguments, g_strconcat ("M=", outside, NULL));
  for (guint i = 0; i < objects->len; i++)
    g_ptr_array_add (arguments, object_name (((LpKernelObject *)objects->pdata[i])->source));
  g_ptr_array_add (arguments, NULL);
  if (!lp_kernel_tree_make (tree, (const char *const *)arguments->pdata, cancellable, error))
    return FALSE;
  for (guint i = 0; i < objects->len; i++)
    if (!take_baseline (tree, outside, objects->pdata[i], error))
      return FALSE;
  return TRUE;
}

typedef struct {
  const LpKernelTree *tree;
  gboolean patched;
  const char *headers; /* "-I" and the folder with syscare-patch.h */
  GCancellable *cancellable;
  GMutex mutex;
  GError *failed; /* the first one */
  guint next;     /* number for the output's name */
} Compiling;

static char *
first_error_line (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (strstr (lines[i], "error:") != NULL)
      return g_strdup (g_strstrip (lines[i]));
  return lp_command_last_line (text);
}

static LpElf *
compile_one (Compiling *compiling, const LpKernelObject *object, const char *output, GError **error)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_auto (LpCommandResult) result = { 0 };

  for (guint i = 0; object->command[i] != NULL; i++)
    g_ptr_array_add (argv, object->command[i]);
  g_ptr_array_add (argv, (gpointer) "-ffunction-sections");
  g_ptr_array_add (argv, (gpointer) "-fdata-sections");
  g_ptr_array_add (argv, (gpointer) "-g"); /* layouts are compared */
  g_ptr_array_add (argv, (gpointer)compiling->headers);
  g_ptr_array_add (argv, (gpointer) "-o");
  g_ptr_array_add (argv, (gpointer)output);
  g_ptr_array_add (argv, object->path);
  g_ptr_array_add (argv, NULL);
  if (!lp_command_run ((const char *const *)argv->pdata, (const char *const *)compiling->tree->environment,
                       compiling->tree->objects, NULL, compiling->cancellable, &result, error))
    return NULL;
  if (result.exit_status == 0)
    return lp_elf_open (output, error);
  g_autofree char *line = first_error_line (result.errors);
  lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL, "%s%s: %s", object->source,
                compiling->patched ? " with the fix" : "", line);
  return NULL;
}

static void
compile_in_thread (gpointer data, gpointer user_data)
{
  LpKernelObject *object = data;
  Compiling *compiling = user_data;
  g_autoptr (GError) local = NULL;

  g_mutex_lock (&compiling->mutex);
  g_autofree char *output = g_strdup_printf ("%s/%u-%s.o", compiling->tree->workspace->scratch,
                                             compiling->next++, compiling->patched ? "patched" : "original");
  g_mutex_unlock (&compiling->mutex);
  LpElf *elf = compile_one (compiling, object, output, &local);
  if (compiling->patched)
    object->patched = elf;
  else
    object->original = elf;
  g_mutex_lock (&compiling->mutex);
  if (local != NULL && compiling->failed == NULL)
    compiling->failed = g_steal_pointer (&local);
  g_mutex_unlock (&compiling->mutex);
}

/* Returns the folder that syscare-patch.h is in; caller frees. */
static char *
write_headers (const LpKernelTree *tree, GError **error)
{
  g_autofree char *folder = g_build_filename (tree->workspace->scratch, "include", NULL);
  g_autofree char *path = g_build_filename (folder, "syscare-patch.h", NULL);
  g_autoptr (GBytes) text = g_resource_lookup_data (lp_kernel_headers_get_resource (),
                                                    "/org/openeuler/syscare/build/syscare-patch.h",
                                                    G_RESOURCE_LOOKUP_FLAGS_NONE, error);

  if (text == NULL || !lp_content_make_directory (folder, error)
      || !g_file_set_contents (path, g_bytes_get_data (text, NULL), (gssize)g_bytes_get_size (text), error))
    return NULL;
  return g_steal_pointer (&folder);
}

gboolean
lp_kernel_compile (const LpKernelTree *tree, GPtrArray *objects, gboolean patched, guint jobs,
                   GCancellable *cancellable, GError **error)
{
  g_autofree char *folder = write_headers (tree, error);
  g_autofree char *headers = g_strconcat ("-I", folder, NULL);
  Compiling compiling = { .tree = tree, .patched = patched, .headers = headers, .cancellable = cancellable };
  GThreadPool *pool;

  if (folder == NULL)
    return FALSE;
  g_mutex_init (&compiling.mutex);
  pool = g_thread_pool_new (compile_in_thread, &compiling, (gint)jobs, TRUE, NULL);
  for (guint i = 0; i < objects->len; i++)
    g_thread_pool_push (pool, objects->pdata[i], NULL);
  g_thread_pool_free (pool, /* immediate= */ FALSE, /* wait= */ TRUE);
  g_mutex_clear (&compiling.mutex);
  if (compiling.failed == NULL)
    return TRUE;
  g_propagate_error (error, compiling.failed);
  return FALSE;
}
