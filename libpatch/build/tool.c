/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and command lines of compilers, assemblers and linkers; see tool.h. */

#include "config.h"

#include "build/tool.h"

#include <string.h>

static const struct {
  const char *name;
  LpToolKind kind;
} tool_names[] = {
  { "cc1", LP_TOOL_CC1 },
  { "cc1plus", LP_TOOL_CC1 },
  { "cc1obj", LP_TOOL_CC1 },
  { "cc1objplus", LP_TOOL_CC1 },
  { "lto1", LP_TOOL_LTO1 },
  { "as", LP_TOOL_AS },
  { "ld", LP_TOOL_LD },
  { "ld.bfd", LP_TOOL_LD },
  { "ld.gold", LP_TOOL_LD },
  { "gold", LP_TOOL_LD },
  { "ld.lld", LP_TOOL_LD },
  { "lld", LP_TOOL_LD },
  { "mold", LP_TOOL_LD },
  { "ld.mold", LP_TOOL_LD },
  { "clang", LP_TOOL_CLANG },
  { "clang++", LP_TOOL_CLANG },
  { "objcopy", LP_TOOL_OBJCOPY },
  { "strip", LP_TOOL_OBJCOPY },
  { "llvm-objcopy", LP_TOOL_OBJCOPY },
  { "llvm-strip", LP_TOOL_OBJCOPY },
  { "distcc", LP_TOOL_FOREIGN },
  { "icecc", LP_TOOL_FOREIGN },
  { "icerun", LP_TOOL_FOREIGN },
};

static LpToolKind
lookup_name (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (tool_names); i++)
    if (strcmp (tool_names[i].name, name) == 0)
      return tool_names[i].kind;
  return LP_TOOL_OTHER;
}

LpToolKind
lp_tool_kind (const char *executable)
{
  g_autofree char *name = g_path_get_basename (executable);

  /* "clang-14", "x86_64-linux-gnu-ld.bfd-2.40" */
  char *dash = strrchr (name, '-');
  if (dash != NULL && g_ascii_isdigit (dash[1]))
    *dash = '\0';
  LpToolKind kind = lookup_name (name);
  dash = strrchr (name, '-');
  if (kind == LP_TOOL_OTHER && dash != NULL)
    kind = lookup_name (dash + 1);
  return kind;
}

const char *
lp_tool_option (const char *const *argv, const char *name)
{
  const char *value = NULL;
  gsize length = strlen (name);

  for (guint i = 1; argv[i] != NULL; i++)
    {
      if (strcmp (argv[i], name) == 0)
        value = argv[i + 1];
      else if (length == 2 && strncmp (argv[i], name, length) == 0)
        value = argv[i] + length;
    }
  return value;
}

gboolean
lp_tool_has (const char *const *argv, const char *argument)
{
  return argv[0] != NULL && g_strv_contains (argv + 1, argument);
}

/* Options of cc1 that take the next argument, apart from those that are also written joined. */
gboolean
lp_tool_cc1_takes_value (const char *option)
{
  static const char *const names[] = {
    "-o",
    "-D",
    "-U",
    "-I",
    "-MF",
    "-MT",
    "-MQ",
    "-MD",
    "-MMD",
    "-A",
    "-include",
    "-imacros",
    "-isystem",
    "-idirafter",
    "-iquote",
    "-iprefix",
    "-iwithprefix",
    "-iwithprefixbefore",
    "-isysroot",
    "-imultilib",
    "-imultiarch",
    "-dumpbase",
    "-dumpbase-ext",
    "-dumpdir",
    "-auxbase",
    "-auxbase-strip",
    "-G",
    "--param",
    "-T",
    "-x",
    "-idirafter-after",
    "-fintrinsic-modules-path",
    "-imultiarch-path",
    NULL,
  };

  return g_strv_contains (names, option);
}

const char *
lp_tool_cc1_source (const char *const *argv)
{
  const char *source = NULL;

  for (guint i = 1; argv[i] != NULL; i++)
    {
      if (lp_tool_cc1_takes_value (argv[i]) && argv[i + 1] != NULL)
        i++;
      else if (argv[i][0] != '-' || argv[i][1] == '\0')
        source = argv[i];
    }
  return source;
}

