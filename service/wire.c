/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Length-limited JSON messages. Must not know what the messages mean. */
#include "wire.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

GBytes *
sc_wire_encode (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, FALSE);
  gsize size = strlen (text);
  guint8 *bytes = g_malloc (SC_WIRE_HEADER + size);
  guint32 header = GUINT32_TO_BE ((guint32)size);

  memcpy (bytes, &header, SC_WIRE_HEADER);
  /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes with their length, not a string */
  memcpy (bytes + SC_WIRE_HEADER, text, size);
  return g_bytes_new_take (bytes, SC_WIRE_HEADER + size);
}

gsize
sc_wire_length (const guint8 *header)
{
  guint32 size;

  memcpy (&size, header, sizeof size);
  size = GUINT32_FROM_BE (size);
  return size <= SC_WIRE_MAX ? size : 0;
}

JsonObject *
sc_wire_decode (const char *text, gsize size, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) parse_error = NULL;

  if (!g_utf8_validate_len (text, size, NULL))
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "worker message is not UTF-8");
      return NULL;
    }
  if (!json_parser_load_from_data (parser, text, size, &parse_error))
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "worker message is malformed: %s", parse_error->message);
      return NULL;
    }
  JsonNode *root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "worker message is not an object");
      return NULL;
    }
  return json_object_ref (json_node_get_object (root));
}

gboolean
sc_wire_write (int fd, JsonObject *object, GError **error)
{
  g_autoptr (GBytes) message = sc_wire_encode (object);
  gsize size, done = 0;
  const guint8 *bytes = g_bytes_get_data (message, &size);

  while (done < size)
    {
      ssize_t n = send (fd, bytes + done, size - done, MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't write to the service");
          return FALSE;
        }
      done += n;
    }
  return TRUE;
}

/* TRUE when all of @size bytes came; FALSE without an error at the end of the stream. */
static gboolean
read_all (int fd, void *buffer, gsize size, GError **error)
{
  gsize done = 0;

  while (done < size)
    {
      ssize_t n = read (fd, (guint8 *)buffer + done, size - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't read from the service");
      if (n <= 0)
        return FALSE;
      done += n;
    }
  return TRUE;
}

JsonObject *
sc_wire_read (int fd, GError **error)
{
  guint8 header[SC_WIRE_HEADER];

  if (!read_all (fd, header, sizeof header, error))
    return NULL;
  gsize size = sc_wire_length (header);
  if (size == 0)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "message with an impossible length");
      return NULL;
    }
  g_autofree char *text = g_malloc (size);
  return read_all (fd, text, size, error) ? sc_wire_decode (text, size, error) : NULL;
}

static JsonNode *
member (JsonObject *object, const char *name, GType type)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type ? node
                                                                                                 : NULL;
}

const char *
sc_wire_string (JsonObject *object, const char *name)
{
  JsonNode *node = member (object, name, G_TYPE_STRING);

  return node != NULL ? json_node_get_string (node) : "";
}

gint64
sc_wire_int (JsonObject *object, const char *name)
{
  JsonNode *node = member (object, name, G_TYPE_INT64);

  return node != NULL ? json_node_get_int (node) : 0;
}

gboolean
sc_wire_bool (JsonObject *object, const char *name)
{
  JsonNode *node = member (object, name, G_TYPE_BOOLEAN);

  return node != NULL && json_node_get_boolean (node);
}

JsonArray *
sc_wire_array (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

GStrv
sc_wire_strv (JsonObject *object, const char *name)
{
  g_autoptr (GStrvBuilder) strings = g_strv_builder_new ();
  JsonArray *array = sc_wire_array (object, name);

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      const char *string = json_array_get_string_element (array, i);
      if (string != NULL)
        g_strv_builder_add (strings, string);
    }
  return g_strv_builder_end (strings);
}

JsonObject *
sc_wire_element (JsonArray *array, guint index)
{
  JsonNode *node = json_array_get_element (array, index);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

void
sc_wire_set_error (JsonObject *object, const GError *error)
{
  json_object_set_string_member (object, "error", lp_error_info_for (error)->name);
  json_object_set_string_member (object, "message", error->message);
}

GError *
sc_wire_get_error (JsonObject *object)
{
  const char *name = sc_wire_string (object, "error");
  const LpErrorInfo *info = name[0] != '\0' ? lp_error_info_by_name (name) : NULL;

  if (name[0] == '\0')
    return NULL;
  return g_error_new_literal (LP_ERROR, info != NULL ? info->code : LP_ERROR_FAILED,
                              sc_wire_string (object, "message"));
}
