/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trace as a JSON file: written by us, but read as if it were anybody's (a cache may be damaged). */

#include "config.h"

#include "build/trace.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_strings (JsonBuilder *builder, const char *name, GStrv values)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (guint i = 0; values[i] != NULL; i++)
    json_builder_add_string_value (builder, values[i]);
  json_builder_end_array (builder);
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_unit (JsonBuilder *builder, const LpTraceUnit *unit)
{
  json_builder_begin_object (builder);
  add_int (builder, "kind", unit->kind);
  add_string (builder, "source", unit->source);
  add_string (builder, "cwd", unit->cwd);
  add_string (builder, "compiler", unit->compiler);
  add_strings (builder, "argv", unit->argv);
  add_string (builder, "assembler", unit->assembler);
  add_strings (builder, "as-argv", unit->as_argv);
  add_int (builder, "env", unit->env);
  add_string (builder, "object", unit->object);
  add_string (builder, "digest", unit->digest);
  add_string (builder, "kept", unit->kept);
  if (unit->depends != NULL)
    add_strings (builder, "depends", unit->depends);
  json_builder_end_object (builder);
}

static void
add_link (JsonBuilder *builder, const LpTraceLink *link)
{
  json_builder_begin_object (builder);
  add_string (builder, "path", link->path);
  json_builder_set_member_name (builder, "relocatable");
  json_builder_add_boolean_value (builder, link->relocatable);
  add_string (builder, "digest", link->digest);
  add_string (builder, "kept", link->kept);
  add_string (builder, "build-id", link->build_id);
  add_strings (builder, "inputs", link->inputs);
  json_builder_end_object (builder);
}

static void
begin_array (JsonBuilder *builder, const char *name)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
}

static void
add_lists (JsonBuilder *builder, const LpTrace *trace)
{
  begin_array (builder, "units");
  for (guint i = 0; i < trace->units->len; i++)
    add_unit (builder, g_ptr_array_index (trace->units, i));
  json_builder_end_array (builder);

  begin_array (builder, "links");
  for (guint i = 0; i < trace->links->len; i++)
    add_link (builder, g_ptr_array_index (trace->links, i));
  json_builder_end_array (builder);

  begin_array (builder, "rewrites");
  for (guint i = 0; i < trace->rewrites->len; i++)
    {
      const LpTraceRewrite *rewrite = g_ptr_array_index (trace->rewrites, i);
      json_builder_begin_object (builder);
      add_string (builder, "tool", rewrite->tool);
      add_string (builder, "path", rewrite->path);
      add_string (builder, "from", rewrite->from);
      add_string (builder, "to", rewrite->to);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);

  begin_array (builder, "packaged");
  for (guint i = 0; i < trace->packaged->len; i++)
    {
      const LpTracePackaged *packaged = g_ptr_array_index (trace->packaged, i);
      json_builder_begin_object (builder);
      add_string (builder, "package", packaged->package);
      add_string (builder, "path", packaged->path);
      add_string (builder, "build-id", packaged->build_id);
      add_string (builder, "link", packaged->link);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);

  begin_array (builder, "environments");
  for (guint i = 0; i < trace->environments->len; i++)
    {
      GStrv environment = g_ptr_array_index (trace->environments, i);
      json_builder_begin_array (builder);
      for (guint k = 0; environment[k] != NULL; k++)
        json_builder_add_string_value (builder, environment[k]);
      json_builder_end_array (builder);
    }
  json_builder_end_array (builder);
}

gboolean
lp_trace_save (const LpTrace *trace, const char *path, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GError) local = NULL;
  GHashTableIter iter;
  gpointer key, value;

  json_builder_begin_object (builder);
  add_int (builder, "format", LP_TRACE_FORMAT);
  add_string (builder, "tree", trace->tree);
  add_lists (builder, trace);

  begin_array (builder, "refusals");
  for (guint i = 0; i < trace->refusals->len; i++)
    json_builder_add_string_value (builder, g_ptr_array_index (trace->refusals, i));
  json_builder_end_array (builder);

  json_builder_set_member_name (builder, "reads-known");
  json_builder_add_boolean_value (builder, trace->reads_known);
  begin_array (builder, "files-read");
  g_hash_table_iter_init (&iter, trace->files_read);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    json_builder_add_string_value (builder, key);
  json_builder_end_array (builder);

  json_builder_set_member_name (builder, "tools");
  json_builder_begin_object (builder);
  g_hash_table_iter_init (&iter, trace->tools);
  while (g_hash_table_iter_next (&iter, &key, &value))
    add_string (builder, key, value);
  json_builder_end_object (builder);
  json_builder_end_object (builder);

  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, /* pretty= */ FALSE);
  if (g_file_set_contents (path, text, -1, &local))
    return TRUE;
  lp_error_set (error, LP_ERROR_FAILED, NULL, "%s", local->message);
  return FALSE;
}