gboolean
lp_tool_cc1_preprocesses (const char *const *argv)
{
  return lp_tool_has (argv, "-E") || lp_tool_has (argv, "-M") || lp_tool_has (argv, "-MM");
}

const char *
lp_tool_as_input (const char *const *argv)
{
  static const char *const takes_value[] = { "-o", "-I", "--defsym", "-MD", "--MD", NULL };
  const char *input = NULL;

  for (guint i = 1; argv[i] != NULL; i++)
    {
      if (g_strv_contains (takes_value, argv[i]) && argv[i + 1] != NULL)
        i++;
      else if (argv[i][0] != '-')
        input = argv[i];
    }
  return input;
}

gboolean
lp_tool_clang_takes_value (const char *option)
{
  static const char *const names[] = {
    "-o",
    "-x",
    "-D",
    "-U",
    "-I",
    "-MF",
    "-MT",
    "-MQ",
    "-MJ",
    "-include",
    "-imacros",
    "-isystem",
    "-idirafter",
    "-iquote",
    "-isysroot",
    "-Xclang",
    "-Xpreprocessor",
    "-Xassembler",
    "-Xlinker",
    "-mllvm",
    "-target",
    "--target",
    "--param",
    "-arch",
    "-iprefix",
    "-iwithprefix",
    "-cxx-isystem",
    "-internal-isystem",
    "-internal-externc-isystem",
    "-triple",
    "-main-file-name",
    "-mrelocation-model",
    "-pic-level",
    "-target-cpu",
    "-tune-cpu",
    "-target-feature",
    "-target-abi",
    "-resource-dir",
    "-dependency-file",
    "-ferror-limit",
    "-stack-protector",
    "-mthread-model",
    "-mfloat-abi",
    "-dwarf-debug-flags",
    "-split-dwarf-file",
    "-split-dwarf-output",
    "-fdebug-compilation-dir",
    "-coverage-data-file",
    "-coverage-notes-file",
    "-load",
    "-plugin",
    "-diagnostic-log-file",
    "-header-include-file",
    "-pic-is-pie-level",
    "-fmessage-length",
    "-std",
    "-stack-protector-buffer-size",
    NULL,
  };

  return g_strv_contains (names, option);
}

/* Whether @argument names something that a compiler takes as its main source. */
static gboolean
is_source_name (const char *argument)
{
  static const char *const suffixes[]
      = { ".c", ".cc", ".cp", ".cxx", ".cpp", ".c++", ".C", ".m", ".mm", ".i", ".ii", ".s", ".S", NULL };

  if (argument[0] == '-')
    return FALSE;
  for (guint i = 0; suffixes[i] != NULL; i++)
    if (g_str_has_suffix (argument, suffixes[i]))
      return TRUE;
  return FALSE;
}

gboolean
lp_tool_clang_compile (const char *const *argv, const char **source, const char **object)
{
  gboolean is_job = argv[0] != NULL && argv[1] != NULL && strcmp (argv[1], "-cc1") == 0;
  gboolean any_name = is_job || lp_tool_has (argv, "-x");
  guint n_sources = 0;

  *source = NULL;
  *object = lp_tool_option (argv, "-o");
  if (!lp_tool_has (argv, is_job ? "-emit-obj" : "-c") || lp_tool_has (argv, "-E") || lp_tool_has (argv, "-M")
      || lp_tool_has (argv, "-MM") || lp_tool_has (argv, "-fsyntax-only"))
    return FALSE;

  for (guint i = is_job ? 2 : 1; argv[i] != NULL; i++)
    {
      if (lp_tool_clang_takes_value (argv[i]) && argv[i + 1] != NULL)
        {
          i++;
          continue;
        }
      if (argv[i][0] == '-' || !(any_name || is_source_name (argv[i])))
        continue;
      /* A job's own file is its last argument. */
      n_sources = is_job ? 1 : n_sources + 1;
      *source = argv[i];
    }
  return n_sources == 1;
}

