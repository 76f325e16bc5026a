/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a fix and applying it with patch(1); see fix.h. Sources: POSIX patch, git-diff(1) "extended header
 * lines", DEP-3. */

#include "config.h"

#include "build/fix.h"

#include "base/error.h"
#include "build/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIX_SIZE_MAX (64 * 1024 * 1024)

static void
file_free (LpFixFile *file)
{
  g_free (file->path);
  g_free (file->text);
  g_free (file);
}

void
lp_fix_free (LpFix *fix)
{
  if (fix == NULL)
    return;
  g_free (fix->name);
  g_free (fix->digest);
  g_free (fix->subject);
  g_strfreev (fix->issues);
  g_ptr_array_unref (fix->files);
  g_free (fix);
}

void
lp_fix_result_free (LpFixResult *result)
{
  if (result == NULL)
    return;
  g_ptr_array_unref (result->failed);
  g_ptr_array_unref (result->notes);
  g_free (result);
}

/* The path of a "--- a/src/x.c<TAB>date" line without its first component; NULL for /dev/null. */
static char *
header_path (const char *line)
{
  gsize length = strcspn (line, "\t\r");
  g_autofree char *path = g_strchomp (g_strndup (line, length));

  if (strcmp (path, "/dev/null") == 0)
    return NULL;
  const char *start = path;
  while (g_str_has_prefix (start, "./"))
    start += 2;
  const char *slash = strchr (start, '/');
  return g_strdup (slash != NULL ? slash + 1 : start);
}

static gboolean
is_safe_path (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  return path[0] != '\0' && path[0] != '/' && !g_strv_contains ((const char *const *)parts, "..");
}

/* How many lines of the old and new file a "@@ -a,b +c,d @@" line announces; FALSE when it isn't one. */
static gboolean
parse_hunk (const char *line, guint *n_old, guint *n_new)
{
  char *end;

  if (!g_str_has_prefix (line, "@@ -"))
    return FALSE;
  strtoul (line + 4, &end, 10);
  *n_old = *end == ',' ? strtoul (end + 1, &end, 10) : 1;
  if (!g_str_has_prefix (end, " +"))
    return FALSE;
  strtoul (end + 2, &end, 10);
  *n_new = *end == ',' ? strtoul (end + 1, &end, 10) : 1;
  return g_str_has_prefix (end, " @@");
}

/* Where the hunk at lines[i] ends (index of the first line behind it). */
static guint
skip_hunk (GStrv lines, guint n, guint i, guint n_old, guint n_new)
{
  for (i++; i < n && (n_old > 0 || n_new > 0); i++)
    {
      char kind = lines[i][0];
      if (kind == '-' && n_old > 0)
        n_old--;
      else if (kind == '+' && n_new > 0)
        n_new--;
      else if ((kind == ' ' || kind == '\0') && n_old > 0 && n_new > 0)
        n_old--, n_new--;
      else if (kind != '\\')
        break;
    }
  return i < n && lines[i][0] == '\\' ? i + 1 : i;
}

typedef struct {
  GStrv lines;
  guint n;
  guint first; /* line of the first diff: what is before is the header */
  GPtrArray *files;
} Reader;

static char *
join_lines (GStrv lines, guint from, guint to)
{
  GString *text = g_string_new (NULL);

  for (guint i = from; i < to; i++)
    g_string_append_printf (text, "%s\n", lines[i]);
  return g_string_free (text, FALSE);
}

/* One "---"/"+++" pair with its hunks at line @i; gives the line behind it, or @i when there is none. */
static guint
read_text_diff (Reader *reader, guint i)
{
  GStrv lines = reader->lines;
  guint n_old, n_new;

  if (i + 2 >= reader->n || !g_str_has_prefix (lines[i], "--- ") || !g_str_has_prefix (lines[i + 1], "+++ ")
      || !parse_hunk (lines[i + 2], &n_old, &n_new))
    return i;

  g_autofree char *old_path = header_path (lines[i] + 4);
  g_autofree char *new_path = header_path (lines[i + 1] + 4);
  LpFixFile *file = g_new0 (LpFixFile, 1);
  guint start = i;
  /* diff -N writes the name on both sides; then the empty range tells. */
  file->creates = old_path == NULL || g_str_has_prefix (lines[i + 2], "@@ -0,0 ");
  file->removes = new_path == NULL || strstr (lines[i + 2], " +0,0 @@") != NULL;
  i += 2;
  while (i < reader->n && parse_hunk (lines[i], &n_old, &n_new))
    {
      i = skip_hunk (lines, reader->n, i, n_old, n_new);
      file->n_hunks++;
    }
  file->path = new_path != NULL ? g_steal_pointer (&new_path) : g_strdup (old_path != NULL ? old_path : "");
  file->text = join_lines (lines, start, i);
  g_ptr_array_add (reader->files, file);
  if (reader->first == G_MAXUINT)
    reader->first = start;
  return i;
}

