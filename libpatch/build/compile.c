/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compiling both sides; see compile.h. */

#include "config.h"

#include "build/compile.h"

#include "base/error.h"
#include "build/baseline.h"
#include "build/content.h"
#include "build/replay.h"

#include <string.h>
#include <unistd.h>

static void
pair_free (LpPair *pair)
{
  g_free (pair->name);
  g_free (pair->original);
  g_free (pair->patched);
  g_free (pair);
}

static LpPair *
pair_new (const LpTrace *trace, LpTraceUnit *base, LpTraceUnit *second)
{
  LpPair *pair = g_new0 (LpPair, 1);
  const LpTraceUnit *unit = base != NULL ? base : second;

  pair->name = g_strdup (lp_trace_relative (trace, unit->source));
  pair->base = base;
  pair->second = second;
  return pair;
}

static char *
subfolder (const LpCompileContext *context, const char *name)
{
  return g_build_filename (context->workspace->scratch, name, NULL);
}

/* Keeps the pairs whose objects differ. */
static GPtrArray *
drop_equal (GPtrArray *pairs, guint *n_equal, GError **error)
{
  g_autoptr (GPtrArray) differing = g_ptr_array_new_with_free_func ((GDestroyNotify)pair_free);

  *n_equal = 0;
  for (guint i = 0; i < pairs->len; i++)
    {
      LpPair *pair = g_ptr_array_index (pairs, i);
      g_autofree char *original = NULL;
      g_autofree char *patched = NULL;
      if (pair->original != NULL && (original = lp_content_digest (pair->original, error)) == NULL)
        return NULL;
      if (pair->patched != NULL && (patched = lp_content_digest (pair->patched, error)) == NULL)
        return NULL;
      if (g_strcmp0 (original, patched) == 0)
        {
          *n_equal += 1;
          continue;
        }
      g_ptr_array_add (differing, pair);
      pairs->pdata[i] = NULL;
    }
  return g_steal_pointer (&differing);
}

/* pair_free() for an array from which some were taken. */
static void
pair_free_if_any (gpointer data)
{
  if (data != NULL)
    pair_free (data);
}

static gboolean
change_tree (const LpCompileContext *context, const LpAffected *affected, GError **error)
{
  for (guint i = 0; i < affected->changes->len; i++)
    {
      const LpChange *change = g_ptr_array_index (affected->changes, i);
      if (!lp_workspace_change (context->workspace, change->path, change->content, error))
        return FALSE;
    }
  return TRUE;
}

/* The first side is whatever the tree was built from: what doesn't compile now is our failure, not the
 * source's. */
static gboolean
compile_in_place (const LpCompileContext *context, const LpAffected *affected, const char *original,
                  const char *patched, GError **error)
{
  if (!lp_replay_compile (context->trace, affected->units, original, context->workspace->log, context->jobs,
                          LP_ERROR_FAILED, context->cancellable, error))
    return FALSE;
  gboolean ok = change_tree (context, affected, error)
                && lp_replay_compile (context->trace, affected->units, patched, context->workspace->log,
                                      context->jobs, LP_ERROR_SOURCES_FAILED, context->cancellable, error);
  return lp_workspace_restore (context->workspace, ok ? error : NULL) && ok;
}

/* What identifies a compilation in both builds: source, place of the object, and the how-manieth of that
 * kind. Names of temporary objects are different every time. */
static char *
unit_key (const LpTrace *trace, const LpTraceUnit *unit, GHashTable *counts)
{
  const char *object = lp_trace_relative (trace, unit->object);
  g_autofree char *stem = g_strdup_printf ("%s\t%s\t%s", lp_trace_relative (trace, unit->source), unit->cwd,
                                           object != unit->object ? object : "");
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (counts, stem)) + 1;
  char *key = g_strdup_printf ("%s\t%u", stem, count);

  g_hash_table_insert (counts, g_steal_pointer (&stem), GUINT_TO_POINTER (count));
  return key;
}

/* Units of products (not of a configure script's attempts), by key. */
static GHashTable *
index_units (const LpTrace *trace)
{
  GHashTable *index = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) linked = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < trace->links->len; i++)
    {
      const LpTraceLink *link = g_ptr_array_index (trace->links, i);
      if (link->relocatable || !g_file_test (link->path, G_FILE_TEST_EXISTS))
        continue;
      g_autoptr (GPtrArray) units = lp_trace_link_units (trace, link, NULL);
      for (guint k = 0; k < units->len; k++)
        g_hash_table_add (linked, g_ptr_array_index (units, k));
    }
  for (guint i = 0; i < trace->units->len; i++)
    {
      LpTraceUnit *unit = g_ptr_array_index (trace->units, i);
      char *key = unit_key (trace, unit, counts);
      if (g_hash_table_contains (linked, unit))
        g_hash_table_insert (index, key, unit);
      else
        g_free (key);
    }
  return index;
}