gboolean
lp_tool_objcopy_files (const char *const *argv, const char **input, const char **output)
{
  const char *files[2] = { NULL, NULL };
  guint n_files = 0;

  *output = lp_tool_option (argv, "-o");
  for (guint i = 1; argv[i] != NULL; i++)
    {
      static const char *const takes_value[] = { "-o",
                                                 "-I",
                                                 "-O",
                                                 "-B",
                                                 "-F",
                                                 "-j",
                                                 "-R",
                                                 "-K",
                                                 "-N",
                                                 "-L",
                                                 "-G",
                                                 "-W",
                                                 "--redefine-sym",
                                                 "--rename-section",
                                                 NULL };
      if (g_strv_contains (takes_value, argv[i]) && argv[i + 1] != NULL)
        i++;
      else if (argv[i][0] != '-' && n_files < 2)
        files[n_files++] = argv[i];
      else if (argv[i][0] != '-')
        return FALSE;
    }
  if (n_files == 0)
    return FALSE;
  *input = files[0];
  if (*output == NULL)
    *output = n_files == 2 ? files[1] : files[0];
  return TRUE;
}

gboolean
lp_tool_uses_lto (const char *const *argv)
{
  gboolean lto = FALSE;

  for (guint i = 0; argv[i] != NULL; i++)
    {
      if (strcmp (argv[i], "-flto") == 0 || g_str_has_prefix (argv[i], "-flto="))
        lto = TRUE;
      else if (strcmp (argv[i], "-fno-lto") == 0)
        lto = FALSE;
    }
  return lto;
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

GStrv
lp_tool_parse_depend (const char *text)
{
  GPtrArray *files = g_ptr_array_new ();
  g_autoptr (GString) word = g_string_new (NULL);
  const char *colon = strstr (text, ":");

  for (const char *at = colon != NULL ? colon + 1 : ""; *at != '\0' && *at != '\n'; at++)
    {
      gboolean continued = at[0] == '\\' && at[1] == '\n';
      if (continued || g_ascii_isspace (*at))
        {
          if (word->len > 0)
            add (files, word->str);
          g_string_truncate (word, 0);
          at += continued ? 1 : 0;
          continue;
        }
      /* Escapes of make: a blank, a number sign, a dollar. */
      if ((at[0] == '\\' && (at[1] == ' ' || at[1] == '#')) || (at[0] == '$' && at[1] == '$'))
        at++;
      g_string_append_c (word, *at);
    }
  if (word->len > 0)
    add (files, word->str);
  return finish (files);
}

/* Words of a response file: white space separates, quotes and backslashes protect (libiberty's buildargv). */
static void
append_words (GPtrArray *result, const char *text)
{
  g_autoptr (GString) word = g_string_new (NULL);
  gboolean in_word = FALSE;
  char quote = '\0';

  for (; *text != '\0'; text++)
    {
      if (quote == '\0' && g_ascii_isspace (*text))
        {
          if (in_word)
            add (result, word->str);
          g_string_truncate (word, 0);
          in_word = FALSE;
          continue;
        }
      in_word = TRUE;
      if (*text == '\\' && text[1] != '\0')
        g_string_append_c (word, *++text);
      else if (quote != '\0' && *text == quote)
        quote = '\0';
      else if (quote == '\0' && (*text == '\'' || *text == '"'))
        quote = *text;
      else
        g_string_append_c (word, *text);
    }
  if (in_word)
    add (result, word->str);
}

GStrv
lp_tool_expand_responses (const char *const *argv, const char *cwd)
{
  g_autoptr (GPtrArray) current = g_ptr_array_new_with_free_func (g_free);
  guint expansions = 0;

  for (guint i = 0; argv[i] != NULL; i++)
    add (current, argv[i]);
  /* A response file may name others; the limit is libiberty's against one that names itself. */
  for (guint i = 1; i < current->len && expansions < 2000; i++)
    {
      const char *argument = g_ptr_array_index (current, i);
      if (argument[0] != '@')
        continue;
      g_autofree char *path = g_canonicalize_filename (argument + 1, cwd);
      g_autofree char *text = NULL;
      if (!g_file_get_contents (path, &text, NULL, NULL))
        continue;
      g_autoptr (GPtrArray) words = g_ptr_array_new ();
      append_words (words, text);
      g_ptr_array_remove_index (current, i);
      for (guint k = 0; k < words->len; k++)
        g_ptr_array_insert (current, (gint)(i + k), g_ptr_array_index (words, k));
      expansions++;
      i--;
    }

  GPtrArray *result = g_ptr_array_new ();
  for (guint i = 0; i < current->len; i++)
    add (result, g_ptr_array_index (current, i));
  return finish (result);
}