/* Reading. A reader that met something wrong answers with defaults and says so once, at the end. */
typedef struct {
  gboolean bad;
} Reader;

static const char *
get_string (Reader *reader, JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node != NULL && json_node_get_value_type (node) == G_TYPE_STRING)
    return json_node_get_string (node);
  reader->bad = TRUE;
  return "";
}

static gint64
get_int (Reader *reader, JsonObject *object, const char *name, gint64 limit)
{
  JsonNode *node = json_object_get_member (object, name);
  gint64 value
      = node != NULL && json_node_get_value_type (node) == G_TYPE_INT64 ? json_node_get_int (node) : -1;

  if (value >= 0 && value < limit)
    return value;
  reader->bad = TRUE;
  return 0;
}

static gboolean
get_boolean (Reader *reader, JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node != NULL && json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    return json_node_get_boolean (node);
  reader->bad = TRUE;
  return FALSE;
}

static JsonArray *
get_array (Reader *reader, JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node != NULL && JSON_NODE_HOLDS_ARRAY (node))
    return json_node_get_array (node);
  reader->bad = TRUE;
  return NULL;
}

static guint
array_length (JsonArray *array)
{
  return array != NULL ? json_array_get_length (array) : 0;
}

static GStrv
strings_of (Reader *reader, JsonArray *array)
{
  GPtrArray *strings = g_ptr_array_new ();

  for (guint i = 0; i < array_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      gboolean is_string = json_node_get_value_type (node) == G_TYPE_STRING;
      if (!is_string)
        reader->bad = TRUE;
      g_ptr_array_add (strings, g_strdup (is_string ? json_node_get_string (node) : ""));
    }
  g_ptr_array_add (strings, NULL);
  return (GStrv)g_ptr_array_free (strings, FALSE);
}

static JsonObject *
element_object (Reader *reader, JsonArray *array, guint i)
{
  JsonNode *node = json_array_get_element (array, i);

  if (JSON_NODE_HOLDS_OBJECT (node))
    return json_node_get_object (node);
  reader->bad = TRUE;
  return NULL;
}

static void
read_unit (Reader *reader, JsonObject *object, LpTrace *trace)
{
  LpTraceUnit *unit = lp_trace_add_unit (trace);

  unit->kind = (LpUnitKind)get_int (reader, object, "kind", LP_UNIT_LTO + 1);
  unit->source = g_strdup (get_string (reader, object, "source"));
  unit->cwd = g_strdup (get_string (reader, object, "cwd"));
  unit->compiler = g_strdup (get_string (reader, object, "compiler"));
  unit->argv = strings_of (reader, get_array (reader, object, "argv"));
  unit->assembler = g_strdup (get_string (reader, object, "assembler"));
  unit->as_argv = strings_of (reader, get_array (reader, object, "as-argv"));
  unit->env = (guint)get_int (reader, object, "env", trace->environments->len);
  unit->object = g_strdup (get_string (reader, object, "object"));
  unit->digest = g_strdup (get_string (reader, object, "digest"));
  unit->kept = g_strdup (get_string (reader, object, "kept"));
  if (json_object_has_member (object, "depends"))
    unit->depends = strings_of (reader, get_array (reader, object, "depends"));
}

static void
read_link (Reader *reader, JsonObject *object, LpTrace *trace)
{
  LpTraceLink *link = lp_trace_add_link (trace);

  link->path = g_strdup (get_string (reader, object, "path"));
  link->relocatable = get_boolean (reader, object, "relocatable");
  link->digest = g_strdup (get_string (reader, object, "digest"));
  link->kept = g_strdup (get_string (reader, object, "kept"));
  link->build_id = g_strdup (get_string (reader, object, "build-id"));
  link->inputs = strings_of (reader, get_array (reader, object, "inputs"));
}

