/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From changed files to affected units; see affected.h. */

#include "config.h"

#include "build/affected.h"

#include "base/error.h"
#include "build/content.h"
#include "build/replay.h"
#include "build/tool.h"
#include "build/workspace.h"

#include <stdlib.h>
#include <string.h>

static void
change_free (LpChange *change)
{
  g_free (change->path);
  g_free (change->content);
  g_free (change);
}

void
lp_affected_free (LpAffected *affected)
{
  if (affected == NULL)
    return;
  g_ptr_array_unref (affected->units);
  g_ptr_array_unref (affected->changes);
  g_ptr_array_unref (affected->dropped);
  g_ptr_array_unref (affected->ignored);
  g_ptr_array_unref (affected->warnings);
  g_free (affected->rebuild);
  g_free (affected);
}

/* What one file of a fix came to. */
typedef struct {
  const LpFix *fix;
  const LpFixFile *file;
  guint fix_index;
  LpFixResult *result;
} Touched;

static void
touched_free (Touched *touched)
{
  lp_fix_result_free (touched->result);
  g_free (touched);
}

typedef struct {
  LpTrace *trace;
  const char *patched;  /* scratch copy of the touched files */
  GHashTable *readers;  /* char* real path -> GPtrArray of LpTraceUnit*: linked units that read it */
  GHashTable *compiled; /* char* real path -> itself: main sources of units that went into no ELF file */
  GPtrArray *touched;   /* Touched */
  GHashTable *units;    /* LpTraceUnit* set: the answer */
  LpAffected *affected;
} Search;

