/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strict reading and canonical writing of JSON from outside. Must not know what the documents mean. Source:
 * RFC 8259. */
#include "format/json.h"

#include <string.h>

#include "base/text.h"

#define EXACT_INTEGER_MAX (G_GUINT64_CONSTANT (1) << 53)
#define VECTOR_MAX 65536 /* strings in one array */

static gboolean
refuse_text (const char *name, LpError code, gsize offset, const char *what, GError **error)
{
  lp_error_set (error, code, NULL, "%s: offset %" G_GSIZE_FORMAT ": %s", name, offset, what);
  return FALSE;
}

JsonNode *
lp_json_parse (const char *data, gssize length, const char *name, LpError code, GError **error)
{
  gsize size = length < 0 ? strlen (data) : (gsize)length;
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) reason = NULL;
  const char *end;

  if (!g_utf8_validate_len (data, size, &end))
    {
      refuse_text (name, code, end - data, "not UTF-8", error);
      return NULL;
    }
  gsize offset;
  const char *problem = lp_json_check_grammar (data, size, &offset);
  if (problem != NULL)
    {
      refuse_text (name, code, offset, problem, error);
      return NULL;
    }
  if (!json_parser_load_from_data (parser, data, size, &reason))
    {
      g_autofree char *printable = lp_text_printable (reason->message);
      lp_error_set (error, code, NULL, "%s: %s", name, printable);
      return NULL;
    }

  JsonNode *root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      lp_error_set (error, code, NULL, "%s: not a JSON object", name);
      return NULL;
    }
  return json_parser_steal_root (parser);
}

gboolean
lp_json_refuse (const LpJson *json, const char *member, const char *what, GError **error)
{
  lp_error_set (error, json->code, NULL, "%s%s: %s", json->where, member, what);
  return FALSE;
}

/* The member's node; *@node is NULL when it is missing and need not be there. */
static gboolean
find (const LpJson *json, const char *member, gboolean required, JsonNode **node, GError **error)
{
  *node = json_object_get_member (json->object, member);
  return *node != NULL || !required || lp_json_refuse (json, member, "missing", error);
}

static gboolean
is_text (const char *text, gsize max)
{
  return strlen (text) <= max && g_utf8_validate (text, -1, NULL);
}

gboolean
lp_json_string (const LpJson *json, const char *member, gboolean required, gsize max, char **value,
                GError **error)
{
  JsonNode *node;

  if (!find (json, member, required, &node, error))
    return FALSE;
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return lp_json_refuse (json, member, "not a string", error);
  if (!is_text (json_node_get_string (node), max))
    return lp_json_refuse (json, member, "too long, or not UTF-8", error);
  g_free (*value);
  *value = json_node_dup_string (node);
  return TRUE;
}

gboolean
lp_json_strings (const LpJson *json, const char *member, gboolean required, gsize max, GStrv *value,
                 GError **error)
{
  JsonArray *array;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (!lp_json_array (json, member, required, VECTOR_MAX, &array, error))
    return FALSE;
  if (array == NULL)
    return TRUE;
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING
          || !is_text (json_node_get_string (node), max))
        return lp_json_refuse (json, member, "an element is not a string, too long, or not UTF-8", error);
      g_strv_builder_add (builder, json_node_get_string (node));
    }
  g_strfreev (*value);
  *value = g_strv_builder_end (builder);
  return TRUE;
}

gboolean
lp_json_boolean (const LpJson *json, const char *member, gboolean required, gboolean *value, GError **error)
{
  JsonNode *node;

  if (!find (json, member, required, &node, error))
    return FALSE;
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return lp_json_refuse (json, member, "neither true nor false", error);
  *value = json_node_get_boolean (node);
  return TRUE;
}

gboolean
lp_json_uint (const LpJson *json, const char *member, gboolean required, guint64 *value, GError **error)
{
  JsonNode *node;

  if (!find (json, member, required, &node, error))
    return FALSE;
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64
      || json_node_get_int (node) < 0 || (guint64)json_node_get_int (node) > EXACT_INTEGER_MAX)
    return lp_json_refuse (json, member, "not a whole number from 0 to 2^53", error);
  *value = json_node_get_int (node);
  return TRUE;
}

gboolean
lp_json_address (const LpJson *json, const char *member, gboolean required, guint64 *value, GError **error)
{
  g_autofree char *text = NULL;

  if (!lp_json_string (json, member, required, 18, &text, error))
    return FALSE;
  if (text == NULL)
    return TRUE;
  if (!g_str_has_prefix (text, "0x") || text[2] == '\0'
      || text[2 + strspn (text + 2, "0123456789abcdef")] != '\0')
    return lp_json_refuse (json, member, "not a number like \"0x401000\"", error);
  *value = g_ascii_strtoull (text + 2, NULL, 16);
  return TRUE;
}

gboolean
lp_json_object (const LpJson *json, const char *member, gboolean required, JsonObject **value, GError **error)
{
  JsonNode *node;

  if (!find (json, member, required, &node, error))
    return FALSE;
  if (node != NULL && !JSON_NODE_HOLDS_OBJECT (node))
    return lp_json_refuse (json, member, "not an object", error);
  *value = node != NULL ? json_node_get_object (node) : NULL;
  return TRUE;
}

