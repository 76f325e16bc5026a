/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Applies the fix and finds the includers of the headers that it changes: no build has recorded them, so the
 * tree is searched for who includes a file of that name, and who includes those. */
#include "config.h"

#include "build/kernel-affected.h"

#include "base/error.h"
#include "build/command.h"
#include "build/content.h"

#include <string.h>

#define INCLUDERS_MAX 64 /* compilations: beyond it a header is too common for a hot patch */

static void
source_free (gpointer data)
{
  g_free (((LpKernelSource *)data)->source);
  g_free (data);
}

void
lp_kernel_affected_free (LpKernelAffected *affected)
{
  if (affected == NULL)
    return;
  g_ptr_array_unref (affected->sources);
  g_ptr_array_unref (affected->paths);
  g_ptr_array_unref (affected->content);
  g_ptr_array_unref (affected->dropped);
  g_free (affected);
}

static gboolean
is_below (const char *path, const char *const *folders)
{
  for (guint i = 0; folders[i] != NULL; i++)
    if (g_str_has_prefix (path, folders[i]))
      return TRUE;
  return FALSE;
}

LpKernelFileKind
lp_kernel_file_kind (const char *path, const char *machine, const char **why)
{
  static const char *const aside[] = { "Documentation/", "tools/", "samples/", "scripts/", "usr/", NULL };
  /* Programs that run before the kernel does. */
  static const char *const before[]
      = { "arch/x86/boot/", "arch/x86/purgatory/",           "arch/x86/realmode/rm/",
          "arch/x86/um/",   "drivers/firmware/efi/libstub/", NULL };
  static const char *const build[] = { "Kconfig", "Makefile", "Kbuild" };
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *own = g_strdup_printf ("arch/%s/", machine);

  *why = "it isn't part of the running kernel";
  if (is_below (path, before))
    return LP_KERNEL_FILE_IGNORED;
  if (is_below (path, aside) || (strchr (path, '/') == NULL && strchr (path, '.') == NULL))
    return LP_KERNEL_FILE_IGNORED;
  if (g_str_has_prefix (path, "arch/") && !g_str_has_prefix (path, own))
    {
      *why = "it is for another machine";
      return LP_KERNEL_FILE_IGNORED;
    }
  for (guint i = 0; i < G_N_ELEMENTS (build); i++)
    if (g_str_has_prefix (base, build[i]))
      {
        *why = "it changes the configuration or the build, which a running kernel has behind it";
        return LP_KERNEL_FILE_REFUSED;
      }
  *why = "the vDSO is code that processes have mapped; livepatch replaces code of the kernel";
  if (strstr (path, "/vdso/") != NULL)
    return LP_KERNEL_FILE_REFUSED;
  *why = "it is assembly, which livepatch can't redirect";
  if (g_str_has_suffix (path, ".S"))
    return LP_KERNEL_FILE_REFUSED;
  *why = "it isn't code";
  return g_str_has_suffix (path, ".c")   ? LP_KERNEL_FILE_SOURCE
         : g_str_has_suffix (path, ".h") ? LP_KERNEL_FILE_HEADER
                                         : LP_KERNEL_FILE_IGNORED;
}

static gboolean
add_source (LpKernelAffected *affected, const char *source, gboolean from_header)
{
  for (guint i = 0; i < affected->sources->len; i++)
    {
      LpKernelSource *known = affected->sources->pdata[i];
      if (strcmp (known->source, source) != 0)
        continue;
      known->from_header = known->from_header && from_header;
      return FALSE;
    }
  LpKernelSource *made = g_new (LpKernelSource, 1);
  *made = (LpKernelSource){ g_strdup (source), from_header };
  g_ptr_array_add (affected->sources, made);
  return TRUE;
}

/* What the directive on @line includes, or NULL. Caller frees. */
static char *
included (const char *line, gboolean *quoted)
{
  const char *start = strpbrk (line, "<\"");

  if (start == NULL)
    return NULL;
  *quoted = start[0] == '"';
  return g_strndup (start + 1, strcspn (start + 1, ">\""));
}

/* "a/b/../c.h" -> "a/c.h". Caller frees. */
static char *
normal (const char *path)
{
  g_autofree char *absolute = g_strconcat ("/", path, NULL);
  g_autofree char *result = g_canonicalize_filename (absolute, "/");

  return g_strdup (result + 1);
}