static gboolean
has_suffix_of (const char *path, const char *const *suffixes)
{
  for (guint i = 0; suffixes[i] != NULL; i++)
    if (g_str_has_suffix (path, suffixes[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_compiled_language (const char *path)
{
  static const char *const suffixes[] = { ".c", ".cc", ".cpp", ".cxx", ".c++", ".C", ".m", ".mm",
                                          ".s", ".S",  ".rs",  ".go",  ".f90", ".d", NULL };

  return has_suffix_of (path, suffixes);
}

/* Tests and documents by where they lie and what they are called. Only asked for files that no compilation
 * reads. */
static gboolean
is_test_or_document (const char *path)
{
  static const char *const folders[]
      = { "test", "tests", "testsuite", "t", "doc", "docs", "man", "regress", "po", "examples", NULL };
  static const char *const suffixes[]
      = { ".md", ".rst", ".html", ".txt", ".1", ".3", ".5", ".7", ".8", ".texi", ".pod", NULL };
  static const char *const names[] = { "ChangeLog", "Changelog", "CHANGES", "Changes",         "NEWS",
                                       "README",    "AUTHORS",   "TODO",    "00-RELEASENOTES", NULL };
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  guint n = g_strv_length (parts);

  for (guint i = 0; i + 1 < n; i++)
    if (g_strv_contains (folders, parts[i]))
      return TRUE;
  const char *name = parts[n - 1];
  return g_strv_contains (names, name)
         || (has_suffix_of (name, suffixes) && strcmp (name, "CMakeLists.txt") != 0);
}

/* The path with links resolved, or as it is when it doesn't exist. */
static char *
real_path (const char *path)
{
  char *resolved = realpath (path, NULL);

  return resolved != NULL ? resolved : g_strdup (path);
}

static void
add_reader (GHashTable *readers, const char *path, LpTraceUnit *unit)
{
  g_autofree char *real = real_path (path);
  GPtrArray *units = g_hash_table_lookup (readers, real);

  if (units == NULL)
    {
      units = g_ptr_array_new ();
      g_hash_table_insert (readers, g_strdup (real), units);
    }
  if (units->len == 0 || g_ptr_array_index (units, units->len - 1) != unit)
    g_ptr_array_add (units, unit);
}

/* Attempts of configure scripts leave nothing behind; an output that was moved is known by its Build-ID. */
static gboolean
is_product (const LpTrace *trace, const LpTraceLink *link)
{
  if (link->relocatable)
    return FALSE;
  if (g_file_test (link->path, G_FILE_TEST_EXISTS))
    return TRUE;
  for (guint i = 0; i < trace->packaged->len && link->build_id[0] != '\0'; i++)
    {
      const LpTracePackaged *packaged = g_ptr_array_index (trace->packaged, i);
      if (strcmp (packaged->build_id, link->build_id) == 0)
        return TRUE;
    }
  return FALSE;
}

/* Units that are in some program or library: only those must be accounted for (a configure script's attempts
 * aren't). */
static GPtrArray *
linked_units (const LpTrace *trace)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  GPtrArray *result = g_ptr_array_new ();

  for (guint i = 0; i < trace->links->len; i++)
    {
      const LpTraceLink *link = g_ptr_array_index (trace->links, i);
      if (!is_product (trace, link))
        continue;
      g_autoptr (GPtrArray) units = lp_trace_link_units (trace, link, NULL);
      for (guint k = 0; k < units->len; k++)
        if (g_hash_table_add (seen, g_ptr_array_index (units, k)))
          g_ptr_array_add (result, g_ptr_array_index (units, k));
    }
  return result;
}

static gboolean
find_readers (Search *search, const char *scratch, guint jobs, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) units = linked_units (search->trace);
  g_autoptr (GHashTable) linked = g_hash_table_new (NULL, NULL);

  if (!lp_replay_depends (search->trace, units, scratch, jobs, cancellable, error))
    return FALSE;
  for (guint i = 0; i < units->len; i++)
    {
      LpTraceUnit *unit = g_ptr_array_index (units, i);
      g_hash_table_add (linked, unit);
      add_reader (search->readers, unit->source, unit);
      for (guint k = 0; unit->depends[k] != NULL; k++)
        add_reader (search->readers, unit->depends[k], unit);
    }
  for (guint i = 0; i < search->trace->units->len; i++)
    {
      LpTraceUnit *unit = g_ptr_array_index (search->trace->units, i);
      if (!g_hash_table_contains (linked, unit))
        g_hash_table_add (search->compiled, real_path (unit->source));
    }
  return TRUE;
}

/* Puts a copy of the file into the scratch folder, unless an earlier fix already did. */
static gboolean
stage_file (Search *search, const char *relative, GError **error)
{
  g_autofree char *original = g_build_filename (search->trace->tree, relative, NULL);
  g_autofree char *copy = g_build_filename (search->patched, relative, NULL);

  if (g_file_test (copy, G_FILE_TEST_EXISTS) || !g_file_test (original, G_FILE_TEST_IS_REGULAR))
    return TRUE;
  return lp_workspace_copy (original, copy, error);
}

static gboolean
apply_fixes (Search *search, GPtrArray *fixes, GCancellable *cancellable, GError **error)
{
  if (!lp_content_make_directory (search->patched, error))
    return FALSE;
  for (guint i = 0; i < fixes->len; i++)
    {
      const LpFix *fix = g_ptr_array_index (fixes, i);
      g_ptr_array_add (search->affected->dropped, g_ptr_array_new_with_free_func (g_free));
      for (guint k = 0; k < fix->files->len; k++)
        {
          const LpFixFile *file = g_ptr_array_index (fix->files, k);
          Touched *touched = g_new0 (Touched, 1);
          g_ptr_array_add (search->touched, touched);
          touched->fix = fix;
          touched->fix_index = i;
          touched->file = file;
          if (!stage_file (search, file->path, error))
            return FALSE;
          touched->result = lp_fix_apply (file, search->patched, cancellable, error);
          if (touched->result == NULL)
            return FALSE;
        }
    }
  return TRUE;
}

static gboolean
does_not_apply (const Touched *touched, GError **error)
{
  const char *first = touched->result->failed->len > 0 ? g_ptr_array_index (touched->result->failed, 0)
                                                       : touched->file->path;

  lp_error_set (
      error, LP_ERROR_SOURCES_FAILED,
      "the fix was made for another version of the source: port it, or add the fixes that it needs before it",
      "%s doesn't apply: %s", touched->fix->name, first);
  return FALSE;
}

static void
request_rebuild (Search *search, const char *why, const char *path)
{
  if (search->affected->rebuild == NULL)
    search->affected->rebuild = g_strdup_printf ("%s %s", path, why);
}

/* A build may work on copies of its sources (one folder per variant): changing the original in place would
 * not reach them. */
static gboolean
is_compiled_as_copy (Search *search, const char *path)
{
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *digest = NULL;
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, search->readers);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      g_autofree char *other = g_path_get_basename (key);
      if (strcmp (other, name) != 0 || strcmp (key, path) == 0
          || lp_trace_relative (search->trace, key) == key)
        continue;
      if (digest == NULL)
        digest = lp_content_digest (path, NULL);
      g_autofree char *other_digest = lp_content_digest (key, NULL);
      if (digest != NULL && other_digest != NULL && strcmp (digest, other_digest) == 0)
        return TRUE;
    }
  return FALSE;
}

