/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a patch bundle says about itself; see bundle-file.h. */
#include "bundle-file.h"

#include <glib/gi18n.h>
#include <json-glib/json-glib.h>
#include <string.h>

#define MANIFEST "patch.json"
#define LARGEST_MANIFEST (4 * 1024 * 1024)
#define LONGEST_DESCRIPTION 2000 /* characters that are shown */

static char *
member_string (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  if (!node || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return g_strdup ("");
  const char *text = json_node_get_string (node);
  return g_utf8_strlen (text, -1) > LONGEST_DESCRIPTION ? g_utf8_substring (text, 0, LONGEST_DESCRIPTION)
                                                        : g_strdup (text);
}

static JsonArray *
member_array (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static JsonObject *
member_object (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* The strings of @array with commas between them. */
static char *
join_strings (JsonArray *array)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
        continue;
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", json_node_get_string (node));
    }
  return g_string_free (text, FALSE);
}

static void
take_objects (ScBundleFile *self, JsonArray *objects)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; objects && i < json_array_get_length (objects); i++)
    {
      JsonNode *node = json_array_get_element (objects, i);
      if (!JSON_NODE_HOLDS_OBJECT (node))
        continue;
      JsonObject *object = json_node_get_object (node);
      g_autofree char *name = member_string (object, "name");
      JsonArray *functions = member_array (object, "functions");
      g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", name);
      self->functions += functions ? json_array_get_length (functions) : 0;
    }
  self->objects = g_string_free (names, FALSE);
}

/* "redis 7.0.15-1~deb12u7" from the target's source package and version, in either of the manifest's shapes.
 */
static char *
read_target (JsonObject *root)
{
  JsonObject *target = member_object (root, "target");
  g_autofree char *source = target ? member_string (target, "source") : member_string (root, "target_source");
  g_autofree char *version
      = target ? member_string (target, "version") : member_string (root, "target_version");
  const char *epoch_end = strchr (version, ':');
  const char *shown = epoch_end ? epoch_end + 1 : version;

  return *source && *shown ? g_strdup_printf ("%s %s", source, shown) : g_strdup (source);
}

static ScBundleFile *
parse (const char *data, gsize length, const char *path, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();

  if (!g_utf8_validate (data, (gssize)length, NULL)
      || !json_parser_load_from_data (parser, data, (gssize)length, NULL)
      || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("Its patch.json can’t be read"));
      return NULL;
    }
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  ScBundleFile *self = g_new0 (ScBundleFile, 1);
  self->path = g_strdup (path);
  self->name = member_string (root, "name");
  self->kind = member_string (root, "kind");
  self->severity = member_string (root, "severity");
  self->description = member_string (root, "description");
  self->issues = join_strings (member_array (root, "issues"));
  self->target = read_target (root);
  take_objects (self, member_array (root, "objects"));
  return self;
}

static void
return_parsed (GTask *task, const char *data, gsize length)
{
  g_autoptr (GError) error = NULL;
  ScBundleFile *file = NULL;

  if (length == 0)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("There is no patch.json in it"));
  else if (length > LARGEST_MANIFEST)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("Its patch.json is too large"));
  else
    file = parse (data, length, g_task_get_task_data (task), &error);
  if (file)
    g_task_return_pointer (task, file, (GDestroyNotify)sc_bundle_file_free);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
on_manifest_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  gsize length;

  if (!g_file_load_contents_finish (G_FILE (source), result, &data, &length, NULL, &error))
    g_task_return_error (task, g_steal_pointer (&error));
  else
    return_parsed (task, data, length);
}

static void
on_tar_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &error);
  GByteArray *collected = g_object_get_data (G_OBJECT (task), "collected");

  if (!bytes)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  gsize length = g_bytes_get_size (bytes);
  g_byte_array_append (collected, g_bytes_get_data (bytes, NULL), (guint)length);
  if (length == 0 || collected->len > LARGEST_MANIFEST)
    {
      return_parsed (task, (const char *)collected->data, collected->len);
      return;
    }
  GCancellable *cancellable = g_task_get_cancellable (task);
  g_input_stream_read_bytes_async (G_INPUT_STREAM (source), 65536, G_PRIORITY_DEFAULT, cancellable,
                                   on_tar_read, g_steal_pointer (&task));
}

/* tar knows every compression that the service takes; it runs as the user and writes into a pipe only. */
static void
read_archive (GTask *task, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) tar
      = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error, "tar",
                          "--extract", "--to-stdout", "--force-local", "--wildcards",
                          "--no-wildcards-match-slash", "--occurrence=1", "--file", path,
                          "--exclude=*/*/*/" MANIFEST, MANIFEST, "*/" MANIFEST, "*/*/" MANIFEST, NULL);

  if (!tar)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  g_object_set_data_full (G_OBJECT (task), "collected", g_byte_array_new (),
                          (GDestroyNotify)g_byte_array_unref);
  g_object_set_data_full (G_OBJECT (task), "tar", g_object_ref (tar), g_object_unref);
  g_input_stream_read_bytes_async (g_subprocess_get_stdout_pipe (tar), 65536, G_PRIORITY_DEFAULT,
                                   g_task_get_cancellable (task), on_tar_read, g_object_ref (task));
}

static void
on_file_info (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  GFile *file = G_FILE (source);
  g_autoptr (GFileInfo) info = g_file_query_info_finish (file, result, &error);

  if (!info)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  g_autofree char *name = g_file_get_basename (file);
  gboolean is_manifest = g_str_equal (name, MANIFEST);
  if (g_file_info_get_file_type (info) == G_FILE_TYPE_DIRECTORY || is_manifest)
    {
      g_autoptr (GFile) folder = is_manifest ? g_file_get_parent (file) : g_object_ref (file);
      g_autoptr (GFile) manifest = g_file_get_child (folder, MANIFEST);
      g_task_set_task_data (task, g_file_get_path (folder), g_free);
      GCancellable *cancellable = g_task_get_cancellable (task);
      g_file_load_contents_async (manifest, cancellable, on_manifest_loaded, g_steal_pointer (&task));
      return;
    }
  g_task_set_task_data (task, g_file_get_path (file), g_free);
  read_archive (task, g_task_get_task_data (task));
}

void
sc_bundle_file_read (GFile *file, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  if (!g_file_is_native (file))
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                               _ ("The file must be on this machine"));
      return;
    }
  g_file_query_info_async (file, G_FILE_ATTRIBUTE_STANDARD_TYPE, G_FILE_QUERY_INFO_NONE, G_PRIORITY_DEFAULT,
                           cancellable, on_file_info, g_steal_pointer (&task));
}

ScBundleFile *
sc_bundle_file_read_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
sc_bundle_file_free (ScBundleFile *self)
{
  g_free (self->path);
  g_free (self->name);
  g_free (self->target);
  g_free (self->kind);
  g_free (self->severity);
  g_free (self->description);
  g_free (self->issues);
  g_free (self->objects);
  g_free (self);
}