/* Whether @file, which has @line, includes the header @path. */
static gboolean
means (const char *top, const char *file, const char *line, const char *path)
{
  gboolean quoted;
  g_autofree char *name = included (line, &quoted);

  if (name == NULL)
    return FALSE;
  if (quoted)
    {
      g_autofree char *folder = g_path_get_dirname (file);
      g_autofree char *beside = g_build_filename (folder, name, NULL);
      g_autofree char *there = normal (beside);
      g_autofree char *full = g_build_filename (top, there, NULL);
      if (g_file_test (full, G_FILE_TEST_EXISTS))
        return strcmp (there, path) == 0;
    }
  gsize n = strlen (name), m = strlen (path);
  while (n >= 3 && strncmp (name + strlen (name) - n, "../", 3) == 0)
    n -= 3;
  return m > n && strcmp (path + m - n, name + strlen (name) - n) == 0 && path[m - n - 1] == '/';
}

/* "file:line" of what matches @pattern in the sources below @top. Caller frees. */
static char *
search (const LpKernelTree *tree, const char *top, const char *pattern, GCancellable *cancellable,
        GError **error)
{
  const char *const argv[] = { "grep",
                               "-rE",
                               "--include=*.c",
                               "--include=*.h",
                               "--exclude-dir=Documentation",
                               "--exclude-dir=tools",
                               "--exclude-dir=samples",
                               "--exclude-dir=scripts",
                               pattern,
                               ".",
                               NULL };
  g_auto (LpCommandResult) result = { 0 };

  if (!lp_command_run (argv, (const char *const *)tree->environment, top, NULL, cancellable, &result, error))
    return NULL;
  return g_steal_pointer (&result.output);
}

/* Files of the tree that include one of @headers by name. */
static char *
find_includers (const LpKernelTree *tree, const char *top, GPtrArray *headers, GCancellable *cancellable,
                GError **error)
{
  g_autoptr (GString) pattern
      = g_string_new ("^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]([^\">]*/)?(");

  for (guint i = 0; i < headers->len; i++)
    {
      g_autofree char *base = g_path_get_basename (headers->pdata[i]);
      g_autofree char *escaped = g_regex_escape_string (base, -1);
      g_string_append_printf (pattern, "%s%s", i > 0 ? "|" : "", escaped);
    }
  g_string_append (pattern, ")[\">]");
  return search (tree, top, pattern->str, cancellable, error);
}

/* kbuild gives these to the compiler itself, whatever a file includes. */
static gboolean
is_everywhere (const char *header)
{
  static const char *const headers[] = { "include/linux/kconfig.h", "include/linux/compiler_types.h",
                                         "include/linux/compiler-version.h", NULL };

  return g_strv_contains (headers, header);
}

/* kbuild makes arch/x86/include/generated/asm/foo.h for an architecture that has no foo.h of its own; it
 * includes asm-generic/foo.h. Files that include it aren't found by the name of the latter. */
static void
add_generated (const LpKernelTree *tree, const char *header, GPtrArray *level)
{
  static const char *const generic[][2]
      = { { "include/asm-generic/", "arch/x86/include/generated/asm/" },
          { "include/uapi/asm-generic/", "arch/x86/include/generated/uapi/asm/" } };

  for (gsize i = 0; i < G_N_ELEMENTS (generic); i++)
    {
      if (!g_str_has_prefix (header, generic[i][0]))
        continue;
      g_autofree char *made = g_strconcat (generic[i][1], header + strlen (generic[i][0]), NULL);
      g_autofree char *path = g_build_filename (tree->objects, made, NULL);
      if (g_file_test (path, G_FILE_TEST_EXISTS))
        g_ptr_array_add (level, g_steal_pointer (&made));
    }
}

static gboolean
refuse_common (const char *header, const char *why, GError **error)
{
  lp_error_set (error, LP_ERROR_REFUSED, "make the change in the source files that need it", "%s: %s", header,
                why);
  return FALSE;
}

/* Headers of one step from those of the fix: with what kbuild makes of them. Element-type char*, owned. */
static GPtrArray *
complete_level (const LpKernelTree *tree, const GPtrArray *headers, GError **error)
{
  g_autoptr (GPtrArray) level = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < headers->len; i++)
    {
      const char *header = headers->pdata[i];
      if (is_everywhere (header))
        {
          refuse_common (header, "every source file of the kernel is compiled with it", error);
          return NULL;
        }
      g_ptr_array_add (level, g_strdup (header));
      add_generated (tree, header, level);
    }
  return g_steal_pointer (&level);
}

