/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command lines that repeat a recorded compilation elsewhere, or ask what it reads; see tool.h. */

#include "config.h"

#include "build/tool.h"

#include <string.h>

/* How many arguments at @argv are a dependency-file option (which a replay must not repeat: it would write
 * into the tree). */
static guint
dependency_option_length (const char *const *argv)
{
  static const char *const with_value[] = { "-MF", "-MT", "-MQ", "-MJ", "-dependency-file", "-Wp,-MF", NULL };
  static const char *const alone[] = { "-MP", "-MG", "-MV", "-sys-header-deps", NULL };

  if (g_strv_contains (with_value, argv[0]))
    return argv[1] != NULL ? 2 : 1;
  if (g_strv_contains (alone, argv[0]))
    return 1;
  if (g_str_has_prefix (argv[0], "-MF") || g_str_has_prefix (argv[0], "-MT")
      || g_str_has_prefix (argv[0], "-MQ") || g_str_has_prefix (argv[0], "-Wp,-M"))
    return 1;
  return 0;
}

static gboolean
is_auxiliary_output (const char *argument)
{
  static const char *const names[]
      = { "-save-temps", "-fstack-usage", "-fcallgraph-info", "-ftime-report", NULL };

  for (guint i = 0; names[i] != NULL; i++)
    if (g_str_has_prefix (argument, names[i]))
      return TRUE;
  return g_str_has_prefix (argument, "-fdump-") || g_str_has_prefix (argument, "-save-stats");
}

static void
add (GPtrArray *array, const char *text)
{
  g_ptr_array_add (array, g_strdup (text));
}

static GStrv
finish (GPtrArray *array)
{
  g_ptr_array_add (array, NULL);
  return (GStrv)g_ptr_array_free (array, FALSE);
}

/* cc1's command line without output, dependency and auxiliary options. */
static GPtrArray *
cc1_common (const char *const *argv, const char *scratch)
{
  GPtrArray *result = g_ptr_array_new ();

  add (result, argv[0]);
  for (guint i = 1; argv[i] != NULL; i++)
    {
      const char *const *here = argv + i;
      guint skip = dependency_option_length (here);
      if (skip == 0
          && (strcmp (argv[i], "-o") == 0 || strcmp (argv[i], "-MD") == 0 || strcmp (argv[i], "-MMD") == 0))
        skip = argv[i + 1] != NULL ? 2 : 1;
      if (skip == 0 && is_auxiliary_output (argv[i]))
        skip = 1;
      if (skip > 0)
        {
          i += skip - 1;
          continue;
        }
      add (result, argv[i]);
      if (strcmp (argv[i], "-dumpdir") == 0 && argv[i + 1] != NULL)
        {
          add (result, scratch);
          i++;
        }
      else if (strcmp (argv[i], "-auxbase-strip") == 0 && argv[i + 1] != NULL)
        {
          g_autofree char *file = g_strconcat (scratch, "aux.o", NULL);
          add (result, file);
          i++;
        }
      else if (lp_tool_cc1_takes_value (argv[i]) && argv[i + 1] != NULL)
        add (result, argv[++i]);
    }
  return result;
}

GStrv
lp_tool_replay_cc1 (const char *const *argv, const char *assembly, const char *scratch)
{
  GPtrArray *result = cc1_common (argv, scratch);

  add (result, "-ffunction-sections");
  add (result, "-fdata-sections");
  add (result, "-o");
  add (result, assembly);
  return finish (result);
}

GStrv
lp_tool_depend_cc1 (const char *const *argv, const char *output)
{
  GPtrArray *result = cc1_common (argv, "/nonexistent/");

  add (result, "-E");
  add (result, "-M");
  add (result, "-MF");
  add (result, output);
  return finish (result);
}

GStrv
lp_tool_replay_as (const char *const *argv, const char *assembly, const char *object)
{
  GPtrArray *result = g_ptr_array_new ();
  const char *input = lp_tool_as_input (argv);

  add (result, argv[0]);
  for (guint i = 1; argv[i] != NULL; i++)
    {
      if ((strcmp (argv[i], "-o") == 0 || strcmp (argv[i], "--MD") == 0 || strcmp (argv[i], "-MD") == 0)
          && argv[i + 1] != NULL)
        i++;
      else if (argv[i] != input && strcmp (argv[i], "-") != 0 && !g_str_has_prefix (argv[i], "-a"))
        add (result, argv[i]);
    }
  add (result, "-o");
  add (result, object);
  add (result, assembly);
  return finish (result);
}

static GPtrArray *
clang_common (const char *const *argv, gboolean is_job)
{
  GPtrArray *result = g_ptr_array_new ();

  add (result, argv[0]);
  /* The driver looks at its own name to tell C++ from C, but is called by its executable's name, which is one
   * for both. */
  if (!is_job && strstr (argv[0], "++") != NULL)
    add (result, "--driver-mode=g++");
  for (guint i = 1; argv[i] != NULL; i++)
    {
      guint skip = dependency_option_length (argv + i);
      if (skip == 0 && strcmp (argv[i], "-o") == 0)
        skip = argv[i + 1] != NULL ? 2 : 1;
      if (skip == 0 && !is_job && g_str_has_prefix (argv[i], "-o"))
        skip = 1;
      if (skip == 0
          && (strcmp (argv[i], "-MD") == 0 || strcmp (argv[i], "-MMD") == 0 || is_auxiliary_output (argv[i])))
        skip = 1;
      if (skip > 0)
        {
          i += skip - 1;
          continue;
        }
      add (result, argv[i]);
      if (lp_tool_clang_takes_value (argv[i]) && argv[i + 1] != NULL)
        add (result, argv[++i]);
    }
  return result;
}

GStrv
lp_tool_replay_clang (const char *const *argv, const char *object)
{
  gboolean is_job = argv[1] != NULL && strcmp (argv[1], "-cc1") == 0;
  GPtrArray *result = clang_common (argv, is_job);

  add (result, "-ffunction-sections");
  add (result, "-fdata-sections");
  add (result, "-o");
  add (result, object);
  return finish (result);
}

GStrv
lp_tool_depend_clang (const char *const *argv, const char *output, const char *object)
{
  gboolean is_job = argv[1] != NULL && strcmp (argv[1], "-cc1") == 0;
  GPtrArray *result = clang_common (argv, is_job);

  add (result, "-o");
  add (result, object);
  if (is_job)
    {
      add (result, "-sys-header-deps");
      add (result, "-dependency-file");
      add (result, output);
      add (result, "-MT");
      add (result, "x");
      return finish (result);
    }
  add (result, "-MD");
  add (result, "-MF");
  add (result, output);
  return finish (result);
}