gboolean
lp_json_array (const LpJson *json, const char *member, gboolean required, guint max, JsonArray **value,
               GError **error)
{
  JsonNode *node;

  if (!find (json, member, required, &node, error))
    return FALSE;
  if (node != NULL && !JSON_NODE_HOLDS_ARRAY (node))
    return lp_json_refuse (json, member, "not an array", error);
  *value = node != NULL ? json_node_get_array (node) : NULL;
  if (*value != NULL && json_array_get_length (*value) > max)
    return lp_json_refuse (json, member, "too many elements", error);
  return TRUE;
}

gboolean
lp_json_element (const LpJson *json, const char *member, JsonArray *array, guint index, LpJson *element,
                 char **where, GError **error)
{
  JsonNode *node = json_array_get_element (array, index);

  g_free (*where);
  *where = g_strdup_printf ("%s%s[%u].", json->where, member, index);
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return lp_json_refuse (json, member, "an element is not an object", error);
  *element = (LpJson){ json_node_get_object (node), *where, json->code };
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (a, b);
}

static JsonNode *sorted (JsonNode *node);

static JsonNode *
sorted_object (JsonObject *object)
{
  g_autoptr (GList) members = g_list_sort (json_object_get_members (object), compare_names);
  JsonNode *copy = json_node_new (JSON_NODE_OBJECT);
  JsonObject *result = json_object_new ();

  for (GList *member = members; member != NULL; member = member->next)
    json_object_set_member (result, member->data, sorted (json_object_get_member (object, member->data)));
  json_node_take_object (copy, result);
  return copy;
}

static JsonNode *
sorted_array (JsonArray *array)
{
  JsonNode *copy = json_node_new (JSON_NODE_ARRAY);
  JsonArray *result = json_array_new ();

  for (guint i = 0; i < json_array_get_length (array); i++)
    json_array_add_element (result, sorted (json_array_get_element (array, i)));
  json_node_take_array (copy, result);
  return copy;
}

/* A copy whose members come in the order of their names. Documents are at most LP_JSON_DEPTH_MAX deep. */
static JsonNode *
sorted (JsonNode *node)
{
  if (JSON_NODE_HOLDS_OBJECT (node))
    return sorted_object (json_node_get_object (node));
  if (JSON_NODE_HOLDS_ARRAY (node))
    return sorted_array (json_node_get_array (node));
  return json_node_copy (node);
}

static char *
generate (JsonNode *canonical, gboolean pretty)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();

  json_generator_set_root (generator, canonical);
  json_generator_set_pretty (generator, pretty);
  json_generator_set_indent (generator, 2);
  g_autofree char *text = json_generator_to_data (generator, NULL);
  return g_strconcat (text, "\n", NULL);
}

char *
lp_json_to_text (JsonNode *node, gboolean pretty)
{
  g_autoptr (JsonNode) canonical = sorted (node);

  return generate (canonical, pretty);
}

char *
lp_json_seal (JsonNode *node, const char *member)
{
  g_autoptr (JsonNode) canonical = sorted (node);
  JsonObject *object = json_node_get_object (canonical);

  if (json_object_has_member (object, member))
    json_object_remove_member (object, member);
  g_autofree char *unsealed = generate (canonical, /* pretty= */ TRUE);
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, unsealed, -1);
  json_object_set_string_member (object, member, digest);
  return lp_json_to_text (canonical, /* pretty= */ TRUE);
}

/* What lp_json_seal() writes is its own proof: without the line of the seal, the text has the digest that the
 * line names. FALSE when it isn't so, or can't be told this way. */
static gboolean
has_own_digest (const char *member, const char *data, gsize length)
{
  g_autofree char *start = g_strdup_printf ("\n  \"%s\" : \"", member);
  const char *line = g_strstr_len (data, (gssize)length, start);
  gsize digest_size = g_checksum_type_get_length (G_CHECKSUM_SHA256) * 2,
        after = digest_size + strlen ("\",");

  if (line == NULL || length - (gsize)(line - data) < strlen (start) + after)
    return FALSE;
  const char *named = line + strlen (start), *rest = named + after;
  if (strncmp (named + digest_size, "\",", 2) != 0)
    return FALSE;
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (checksum, (const guchar *)data, line - data);
  g_checksum_update (checksum, (const guchar *)rest, (gssize)length - (rest - data));
  return strncmp (g_checksum_get_string (checksum), named, digest_size) == 0;
}

gboolean
lp_json_check_seal (JsonNode *node, const char *member, const char *data, gsize length, LpError code,
                    GError **error)
{
  /* The long way costs a copy of the whole document, sorted and written again. */
  if (has_own_digest (member, data, length))
    return TRUE;
  g_autofree char *expected = lp_json_seal (node, member);

  if (strlen (expected) == length && memcmp (expected, data, length) == 0)
    return TRUE;
  lp_error_set (error, code, NULL, "%s: its digest differs: the file was changed after it was written",
                member);
  return FALSE;
}

void
lp_json_add_string (JsonObject *object, const char *member, const char *value)
{
  json_object_set_string_member (object, member, value != NULL ? value : "");
}

void
lp_json_add_strings (JsonObject *object, const char *member, char *const *value)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; value != NULL && value[i] != NULL; i++)
    json_array_add_string_element (array, value[i]);
  json_object_set_array_member (object, member, array);
}

void
lp_json_add_address (JsonObject *object, const char *member, guint64 value)
{
  g_autofree char *text = g_strdup_printf ("0x%" G_GINT64_MODIFIER "x", value);

  json_object_set_string_member (object, member, text);
}
