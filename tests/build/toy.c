/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See toy.h. */
#include "config.h"
#include "toy.h"

#include <glib/gstdio.h>
#include <string.h>

Toy *
toy_new (void)
{
  Toy *toy = g_new0 (Toy, 1);
  g_autoptr (GError) error = NULL;

  toy->folder = g_dir_make_tmp ("syscare-build-XXXXXX", &error);
  g_assert_no_error (error);
  toy->tree = g_build_filename (toy->folder, "tool-1.0", NULL);
  toy->fix = g_build_filename (toy->folder, "fix.patch", NULL);
  toy->output = g_build_filename (toy->folder, "output", NULL);
  toy->cache = g_build_filename (toy->folder, "cache", NULL);
  toy->log = g_string_new (NULL);
  toy->cancellable = g_cancellable_new ();
  toy->build = g_strdup ("make");
  return toy;
}

void
toy_free (Toy *toy)
{
  g_autofree char *command = g_strdup_printf ("rm -rf -- %s", toy->folder);

  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (toy->folder);
  g_free (toy->tree);
  g_free (toy->fix);
  g_free (toy->output);
  g_free (toy->cache);
  g_string_free (toy->log, TRUE);
  g_object_unref (toy->cancellable);
  g_free (toy->build);
  g_free (toy->installed);
  g_free (toy->debuginfo);
  g_free (toy->target);
  g_free (toy);
}

static void
write_file (const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (parent, 0755), ==, 0);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

void
toy_write (Toy *toy, const char *name, const char *text)
{
  write_file (toy->tree, name, text);
}

void
toy_fix (Toy *toy, const char *name, const char *text)
{
  g_autofree char *copy = g_build_filename (toy->folder, "b", NULL);

  if (!g_file_test (copy, G_FILE_TEST_IS_DIR))
    g_free (toy_run (toy, "cp -a tool-1.0 b"));
  write_file (copy, name, text);
}

void
toy_make_fix (Toy *toy)
{
  g_free (toy_run (toy, "cp -a tool-1.0 a; diff -urN a b > fix.patch; rm -r a b; test -s fix.patch"));
}

char *
toy_run (Toy *toy, const char *command)
{
  const char *const argv[] = { "/bin/sh", "-c", command, NULL };
  g_autoptr (GError) error = NULL;
  char *output = NULL;
  int status;

  g_spawn_sync (toy->folder, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
  return g_strchomp (output);
}

#define MAIN_C                                                                                               \
  "#include <stdio.h>\n#include <stdlib.h>\n#include \"answer.h\"\n"                                         \
  "int main (int argc, char **argv)\n{\n  printf (\"%d\\n\", answer (argc > 1 ? atoi (argv[1]) : 3));\n  "   \
  "return 0;\n}\n"
#define ANSWER_C                                                                                             \
  "#include \"answer.h\"\n#include <stdio.h>\n\nint\nanswer (int n)\n{\n"                                    \
  "  if (n > 100)\n    puts (\"large\");\n  return n * FACTOR + %d;\n}\n"

void
toy_usual (Toy *toy, const char *flags)
{
  g_autofree char *before = g_strdup_printf (ANSWER_C, 1);
  g_autofree char *after = g_strdup_printf (ANSWER_C, 2);
  g_autofree char *makefile = g_strdup_printf ("CFLAGS = -g -O2 %s\n"
                                               "tool: main.o answer.o\n\t$(CC) $(CFLAGS) -o $@ $^\n"
                                               "%%.o: %%.c answer.h\n\t$(CC) $(CFLAGS) -MMD -c -o $@ $<\n",
                                               flags);

  toy_write (toy, "main.c", MAIN_C);
  toy_write (toy, "answer.c", before);
  toy_write (toy, "answer.h", "#define FACTOR 7\nint answer (int n);\n");
  toy_write (toy, "Makefile", makefile);
  toy_fix (toy, "answer.c", after);
  toy_make_fix (toy);
}

static void
on_progress (const char *step, const char *event, const char *text, double seconds, gpointer user_data)
{
  Toy *toy = user_data;

  g_string_append_printf (toy->log, "%s %s %s\n", step, event, text);
}

LpBuildResult *
toy_build (Toy *toy, GError **error)
{
  LpBuildRequest *request = lp_build_request_new ();
  const char *const patches[] = { toy->fix, NULL };
  const char *const targets[] = { toy->target, NULL };

  request->origin = LP_BUILD_FROM_TREE;
  request->source = g_strdup (toy->tree);
  request->build_command = g_strdup (toy->build);
  request->patches = g_strdupv ((GStrv)patches);
  request->targets = g_strdupv ((GStrv)targets);
  request->installed = g_strdup (toy->installed);
  request->debuginfo = g_strdup (toy->debuginfo);
  request->output = g_strdup (toy->output);
  request->cache = g_strdup (toy->cache);
  g_string_truncate (toy->log, 0);
  LpBuildResult *result = lp_build_run (request, toy->cancellable, on_progress, toy, error);
  lp_build_request_free (request);
  return result;
}

static gint
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

char *
toy_functions (Toy *toy)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  LpBuildResult *result = toy_build (toy, &error);
  g_assert_no_error (error);
  g_autoptr (LpBundle) bundle = lp_bundle_open (result->path, 0, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < bundle->manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (bundle->manifest->objects, i);
      for (guint k = 0; k < object->functions->len; k++)
        {
          const LpManifestFunction *function = g_ptr_array_index (object->functions, k);
          g_ptr_array_add (names, g_strdup_printf ("%s:%s", object->name, function->name));
        }
    }
  g_ptr_array_sort (names, compare_strings);
  g_ptr_array_add (names, NULL);
  lp_build_result_free (result);
  return g_strjoinv (" ", (GStrv)names->pdata);
}

void
toy_refused (Toy *toy, int code, ...)
{
  g_autoptr (GError) error = NULL;
  const char *word;
  va_list args;

  LpBuildResult *result = toy_build (toy, &error);
  g_assert_null (result);
  g_assert_error (error, LP_ERROR, code);
  va_start (args, code);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started on the line above */
  while ((word = va_arg (args, const char *)) != NULL)
    if (strstr (error->message, word) == NULL)
      g_error ("'%s' is not in the message: %s", word, error->message);
  va_end (args);
  /* Nothing is written unless all of it succeeded. */
  g_autoptr (GDir) output = g_dir_open (toy->output, 0, NULL);
  g_assert_true (output == NULL || g_dir_read_name (output) == NULL);
}