/* All units that the two builds compiled to different objects, plus those that only one of them has. */
static gboolean
pair_builds (const LpTrace *trace, GHashTable *first, const LpTrace *second, GPtrArray *pairs, GError **error)
{
  g_autoptr (GHashTable) second_index = index_units (second);
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, first);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      LpTraceUnit *base = value;
      LpTraceUnit *other = g_hash_table_lookup (second_index, key);
      if (other != NULL && strcmp (other->digest, base->digest) == 0)
        continue;
      if (!lp_affected_check_unit (trace, base, error)
          || (other != NULL && !lp_affected_check_unit (second, other, error)))
        return FALSE;
      g_ptr_array_add (pairs, pair_new (trace, base, other));
    }
  g_hash_table_iter_init (&iter, second_index);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      if (g_hash_table_contains (first, key))
        continue;
      if (!lp_affected_check_unit (second, value, error))
        return FALSE;
      g_ptr_array_add (pairs, pair_new (second, NULL, value));
    }
  return TRUE;
}

static gint
compare_pairs (gconstpointer a, gconstpointer b)
{
  const LpPair *first = *(LpPair *const *)a;
  const LpPair *second = *(LpPair *const *)b;
  int order = strcmp (first->name, second->name);
  guint first_id = first->base != NULL ? first->base->id : G_MAXUINT;
  guint second_id = second->base != NULL ? second->base->id : G_MAXUINT;

  return order != 0 ? order : first_id < second_id ? -1 : first_id > second_id;
}

static GPtrArray *
units_of (GPtrArray *pairs, gboolean second)
{
  GPtrArray *units = g_ptr_array_new ();

  for (guint i = 0; i < pairs->len; i++)
    {
      LpPair *pair = g_ptr_array_index (pairs, i);
      LpTraceUnit *unit = second ? pair->second : pair->base;
      if (unit != NULL)
        g_ptr_array_add (units, unit);
    }
  return units;
}

/* The fixed tree, built in the place of the unchanged one; its units that differ are compiled with sections
 * there. */
static LpTrace *
build_second (const LpCompileContext *context, const LpAffected *affected, GPtrArray *pairs,
              const char *patched, GError **error)
{
  LpWorkspace *workspace = context->workspace;
  g_autofree char *kept = subfolder (context, "second-kept");
  g_autoptr (GHashTable) first = index_units (context->trace);

  if (!lp_content_make_directory (kept, error) || !lp_workspace_swap (workspace, error))
    return NULL;
  g_autofree char *tree
      = lp_source_unpack (context->source, workspace->source, workspace->home, context->cancellable, error);
  if (tree == NULL)
    return NULL;
  for (guint i = 0; i < affected->changes->len; i++)
    {
      const LpChange *change = g_ptr_array_index (affected->changes, i);
      if (change->content != NULL ? !lp_workspace_copy (change->content, change->path, error)
                                  : unlink (change->path) < 0)
        return NULL;
    }

  LpBaselinePaths paths = { tree, kept, workspace->log, workspace->home };
  g_autoptr (LpTrace) second = lp_baseline_build (context->source, &paths, context->cancellable, error);
  if (second == NULL || !pair_builds (context->trace, first, second, pairs, error))
    return NULL;
  g_ptr_array_sort (pairs, compare_pairs);
  g_autoptr (GPtrArray) units = units_of (pairs, /* second= */ TRUE);
  if (!lp_replay_compile (second, units, patched, workspace->log, context->jobs, LP_ERROR_SOURCES_FAILED,
                          context->cancellable, error))
    return NULL;
  return g_steal_pointer (&second);
}

static LpTrace *
compile_rebuilt (const LpCompileContext *context, const LpAffected *affected, GPtrArray *pairs,
                 const char *original, const char *patched, GError **error)
{
  g_autoptr (LpTrace) second = build_second (context, affected, pairs, patched, error);

  if (!lp_workspace_restore (context->workspace, second != NULL ? error : NULL) || second == NULL)
    return NULL;
  g_autoptr (GPtrArray) units = units_of (pairs, /* second= */ FALSE);
  if (!lp_replay_compile (context->trace, units, original, context->workspace->log, context->jobs,
                          LP_ERROR_FAILED, context->cancellable, error))
    return NULL;
  return g_steal_pointer (&second);
}

GPtrArray *
lp_compile_affected (const LpCompileContext *context, const LpAffected *affected, LpTrace **second,
                     guint *n_equal, GError **error)
{
  g_autoptr (GPtrArray) pairs = g_ptr_array_new_with_free_func (pair_free_if_any);
  g_autofree char *original = subfolder (context, "original-objects");
  g_autofree char *patched = subfolder (context, "patched-objects");

  *second = NULL;
  if (affected->rebuild != NULL)
    {
      *second = compile_rebuilt (context, affected, pairs, original, patched, error);
      if (*second == NULL)
        return NULL;
    }
  else
    {
      if (!compile_in_place (context, affected, original, patched, error))
        return NULL;
      for (guint i = 0; i < affected->units->len; i++)
        {
          LpTraceUnit *unit = g_ptr_array_index (affected->units, i);
          g_ptr_array_add (pairs, pair_new (context->trace, unit, unit));
        }
    }

  for (guint i = 0; i < pairs->len; i++)
    {
      LpPair *pair = g_ptr_array_index (pairs, i);
      pair->original = pair->base != NULL ? lp_replay_object (original, pair->base) : NULL;
      pair->patched = pair->second != NULL ? lp_replay_object (patched, pair->second) : NULL;
    }
  GPtrArray *differing = drop_equal (pairs, n_equal, error);
  if (differing == NULL)
    g_clear_pointer (second, lp_trace_free);
  return differing;
}