static void
read_rewrite (Reader *reader, JsonObject *object, LpTrace *trace)
{
  LpTraceRewrite *rewrite = lp_trace_add_rewrite (trace);

  rewrite->tool = g_strdup (get_string (reader, object, "tool"));
  rewrite->path = g_strdup (get_string (reader, object, "path"));
  rewrite->from = g_strdup (get_string (reader, object, "from"));
  rewrite->to = g_strdup (get_string (reader, object, "to"));
}

static void
read_packaged (Reader *reader, JsonObject *object, LpTrace *trace)
{
  LpTracePackaged *packaged = lp_trace_add_packaged (trace);

  packaged->package = g_strdup (get_string (reader, object, "package"));
  packaged->path = g_strdup (get_string (reader, object, "path"));
  packaged->build_id = g_strdup (get_string (reader, object, "build-id"));
  packaged->link = g_strdup (get_string (reader, object, "link"));
}

static void
read_objects (Reader *reader, JsonObject *root, const char *name, LpTrace *trace,
              void (*read_one) (Reader *, JsonObject *, LpTrace *))
{
  JsonArray *array = get_array (reader, root, name);

  for (guint i = 0; i < array_length (array); i++)
    {
      JsonObject *object = element_object (reader, array, i);
      if (object != NULL)
        read_one (reader, object, trace);
    }
}

static void
read_root (Reader *reader, JsonObject *root, LpTrace *trace)
{
  JsonArray *environments = get_array (reader, root, "environments");

  for (guint i = 0; i < array_length (environments); i++)
    {
      JsonNode *node = json_array_get_element (environments, i);
      if (JSON_NODE_HOLDS_ARRAY (node))
        g_ptr_array_add (trace->environments, strings_of (reader, json_node_get_array (node)));
      else
        reader->bad = TRUE;
    }
  read_objects (reader, root, "units", trace, read_unit);
  read_objects (reader, root, "links", trace, read_link);
  read_objects (reader, root, "rewrites", trace, read_rewrite);
  read_objects (reader, root, "packaged", trace, read_packaged);

  g_auto (GStrv) refusals = strings_of (reader, get_array (reader, root, "refusals"));
  for (guint i = 0; refusals[i] != NULL; i++)
    g_ptr_array_add (trace->refusals, g_strdup (refusals[i]));
  trace->reads_known = get_boolean (reader, root, "reads-known");
  g_auto (GStrv) files = strings_of (reader, get_array (reader, root, "files-read"));
  for (guint i = 0; files[i] != NULL; i++)
    g_hash_table_add (trace->files_read, g_strdup (files[i]));

  JsonNode *tools = json_object_get_member (root, "tools");
  if (tools == NULL || !JSON_NODE_HOLDS_OBJECT (tools))
    {
      reader->bad = TRUE;
      return;
    }
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;
  json_object_iter_init (&iter, json_node_get_object (tools));
  while (json_object_iter_next (&iter, &name, &value))
    if (json_node_get_value_type (value) == G_TYPE_STRING)
      g_hash_table_insert (trace->tools, g_strdup (name), g_strdup (json_node_get_string (value)));
}

LpTrace *
lp_trace_load (const char *path, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) local = NULL;
  Reader reader = { FALSE };

  if (!json_parser_load_from_file (parser, path, &local))
    {
      lp_error_set (error, LP_ERROR_STATE_CORRUPT, NULL, "%s: %s", path, local->message);
      return NULL;
    }
  JsonNode *node = json_parser_get_root (parser);
  JsonObject *root = node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  if (root == NULL || get_int (&reader, root, "format", G_MAXINT) != LP_TRACE_FORMAT)
    {
      lp_error_set (error, LP_ERROR_STATE_CORRUPT, NULL, "%s: of another format", path);
      return NULL;
    }

  g_autoptr (LpTrace) trace = lp_trace_new (get_string (&reader, root, "tree"));
  read_root (&reader, root, trace);
  if (reader.bad)
    {
      lp_error_set (error, LP_ERROR_STATE_CORRUPT, NULL, "%s: a member is missing or of the wrong type",
                    path);
      return NULL;
    }
  return g_steal_pointer (&trace);
}