/* "diff --git a/X b/X" that has no text part: a rename, a mode, a binary. */
static void
read_git_header (Reader *reader, guint i)
{
  const char *path = strstr (reader->lines[i], " b/");

  for (guint k = i + 1; k < reader->n && !g_str_has_prefix (reader->lines[k], "diff --git "); k++)
    {
      if (g_str_has_prefix (reader->lines[k], "--- "))
        return;
      if (!g_str_has_prefix (reader->lines[k], "rename ")
          && !g_str_has_prefix (reader->lines[k], "GIT binary patch")
          && !g_str_has_prefix (reader->lines[k], "Binary files "))
        continue;
      LpFixFile *file = g_new0 (LpFixFile, 1);
      file->path = g_strdup (path != NULL ? path + 3 : "");
      file->text = g_strdup ("");
      file->not_text = TRUE;
      g_ptr_array_add (reader->files, file);
      return;
    }
}

static gint
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
collect_issues (const char *text, GPtrArray *issues)
{
  g_autoptr (GRegex) regex
      = g_regex_new ("CVE-[0-9]{4}-[0-9]{4,}", G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  for (g_regex_match (regex, text, G_REGEX_MATCH_DEFAULT, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    {
      g_autofree char *issue = g_match_info_fetch (match, 0);
      if (!g_ptr_array_find_with_equal_func (issues, issue, g_str_equal, NULL))
        g_ptr_array_add (issues, g_steal_pointer (&issue));
    }
}

/* First line of DEP-3's Description or Subject, or git's Subject without "[PATCH ...]". */
static char *
find_subject (GStrv lines, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const char *text = NULL;
      if (g_str_has_prefix (lines[i], "Subject:"))
        text = lines[i] + strlen ("Subject:");
      else if (g_str_has_prefix (lines[i], "Description:"))
        text = lines[i] + strlen ("Description:");
      if (text == NULL)
        continue;
      while (*text == ' ')
        text++;
      const char *bracket = text[0] == '[' ? strchr (text, ']') : NULL;
      return g_strstrip (g_strdup (bracket != NULL ? bracket + 1 : text));
    }
  return g_strdup ("");
}

static gboolean
check_files (const LpFix *fix, const char *path, GError **error)
{
  if (fix->files->len == 0)
    {
      lp_error_set (error, LP_ERROR_SOURCES_FAILED, "a fix is a unified diff, as diff -u and git write it",
                    "%s: holds no diff", path);
      return FALSE;
    }
  for (guint i = 0; i < fix->files->len; i++)
    {
      const LpFixFile *file = g_ptr_array_index (fix->files, i);
      if (is_safe_path (file->path))
        continue;
      lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL, "%s: the path '%s' is not inside the source tree",
                    path, file->path);
      return FALSE;
    }
  return TRUE;
}

LpFix *
lp_fix_load (const char *path, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *text = NULL;
  gsize size = 0;

  if (!g_file_get_contents (path, &text, &size, &local))
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
      return NULL;
    }
  if (size > FIX_SIZE_MAX || strlen (text) != size)
    {
      lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL, "%s: not a text file", path);
      return NULL;
    }

  g_autoptr (LpFix) fix = g_new0 (LpFix, 1);
  fix->name = g_path_get_basename (path);
  fix->digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)text, size);
  fix->files = g_ptr_array_new_with_free_func ((GDestroyNotify)file_free);

  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  Reader reader = { lines, g_strv_length (lines), G_MAXUINT, fix->files };
  if (reader.n > 0 && lines[reader.n - 1][0] == '\0')
    reader.n--; /* what follows the last newline isn't a line */
  for (guint i = 0; i < reader.n;)
    {
      if (g_str_has_prefix (lines[i], "diff --git "))
        read_git_header (&reader, i);
      guint next = read_text_diff (&reader, i);
      i = next > i ? next : i + 1;
    }

  g_autoptr (GPtrArray) issues = g_ptr_array_new ();
  g_autofree char *header = join_lines (lines, 0, MIN (reader.first, reader.n));
  fix->subject = find_subject (lines, MIN (reader.first, reader.n));
  collect_issues (fix->name, issues);
  collect_issues (header, issues);
  g_ptr_array_sort (issues, compare_strings);
  g_ptr_array_add (issues, NULL);
  fix->issues = (GStrv)g_ptr_array_steal (issues, NULL);

  return check_files (fix, path, error) ? g_steal_pointer (&fix) : NULL;
}

