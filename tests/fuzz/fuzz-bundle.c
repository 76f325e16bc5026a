/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: a patch directory. Input: four bytes with the length of patch.json (little-endian),
 * patch.json, and an entity, which becomes the file of every object. Bit 31 of the length asks that digests
 * be made to fit first, as somebody who can write the whole directory would do it. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "format/bundle.h"
#include "format/json.h"
#include "fuzz.h"
#include "use-entity.h"

#define FIT 0x80000000u
#define OBJECTS_MAX 4

static char *folder;

static void
remove_folder (void)
{
  g_rmdir (folder);
}

static void
make_folder (void)
{
  const char *parent = g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : g_get_tmp_dir ();

  folder = g_build_filename (parent, "syscare-fuzz-XXXXXX", NULL);
  g_assert (g_mkdtemp (folder) != NULL);
  atexit (remove_folder);
}

/* The names of the objects' files; as many as are worth writing. */
static GStrv
entity_names (JsonObject *root)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  JsonNode *objects = json_object_get_member (root, "objects");
  guint n = objects != NULL && JSON_NODE_HOLDS_ARRAY (objects)
                ? json_array_get_length (json_node_get_array (objects))
                : 0;

  for (guint i = 0; i < MIN (n, OBJECTS_MAX); i++)
    {
      JsonNode *object = json_array_get_element (json_node_get_array (objects), i);
      const char *name
          = JSON_NODE_HOLDS_OBJECT (object)
                ? json_object_get_string_member_with_default (json_node_get_object (object), "entity", NULL)
                : NULL;
      if (name != NULL && name[0] != '\0' && name[0] != '.' && strchr (name, '/') == NULL
          && strlen (name) < 200 && strcmp (name, LP_MANIFEST_FILE) != 0)
        g_strv_builder_add (builder, name);
    }
  return g_strv_builder_end (builder);
}

static void
fit_object (JsonNode *object, GBytes *entity)
{
  g_autofree char *digest = lp_io_digest (entity);

  if (!JSON_NODE_HOLDS_OBJECT (object))
    return;
  json_object_set_string_member (json_node_get_object (object), "digest", digest);
  json_object_set_int_member (json_node_get_object (object), "size", g_bytes_get_size (entity));
}

/* The manifest's text with size and digest of the entity put in, and sealed. */
static char *
fit (const char *text, gsize length, GBytes *entity, GStrv *names)
{
  g_autoptr (JsonNode) parsed = lp_json_parse (text, length, "input", LP_ERROR_PATCH_CORRUPT, NULL);
  if (parsed == NULL)
    return NULL;

  g_autofree char *copy_text = lp_json_to_text (parsed, FALSE);
  g_autoptr (JsonNode) copy = json_from_string (copy_text, NULL); /* a parsed document can't be changed */
  JsonObject *root = json_node_get_object (copy);
  JsonNode *objects = json_object_get_member (root, "objects");
  guint n = objects != NULL && JSON_NODE_HOLDS_ARRAY (objects)
                ? json_array_get_length (json_node_get_array (objects))
                : 0;
  for (guint i = 0; i < MIN (n, OBJECTS_MAX); i++)
    fit_object (json_array_get_element (json_node_get_array (objects), i), entity);
  *names = entity_names (root);
  return lp_json_seal (copy, LP_MANIFEST_SEAL);
}

static void
write_file (int directory, const char *name, const void *data, gsize size)
{
  LP_AUTO_FD int fd = openat (directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

  g_assert (fd >= 0 && write (fd, data, size) == (ssize_t)size);
}

static void
open_bundle (void)
{
  GError *error = NULL;
  g_autoptr (LpBundle) bundle = lp_bundle_open (folder, 0, &error);

  if (bundle == NULL)
    {
      fuzz_check_error (error);
      return;
    }
  for (guint i = 0; i < bundle->entities->len; i++)
    if (bundle->entities->pdata[i] != NULL)
      fuzz_use_entity (bundle->entities->pdata[i]);
  g_autofree char *name = lp_manifest_full_name (bundle->manifest, bundle->manifest->objects->pdata[0]);
  fuzz_touch_string (name);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  guint32 word;
  if (size < sizeof word)
    return 0;
  memcpy (&word, data, sizeof word);
  gsize length = MIN (word & ~FIT, size - sizeof word);
  const char *text = (const char *)data + sizeof word;
  g_autoptr (GBytes) entity = g_bytes_new_static (text + length, size - sizeof word - length);
  g_auto (GStrv) names = NULL;
  g_autofree char *fitted = (word & FIT) != 0 ? fit (text, length, entity, &names) : NULL;

  if (folder == NULL)
    make_folder ();
  LP_AUTO_FD int directory = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  write_file (directory, LP_MANIFEST_FILE, fitted != NULL ? fitted : text,
              fitted != NULL ? strlen (fitted) : length);
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    write_file (directory, names[i], g_bytes_get_data (entity, NULL), g_bytes_get_size (entity));
  open_bundle ();
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    unlinkat (directory, names[i], 0);
  unlinkat (directory, LP_MANIFEST_FILE, 0);
  return 0;
}