/* A file that nobody compiles or includes. */
static gboolean
judge_unread (Search *search, const Touched *touched, const char *path, GError **error)
{
  const LpFixFile *file = touched->file;
  GPtrArray *failed = touched->result->failed;
  gboolean was_read
      = !search->trace->reads_known || g_hash_table_contains (search->trace->files_read, file->path);
  gboolean harmless = is_test_or_document (file->path);

  if (!harmless && g_hash_table_contains (search->compiled, path))
    {
      lp_error_set (error, LP_ERROR_REFUSED,
                    "it may be in a static library only: whoever links that must be built again",
                    "%s is compiled, but goes into no program or library of this build", file->path);
      return FALSE;
    }
  if (!harmless && file->creates && is_compiled_language (file->path))
    request_rebuild (search, "is a new source file", file->path);
  else if (!harmless && was_read && !file->creates)
    {
      if (touched->result->outcome != LP_FIX_APPLIED)
        return does_not_apply (touched, error);
      request_rebuild (search, "is read by the build itself", file->path);
    }
  else if (!harmless && touched->result->outcome == LP_FIX_NO_FILE && is_compiled_language (file->path))
    return does_not_apply (touched, error);

  for (guint i = 0; i < failed->len; i++)
    g_ptr_array_add (g_ptr_array_index (search->affected->dropped, touched->fix_index),
                     g_strdup (g_ptr_array_index (failed, i)));
  if (search->affected->rebuild == NULL && failed->len == 0)
    g_ptr_array_add (search->affected->ignored, g_strdup (file->path));
  return TRUE;
}

static void
add_change (Search *search, const Touched *touched, const char *path)
{
  for (guint i = 0; i < search->affected->changes->len; i++)
    {
      const LpChange *other = g_ptr_array_index (search->affected->changes, i);
      if (strcmp (other->path, path) == 0)
        return; /* a later fix changed the same scratch copy */
    }
  g_autofree char *content = g_build_filename (search->patched, touched->file->path, NULL);
  LpChange *change = g_new0 (LpChange, 1);
  change->path = g_strdup (path);
  if (g_file_test (content, G_FILE_TEST_EXISTS))
    change->content = g_steal_pointer (&content);
  g_ptr_array_add (search->affected->changes, change);
}

static gboolean
judge (Search *search, const Touched *touched, guint *n_already, GError **error)
{
  g_autofree char *joined = g_build_filename (search->trace->tree, touched->file->path, NULL);
  g_autofree char *path = real_path (joined);
  GPtrArray *readers = g_hash_table_lookup (search->readers, path);

  for (guint i = 0; i < touched->result->notes->len; i++)
    g_ptr_array_add (search->affected->warnings, g_strdup (g_ptr_array_index (touched->result->notes, i)));
  if (readers == NULL && !is_compiled_as_copy (search, path))
    {
      if (!judge_unread (search, touched, path, error))
        return FALSE;
      if (touched->result->outcome == LP_FIX_APPLIED)
        add_change (search, touched, path);
      return TRUE;
    }

  if (touched->result->outcome == LP_FIX_ALREADY)
    {
      *n_already += 1;
      return TRUE;
    }
  if (touched->result->outcome != LP_FIX_APPLIED)
    return does_not_apply (touched, error);
  if (is_compiled_as_copy (search, path))
    request_rebuild (search, "is compiled from a copy", touched->file->path);
  if (touched->file->removes && is_compiled_language (touched->file->path))
    request_rebuild (search, "is taken away", touched->file->path);
  for (guint i = 0; readers != NULL && i < readers->len; i++)
    g_hash_table_add (search->units, g_ptr_array_index (readers, i));
  add_change (search, touched, path);
  return TRUE;
}

