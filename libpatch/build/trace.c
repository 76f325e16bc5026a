/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trace in memory, and the questions asked of it: which units are in this ELF file. */

#include "config.h"

#include "build/trace.h"

#include "base/error.h"

#include <string.h>

static void
unit_free (LpTraceUnit *unit)
{
  g_free (unit->source);
  g_free (unit->cwd);
  g_free (unit->compiler);
  g_strfreev (unit->argv);
  g_free (unit->assembler);
  g_strfreev (unit->as_argv);
  g_free (unit->object);
  g_free (unit->digest);
  g_free (unit->kept);
  g_strfreev (unit->depends);
  g_free (unit);
}

static void
link_free (LpTraceLink *link)
{
  g_free (link->path);
  g_free (link->digest);
  g_free (link->kept);
  g_free (link->build_id);
  g_strfreev (link->inputs);
  g_free (link);
}

static void
rewrite_free (LpTraceRewrite *rewrite)
{
  g_free (rewrite->tool);
  g_free (rewrite->path);
  g_free (rewrite->from);
  g_free (rewrite->to);
  g_free (rewrite);
}

static void
packaged_free (LpTracePackaged *packaged)
{
  g_free (packaged->package);
  g_free (packaged->path);
  g_free (packaged->build_id);
  g_free (packaged->link);
  g_free (packaged);
}

LpTrace *
lp_trace_new (const char *tree)
{
  LpTrace *trace = g_new0 (LpTrace, 1);

  trace->tree = g_strdup (tree);
  trace->units = g_ptr_array_new_with_free_func ((GDestroyNotify)unit_free);
  trace->links = g_ptr_array_new_with_free_func ((GDestroyNotify)link_free);
  trace->rewrites = g_ptr_array_new_with_free_func ((GDestroyNotify)rewrite_free);
  trace->packaged = g_ptr_array_new_with_free_func ((GDestroyNotify)packaged_free);
  trace->environments = g_ptr_array_new_with_free_func ((GDestroyNotify)g_strfreev);
  trace->refusals = g_ptr_array_new_with_free_func (g_free);
  trace->files_read = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  trace->tools = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return trace;
}

void
lp_trace_free (LpTrace *trace)
{
  if (trace == NULL)
    return;
  g_free (trace->tree);
  g_ptr_array_unref (trace->units);
  g_ptr_array_unref (trace->links);
  g_ptr_array_unref (trace->rewrites);
  g_ptr_array_unref (trace->packaged);
  g_ptr_array_unref (trace->environments);
  g_ptr_array_unref (trace->refusals);
  g_hash_table_unref (trace->files_read);
  g_hash_table_unref (trace->tools);
  g_clear_pointer (&trace->by_digest, g_hash_table_unref);
  g_free (trace);
}

LpTraceUnit *
lp_trace_add_unit (LpTrace *trace)
{
  LpTraceUnit *unit = g_new0 (LpTraceUnit, 1);

  g_clear_pointer (&trace->by_digest, g_hash_table_unref);
  unit->id = trace->units->len;
  g_ptr_array_add (trace->units, unit);
  return unit;
}

LpTraceLink *
lp_trace_add_link (LpTrace *trace)
{
  LpTraceLink *link = g_new0 (LpTraceLink, 1);

  g_ptr_array_add (trace->links, link);
  return link;
}

LpTraceRewrite *
lp_trace_add_rewrite (LpTrace *trace)
{
  LpTraceRewrite *rewrite = g_new0 (LpTraceRewrite, 1);

  g_ptr_array_add (trace->rewrites, rewrite);
  return rewrite;
}

LpTracePackaged *
lp_trace_add_packaged (LpTrace *trace)
{
  LpTracePackaged *packaged = g_new0 (LpTracePackaged, 1);

  g_ptr_array_add (trace->packaged, packaged);
  return packaged;
}

guint
lp_trace_add_environment (LpTrace *trace, const char *const *environment)
{
  for (guint i = 0; i < trace->environments->len; i++)
    if (g_strv_equal (g_ptr_array_index (trace->environments, i), environment))
      return i;
  g_ptr_array_add (trace->environments, g_strdupv ((GStrv)environment));
  return trace->environments->len - 1;
}