/* patch(1) speaks English in the C locale; its words are part of its documented behaviour in POSIX mode only,
 * but have not changed in twenty years. What isn't recognised counts as a failure, because the exit status
 * says so. */
static void
read_report (const LpFixFile *file, const char *report, LpFixResult *result)
{
  g_auto (GStrv) lines = g_strsplit (report, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      guint hunk = 0, line = 0;
      if (sscanf (lines[i], "Hunk #%u FAILED at %u", &hunk, &line) == 2)
        g_ptr_array_add (result->failed,
                         g_strdup_printf ("%s: hunk %u: does not match at line %u", file->path, hunk, line));
      else if (sscanf (lines[i], "Hunk #%u succeeded at %u with fuzz", &hunk, &line) == 2)
        g_ptr_array_add (result->notes, g_strdup_printf ("%s: hunk %u matches only loosely, at line %u",
                                                         file->path, hunk, line));
      else if (strstr (lines[i], "Reversed (or previously applied) patch detected") != NULL
               || strstr (lines[i], "which already exists!") != NULL)
        result->outcome = LP_FIX_ALREADY;
    }
}

LpFixResult *
lp_fix_apply (const LpFixFile *file, const char *scratch, GCancellable *cancellable, GError **error)
{
  const char *const argv[]
      = { "patch",           "-p1",       "--forward", "--batch", "--no-backup-if-mismatch",
          "--reject-file=-", "--unified", NULL };
  g_auto (GStrv) environment = lp_command_environment ("/nonexistent");
  g_auto (LpCommandResult) ran = { 0 };
  g_autofree char *path = g_build_filename (scratch, file->path, NULL);
  g_autoptr (LpFixResult) result = g_new0 (LpFixResult, 1);

  result->failed = g_ptr_array_new_with_free_func (g_free);
  result->notes = g_ptr_array_new_with_free_func (g_free);
  if (file->not_text || (!file->creates && !g_file_test (path, G_FILE_TEST_EXISTS)))
    {
      result->outcome = LP_FIX_NO_FILE;
      g_ptr_array_add (result->failed, g_strdup_printf ("%s: %s", file->path,
                                                        file->not_text ? "not a text change"
                                                                       : "no such file in this source"));
      return g_steal_pointer (&result);
    }

  if (!lp_command_run (argv, (const char *const *)environment, scratch, file->text, cancellable, &ran, error))
    return NULL;
  if (ran.exit_status > 1)
    {
      g_autofree char *line = lp_command_last_line (ran.errors[0] != '\0' ? ran.errors : ran.output);
      lp_error_set (error, LP_ERROR_SOURCES_FAILED, NULL, "%s: the fix is malformed: %s", file->path, line);
      return NULL;
    }
  read_report (file, ran.output, result);
  if (ran.exit_status == 0)
    {
      result->outcome = LP_FIX_APPLIED;
      return g_steal_pointer (&result);
    }
  if (result->outcome != LP_FIX_ALREADY)
    result->outcome = LP_FIX_PARTLY;
  if (result->failed->len == 0)
    g_ptr_array_add (result->failed, g_strdup_printf ("%s: does not apply", file->path));
  return g_steal_pointer (&result);
}
