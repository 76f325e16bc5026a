/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the seeds that our own writers make (entity, bundle, manifest, states, history) into a corpus
 * directory. */
#include <string.h>

#include "format/json.h"
#include "sample.h"
#include "store/store.h"

#define UUID "2ed6657d-e927-568b-95e1-2665a8aea6a2"

static void
save (const char *folder, const char *target, const char *name, const void *data, gsize size)
{
  g_autofree char *path = g_build_filename (folder, target, name, NULL);

  g_assert_true (g_file_set_contents (path, data, size, NULL));
}

static void
save_bundle (const char *folder, const char *text, GBytes *entity, guint32 flag, const char *name)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint32 word = strlen (text) | flag;

  g_byte_array_append (bytes, (const guint8 *)&word, sizeof word);
  g_byte_array_append (bytes, (const guint8 *)text, strlen (text));
  g_byte_array_append (bytes, g_bytes_get_data (entity, NULL), g_bytes_get_size (entity));
  save (folder, "bundle", name, bytes->data, bytes->len);
}

static void
save_store (const char *folder)
{
  static const char *const names[] = { "state.json", "history.jsonl" };
  g_autofree char *root = g_dir_make_tmp ("syscare-seeds-XXXXXX", NULL);
  g_autofree char *patches = g_build_filename (root, "patches", NULL);
  g_autoptr (LpStore) store = lp_store_open (patches, root, /* trusted_dir= */ NULL, 0, NULL);
  LpWish wish = { (char *)UUID, LP_STATE_ACCEPTED, FALSE, 1, 1800000000000000, 0, (char *)"boot" };
  LpHistoryRecord record = { .time = 1800000000000000,
                             .uid = 0,
                             .login_uid = 1000,
                             .verb = (char *)"accept",
                             .patch = (char *)UUID,
                             .result = (char *)"succeeded" };

  record.processes = json_from_string ("[{\"Pid\":1,\"Status\":\"patched\"}]", NULL);
  g_assert_true (lp_store_set_wish (store, &wish, NULL) && lp_store_append_history (store, &record, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (root, names[i], NULL);
      g_autofree char *text = NULL;
      gsize size;
      g_assert_true (g_file_get_contents (path, &text, &size, NULL));
      save (folder, "json", names[i], text, size);
    }
  json_node_unref (record.processes);
  sample_remove (root);
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) manifest = sample_manifest ("HP001", 1, &entities);
  g_autofree char *text = lp_manifest_serialize (manifest);
  GBytes *entity = entities->pdata[0];

  g_assert_cmpint (argc, ==, 2);
  save (argv[1], "entity", "sample", g_bytes_get_data (entity, NULL), g_bytes_get_size (entity));
  save (argv[1], "notes", "entity", g_bytes_get_data (entity, NULL), LP_ENTITY_PEEK_SIZE);
  save (argv[1], "object", "entity", g_bytes_get_data (entity, NULL), g_bytes_get_size (entity));
  save (argv[1], "json", "patch.json", text, strlen (text));
  save_bundle (argv[1], text, entity, 0, "as-written");
  save_bundle (argv[1], text, entity, 0x80000000u, "made-to-fit");
  save_store (argv[1]);
  return 0;
}