static gboolean
follow_headers (const LpKernelTree *tree, const char *top, GPtrArray *headers, LpKernelAffected *affected,
                GCancellable *cancellable, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) level = complete_level (tree, headers, error);
  guint n_found = 0;

  while (level != NULL && level->len > 0 && n_found <= INCLUDERS_MAX)
    {
      g_autoptr (GPtrArray) next = g_ptr_array_new_with_free_func (g_free);
      g_autofree char *found = find_includers (tree, top, level, cancellable, error);
      if (found == NULL)
        return FALSE;
      g_auto (GStrv) lines = g_strsplit (found, "\n", -1);
      for (guint i = 0; lines[i] != NULL; i++)
        {
          char *colon = strchr (lines[i], ':');
          const char *why, *file = lines[i] + (g_str_has_prefix (lines[i], "./") ? 2 : 0);
          if (colon == NULL)
            continue;
          *colon = '\0';
          gboolean is_it = FALSE;
          for (guint k = 0; k < level->len && !is_it; k++)
            is_it = means (top, file, colon + 1, level->pdata[k]);
          LpKernelFileKind kind = is_it ? lp_kernel_file_kind (file, "x86", &why) : LP_KERNEL_FILE_IGNORED;
          if (kind == LP_KERNEL_FILE_SOURCE)
            n_found += add_source (affected, file, TRUE);
          else if (kind == LP_KERNEL_FILE_HEADER && g_hash_table_add (seen, g_strdup (file)))
            g_ptr_array_add (next, g_strdup (file));
        }
      g_ptr_array_unref (level);
      level = complete_level (tree, next, error);
    }
  if (level == NULL)
    return FALSE;
  if (n_found <= INCLUDERS_MAX)
    return TRUE;
  g_autofree char *why = g_strdup_printf ("more than %d source files include it", INCLUDERS_MAX);
  return refuse_common (headers->pdata[0], why, error);
}

/* All directives below @top that include a source file: kept beside the tree's objects, which
 * don't outlive the tree. Caller frees. */
static char *
find_included_sources (const LpKernelTree *tree, const char *top, GCancellable *cancellable, GError **error)
{
  gboolean is_tree = strcmp (top, tree->source) == 0;
  g_autofree char *known = g_build_filename (tree->objects, ".syscare-included-sources", NULL);
  char *text = NULL;

  if (is_tree && g_file_get_contents (known, &text, NULL, NULL))
    return text;
  text = search (tree, top, "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"][^\">]*\\.c[\">]", cancellable,
                 error);
  if (text != NULL && is_tree)
    g_file_set_contents (known, text, -1, NULL); /* without it the next build looks again */
  return text;
}

/* A source file that others include is compiled with them: kernel/sched/build_policy.c is what makes rt.o. */
static gboolean
follow_sources (const LpKernelTree *tree, const char *top, LpKernelAffected *affected,
                GCancellable *cancellable, GError **error)
{
  g_autofree char *found = find_included_sources (tree, top, cancellable, error);

  if (found == NULL)
    return FALSE;
  g_auto (GStrv) lines = g_strsplit (found, "\n", -1);
  for (guint i = 0; i < affected->sources->len; i++) /* grows */
    for (guint k = 0; lines[k] != NULL; k++)
      {
        LpKernelSource *source = affected->sources->pdata[i];
        const char *why, *colon = strchr (lines[k], ':');
        const char *start = lines[k] + (g_str_has_prefix (lines[k], "./") ? 2 : 0);
        g_autofree char *file = colon != NULL ? g_strndup (start, (gsize)(colon - start)) : NULL;
        if (file == NULL || !means (top, file, colon + 1, source->source))
          continue;
        LpKernelFileKind kind = lp_kernel_file_kind (file, "x86", &why);
        if (kind == LP_KERNEL_FILE_HEADER)
          return refuse_common (source->source, "a header includes it", error);
        if (kind != LP_KERNEL_FILE_SOURCE)
          continue;
        add_source (affected, file, source->from_header);
        source->from_header = TRUE; /* it may not compile alone */
      }
  return TRUE;
}