gboolean
lp_affected_check_unit (const LpTrace *trace, const LpTraceUnit *unit, GError **error)
{
  const char *name = lp_trace_relative (trace, unit->source);
  const LpTraceRewrite *rewrite = lp_trace_unit_rewrite (trace, unit);
  const char *hint = NULL;
  const char *why = NULL;

  if (unit->kind == LP_UNIT_ASSEMBLY)
    why = "is an assembly source: what a function is can't be told";
  else if (unit->kind == LP_UNIT_LTO || lp_tool_uses_lto ((const char *const *)unit->argv))
    {
      why = "is compiled with link-time optimisation: its code is made when everything is linked";
      hint = "a build with -fno-lto on both sides could be patched";
    }
  else if (lp_tool_has ((const char *const *)unit->argv, "-fpreprocessed") && unit->kind == LP_UNIT_GCC)
    why = "is compiled in two steps (-save-temps, distcc): only the preprocessed text was seen";
  else if (rewrite != NULL)
    {
      lp_error_set (error, LP_ERROR_REFUSED, NULL, "%s: its object was rewritten by %s before it was linked",
                    name, rewrite->tool);
      return FALSE;
    }
  if (why == NULL)
    return TRUE;
  lp_error_set (error, LP_ERROR_REFUSED, hint, "%s %s", name, why);
  return FALSE;
}

static gint
compare_units (gconstpointer a, gconstpointer b)
{
  const LpTraceUnit *first = *(LpTraceUnit *const *)a;
  const LpTraceUnit *second = *(LpTraceUnit *const *)b;

  return first->id < second->id ? -1 : first->id > second->id;
}

static gboolean
judge_all (Search *search, GError **error)
{
  guint n_already = 0;
  GHashTableIter iter;
  gpointer unit;

  for (guint i = 0; i < search->touched->len; i++)
    if (!judge (search, g_ptr_array_index (search->touched, i), &n_already, error))
      return FALSE;

  g_hash_table_iter_init (&iter, search->units);
  while (g_hash_table_iter_next (&iter, &unit, NULL))
    {
      if (!lp_affected_check_unit (search->trace, unit, error))
        return FALSE;
      g_ptr_array_add (search->affected->units, unit);
    }
  g_ptr_array_sort (search->affected->units, compare_units);

  gboolean nothing = search->affected->units->len == 0 && search->affected->rebuild == NULL;
  if (n_already > 0 && nothing)
    lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL,
                  "nothing to patch: the fix is already in this source");
  else if (n_already > 0)
    lp_error_set (error, LP_ERROR_SOURCES_FAILED, "port the fix to this version",
                  "a part of the fix is already in this source");
  else if (nothing)
    lp_error_set (error, LP_ERROR_NOTHING_TO_PATCH, NULL,
                  "nothing to patch: no compilation reads what the fix changes");
  return n_already == 0 && !nothing;
}

LpAffected *
lp_affected_find (LpTrace *trace, GPtrArray *fixes, const char *scratch, guint jobs,
                  GCancellable *cancellable, GError **error)
{
  g_autofree char *patched = g_build_filename (scratch, "patched", NULL);
  g_autofree char *depends = g_build_filename (scratch, "depends", NULL);
  g_autoptr (LpAffected) affected = g_new0 (LpAffected, 1);
  g_autoptr (GHashTable) readers
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  g_autoptr (GHashTable) compiled = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) touched = g_ptr_array_new_with_free_func ((GDestroyNotify)touched_free);
  g_autoptr (GHashTable) units = g_hash_table_new (NULL, NULL);
  Search search = { trace, patched, readers, compiled, touched, units, affected };

  affected->units = g_ptr_array_new ();
  affected->changes = g_ptr_array_new_with_free_func ((GDestroyNotify)change_free);
  affected->dropped = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);
  affected->ignored = g_ptr_array_new_with_free_func (g_free);
  affected->warnings = g_ptr_array_new_with_free_func (g_free);

  if (!apply_fixes (&search, fixes, cancellable, error)
      || !find_readers (&search, depends, jobs, cancellable, error) || !judge_all (&search, error))
    return NULL;
  return g_steal_pointer (&affected);
}