const char *
lp_trace_relative (const LpTrace *trace, const char *path)
{
  gsize length = strlen (trace->tree);

  if (strncmp (path, trace->tree, length) == 0 && path[length] == '/')
    return path + length + 1;
  return path;
}

static gint
compare_units (gconstpointer a, gconstpointer b)
{
  const LpTraceUnit *first = *(LpTraceUnit *const *)a;
  const LpTraceUnit *second = *(LpTraceUnit *const *)b;

  return first->id < second->id ? -1 : first->id > second->id;
}

/* Units by the digest of their objects: a large program has thousands of objects, and they are asked for one
 * by one. */
static GPtrArray *
units_with_digest (const LpTrace *trace, const char *digest)
{
  LpTrace *cache = (LpTrace *)trace; /* the index is no part of what the trace says */

  if (cache->by_digest == NULL)
    {
      cache->by_digest
          = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
      for (guint i = 0; i < trace->units->len; i++)
        {
          LpTraceUnit *unit = g_ptr_array_index (trace->units, i);
          GPtrArray *units = g_hash_table_lookup (cache->by_digest, unit->digest);
          if (units == NULL)
            {
              units = g_ptr_array_new ();
              g_hash_table_insert (cache->by_digest, unit->digest, units);
            }
          g_ptr_array_add (units, unit);
        }
    }
  return g_hash_table_lookup (cache->by_digest, digest);
}

/* Who wrote the object with @digest: units directly, else what a relocatable link or a rewrite was made from.
 */
static gboolean
expand_digest (const LpTrace *trace, const char *digest, GHashTable *seen, GPtrArray *units, GQueue *pending)
{
  GPtrArray *writers = units_with_digest (trace, digest);
  gboolean known = writers != NULL;

  for (guint i = 0; writers != NULL && i < writers->len; i++)
    if (g_hash_table_add (seen, g_ptr_array_index (writers, i)))
      g_ptr_array_add (units, g_ptr_array_index (writers, i));
  for (guint i = 0; i < trace->links->len; i++)
    {
      const LpTraceLink *link = g_ptr_array_index (trace->links, i);
      if (!link->relocatable || strcmp (link->digest, digest) != 0)
        continue;
      known = TRUE;
      for (guint k = 0; link->inputs[k] != NULL; k++)
        g_queue_push_tail (pending, link->inputs[k]);
    }
  for (guint i = 0; i < trace->rewrites->len; i++)
    {
      const LpTraceRewrite *rewrite = g_ptr_array_index (trace->rewrites, i);
      if (strcmp (rewrite->to, digest) != 0)
        continue;
      known = TRUE;
      g_queue_push_tail (pending, rewrite->from);
    }
  return known;
}

GPtrArray *
lp_trace_link_units (const LpTrace *trace, const LpTraceLink *link, GPtrArray *foreign)
{
  g_autoptr (GHashTable) asked = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autoptr (GPtrArray) units = g_ptr_array_new ();
  g_auto (GQueue) pending = G_QUEUE_INIT;

  for (guint i = 0; link->inputs[i] != NULL; i++)
    g_queue_push_tail (&pending, link->inputs[i]);
  while (!g_queue_is_empty (&pending))
    {
      char *digest = g_queue_pop_head (&pending);
      if (!g_hash_table_add (asked, digest))
        continue;
      if (!expand_digest (trace, digest, seen, units, &pending) && foreign != NULL)
        g_ptr_array_add (foreign, digest);
    }
  g_ptr_array_sort (units, compare_units);
  return g_steal_pointer (&units);
}

const LpTraceRewrite *
lp_trace_unit_rewrite (const LpTrace *trace, const LpTraceUnit *unit)
{
  for (guint i = 0; i < trace->rewrites->len; i++)
    {
      const LpTraceRewrite *rewrite = g_ptr_array_index (trace->rewrites, i);
      if (strcmp (rewrite->from, unit->digest) == 0)
        return rewrite;
    }
  return NULL;
}