static gboolean
apply_file (const LpKernelTree *tree, const char *top, const LpFix *fix, const LpFixFile *file,
            LpKernelAffected *affected, GCancellable *cancellable, GError **error)
{
  g_autofree char *folder = g_build_filename (tree->workspace->scratch, "fixed", NULL);
  g_autofree char *copy = g_build_filename (folder, file->path, NULL);
  g_autofree char *original = g_build_filename (top, file->path, NULL);

  if (file->creates && g_str_has_suffix (file->path, ".c"))
    {
      lp_error_set (error, LP_ERROR_REFUSED, "put the new functions into a source file that is there",
                    "%s: %s is a new source file", fix->name, file->path);
      return FALSE;
    }
  if (!file->creates && !g_file_test (original, G_FILE_TEST_IS_REGULAR))
    {
      lp_error_set (error, LP_ERROR_SOURCES_FAILED,
                    "the fix was made for another version of the source, or isn't relative to its top (-p1)",
                    "%s doesn't apply: %s: this source has no such file", fix->name, file->path);
      return FALSE;
    }
  if (!g_file_test (copy, G_FILE_TEST_EXISTS))
    {
      if (!file->creates && !lp_workspace_copy (original, copy, error))
        return FALSE;
      g_ptr_array_add (affected->paths, g_steal_pointer (&original));
      g_ptr_array_add (affected->content, g_strdup (copy));
    }
  g_autoptr (LpFixResult) result = lp_fix_apply (file, folder, cancellable, error);
  if (result == NULL)
    return FALSE;
  if (result->outcome == LP_FIX_APPLIED)
    return TRUE;
  if (result->outcome == LP_FIX_ALREADY)
    lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL, "%s: the kernel has this change already",
                  file->path);
  else
    lp_error_set (error, LP_ERROR_SOURCES_FAILED,
                  "the fix was made for another version of the source: port it, or add the fixes that it "
                  "needs before it",
                  "%s doesn't apply: %s", fix->name,
                  result->failed->len > 0 ? (char *)result->failed->pdata[0] : file->path);
  return FALSE;
}

static gboolean
take_file (const LpKernelTree *tree, const char *top, const LpFix *fix, const LpFixFile *file,
           GPtrArray *dropped, GPtrArray *headers, LpKernelAffected *affected, GCancellable *cancellable,
           GError **error)
{
  const char *why;
  LpKernelFileKind kind = lp_kernel_file_kind (file->path, "x86", &why);

  if (kind == LP_KERNEL_FILE_REFUSED)
    {
      lp_error_set (error, LP_ERROR_REFUSED,
                    "leave this file out of the fix, if the rest is complete without it", "%s: %s",
                    file->path, why);
      return FALSE;
    }
  if (kind == LP_KERNEL_FILE_IGNORED)
    {
      g_ptr_array_add (dropped, g_strdup_printf ("%s: %s", file->path, why));
      return TRUE;
    }
  if (kind == LP_KERNEL_FILE_SOURCE && !file->creates)
    add_source (affected, file->path, FALSE);
  else if (kind == LP_KERNEL_FILE_HEADER)
    g_ptr_array_add (headers, file->path);
  return apply_file (tree, top, fix, file, affected, cancellable, error);
}

static gint
by_source (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(LpKernelSource *const *)a)->source, (*(LpKernelSource *const *)b)->source);
}

LpKernelAffected *
lp_kernel_affected_find (const LpKernelTree *tree, const char *top, GPtrArray *fixes,
                         GCancellable *cancellable, GError **error)
{
  g_autoptr (LpKernelAffected) affected = g_new0 (LpKernelAffected, 1);
  g_autoptr (GPtrArray) headers = g_ptr_array_new ();

  affected->sources = g_ptr_array_new_with_free_func (source_free);
  affected->paths = g_ptr_array_new_with_free_func (g_free);
  affected->content = g_ptr_array_new_with_free_func (g_free);
  affected->dropped = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);
  for (guint i = 0; i < fixes->len; i++)
    {
      const LpFix *fix = fixes->pdata[i];
      GPtrArray *dropped = g_ptr_array_new_with_free_func (g_free);
      g_ptr_array_add (affected->dropped, dropped);
      for (guint k = 0; k < fix->files->len; k++)
        if (!take_file (tree, top, fix, fix->files->pdata[k], dropped, headers, affected, cancellable, error))
          return NULL;
    }
  if ((headers->len > 0 && !follow_headers (tree, top, headers, affected, cancellable, error))
      || !follow_sources (tree, top, affected, cancellable, error))
    return NULL;
  if (affected->sources->len == 0)
    {
      const GPtrArray *first = affected->dropped->len > 0 ? affected->dropped->pdata[0] : NULL;
      gboolean is_named = first != NULL && first->len > 0;
      lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL,
                    "nothing to patch: the fix changes no code of the kernel%s%s", is_named ? ": " : "",
                    is_named ? (const char *)first->pdata[0] : "");
      return NULL;
    }
  g_ptr_array_sort (affected->sources, by_source);
  return g_steal_pointer (&affected);
}
