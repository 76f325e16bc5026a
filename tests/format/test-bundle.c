/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bundle directories: written as a whole or not at all, read as a whole or not at all. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "sample.h"

typedef struct {
  char *parent;
  char *path; /* a bundle of two objects */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->parent = g_dir_make_tmp ("syscare-bundle-XXXXXX", NULL);
  fixture->path = sample_bundle (fixture->parent, "HP001", 2);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  sample_remove (fixture->parent);
  g_free (fixture->parent);
  g_free (fixture->path);
}

static void
assert_refused (Fixture *fixture, LpBundleFlags flags, int code, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpBundle) bundle = lp_bundle_open (fixture->path, flags, &error);

  g_assert_null (bundle);
  g_assert_error (error, LP_ERROR, code);
  if (strstr (error->message, message) == NULL)
    g_test_fail_printf ("%s: %s", message, error->message);
}

static char *
member (Fixture *fixture, const char *name)
{
  return g_build_filename (fixture->path, name, NULL);
}

static void
test_round_trip (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpBundle) bundle = lp_bundle_open (fixture->path, 0, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (bundle->path, ==, fixture->path);
  g_assert_cmpuint (bundle->entities->len, ==, 2);
  g_autofree char *uuid = lp_entity_uuid (bundle->entities->pdata[1]);
  g_assert_cmpstr (uuid, ==, ((const LpManifestObject *)bundle->manifest->objects->pdata[1])->uuid);
}

static guint
count_entries (const char *directory)
{
  g_autoptr (GDir) entries = g_dir_open (directory, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (entries) != NULL)
    n++;
  return n;
}

static void
test_written_twice (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *again = sample_bundle (fixture->parent, "HP001", 2);
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) manifest = sample_manifest ("HP001", 2, &entities);

  g_assert_cmpstr (again, ==, fixture->path);

  /* Same id, other content: refused, and the present one stays. */
  g_free (manifest->description);
  manifest->description = g_strdup ("something else");
  g_assert_null (lp_bundle_write (fixture->parent, manifest, entities, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_CONFLICT);
  g_assert_cmpuint (count_entries (fixture->parent), ==, 1);
  test_round_trip (fixture, NULL);
}

static void
test_nothing_half_written (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) manifest = sample_manifest ("HP002", 2, &entities);
  LpManifestObject *object = manifest->objects->pdata[1];

  object->digest[0] = object->digest[0] == '0' ? '1' : '0';
  g_assert_null (lp_bundle_write (fixture->parent, manifest, entities, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_PATCH_CORRUPT);
  g_clear_error (&error);
  g_ptr_array_set_size (entities, 1);
  g_assert_null (lp_bundle_write (fixture->parent, manifest, entities, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_INVALID_ARGS);
  g_clear_error (&error);
  g_assert_null (lp_bundle_write ("/nonexistent", manifest, entities, &error));
  g_assert_cmpuint (count_entries (fixture->parent), ==, 1);
}

static void
test_missing_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *entity = member (fixture, "object-1.entity");

  g_assert_cmpint (g_unlink (entity), ==, 0);
  assert_refused (fixture, 0, LP_ERROR_PATCH_CORRUPT, "object-1.entity: No such file");
  g_autofree char *manifest = member (fixture, LP_MANIFEST_FILE);
  g_assert_cmpint (g_unlink (manifest), ==, 0);
  assert_refused (fixture, 0, LP_ERROR_PATCH_CORRUPT, "patch.json: No such file");
}

static void
test_symbolic_links_are_not_followed (Fixture *fixture, gconstpointer data)
{
  g_autofree char *entity = member (fixture, "object-1.entity");
  g_autofree char *elsewhere = g_build_filename (fixture->parent, "elsewhere", NULL);

  g_assert_cmpint (g_rename (entity, elsewhere), ==, 0);
  g_assert_cmpint (symlink (elsewhere, entity), ==, 0);
  assert_refused (fixture, 0, LP_ERROR_PATCH_CORRUPT, "not a regular file");
  g_unlink (entity);
  g_assert_cmpint (mkfifo (entity, 0600), ==, 0); /* must not block either */
  assert_refused (fixture, 0, LP_ERROR_PATCH_CORRUPT, "not a regular file");

  g_autofree char *link = g_build_filename (fixture->parent, "link", NULL);
  g_assert_cmpint (symlink (fixture->path, link), ==, 0);
  g_autoptr (GError) error = NULL;
  g_assert_null (lp_bundle_open (link, 0, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_FAILED);
}

static void
test_swapped_entities (Fixture *fixture, gconstpointer data)
{
  g_autofree char *one = member (fixture, "object-0.entity");
  g_autofree char *two = member (fixture, "object-1.entity");
  g_autofree char *aside = member (fixture, "aside");

  g_rename (one, aside);
  g_rename (two, one);
  g_rename (aside, two);
  assert_refused (fixture, 0, LP_ERROR_PATCH_CORRUPT, "its digest differs");
}

static void
test_entity_of_another_patch (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) manifest = sample_manifest ("HP003", 1, &entities);
  LpManifestObject *object = manifest->objects->pdata[0];

  /* Digest and size are right, so the manifest is consistent, but the entity says that it belongs to another
   * patch. */
  g_autoptr (GBytes) other = sample_entity ("2ed6657d-e927-568b-95e1-2665a8aea6a2", NULL);
  g_free (object->digest);
  object->digest = lp_io_digest (other);
  g_ptr_array_remove_index (entities, 0);
  g_ptr_array_add (entities, g_bytes_ref (other));
  g_free (fixture->path);
  fixture->path = lp_bundle_write (fixture->parent, manifest, entities, &error);
  g_assert_no_error (error);
  assert_refused (fixture, 0, LP_ERROR_PATCH_CORRUPT, "is the entity of patch 2ed6657d");
}

static void
test_target_of_another_build (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entities = NULL;
  g_autoptr (LpManifest) manifest = sample_manifest ("HP004", 1, &entities);
  LpManifestObject *object = manifest->objects->pdata[0];

  object->build_id[0] = 'f';
  g_free (fixture->path);
  fixture->path = lp_bundle_write (fixture->parent, manifest, entities, &error);
  g_assert_no_error (error);
  assert_refused (fixture, 0, LP_ERROR_PATCH_CORRUPT, "the manifest says f0112233");
}

static void
test_owner (Fixture *fixture, gconstpointer data)
{
  g_autofree char *entity = member (fixture, "object-1.entity");
  g_autofree char *manifest = member (fixture, LP_MANIFEST_FILE);
  const char *const paths[] = { entity, manifest, fixture->path };

  if (geteuid () == 0)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (LpBundle) bundle = lp_bundle_open (fixture->path, LP_BUNDLE_CHECK_OWNER, &error);
      g_assert_no_error (error);
      g_assert_nonnull (bundle);
    }
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      struct stat st;
      g_assert_cmpint (stat (paths[i], &st), ==, 0);
      g_assert_cmpint (chmod (paths[i], st.st_mode | S_IWOTH), ==, 0);
      assert_refused (fixture, LP_BUNDLE_CHECK_OWNER, LP_ERROR_UNTRUSTED, "others can change it");
      g_assert_cmpint (chmod (paths[i], st.st_mode), ==, 0);
    }
  if (geteuid () != 0)
    return; /* somebody else's files were refused above; giving files away needs root */
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_assert_cmpint (chown (paths[i], 65534, 65534), ==, 0);
      assert_refused (fixture, LP_BUNDLE_CHECK_OWNER, LP_ERROR_UNTRUSTED, "belongs to uid 65534");
      g_assert_cmpint (chown (paths[i], 0, 0), ==, 0);
    }
}

static void
test_too_large (Fixture *fixture, gconstpointer data)
{
  g_autofree char *entity = member (fixture, "object-1.entity");
  g_autofree char *manifest = member (fixture, LP_MANIFEST_FILE);

  g_assert_cmpint (truncate (entity, G_GINT64_CONSTANT (1) << 40), ==, 0); /* a hole: takes no space */
  assert_refused (fixture, 0, LP_ERROR_PATCH_CORRUPT, "is larger than");
  g_assert_cmpint (truncate (manifest, G_GINT64_CONSTANT (1) << 40), ==, 0);
  assert_refused (fixture, 0, LP_ERROR_PATCH_CORRUPT, "is larger than");
}

static void
test_deterministic (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { LP_MANIFEST_FILE, "object-0.entity", "object-1.entity" };
  g_autofree char *parent = g_dir_make_tmp ("syscare-bundle-XXXXXX", NULL);
  g_autofree char *path = sample_bundle (parent, "HP001", 2);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *left = g_build_filename (fixture->path, names[i], NULL);
      g_autofree char *right = g_build_filename (path, names[i], NULL);
      g_autoptr (GMappedFile) left_file = g_mapped_file_new (left, FALSE, NULL);
      g_autoptr (GMappedFile) right_file = g_mapped_file_new (right, FALSE, NULL);
      g_assert_cmpmem (g_mapped_file_get_contents (left_file), g_mapped_file_get_length (left_file),
                       g_mapped_file_get_contents (right_file), g_mapped_file_get_length (right_file));
    }
  sample_remove (parent);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/bundle/what is written is read back", test_round_trip },
    { "/bundle/writing it again changes nothing, other content is refused", test_written_twice },
    { "/bundle/a failed write leaves nothing behind", test_nothing_half_written },
    { "/bundle/a missing file is named", test_missing_file },
    { "/bundle/symbolic links and pipes are refused", test_symbolic_links_are_not_followed },
    { "/bundle/swapped entities are refused", test_swapped_entities },
    { "/bundle/an entity of another patch is refused", test_entity_of_another_patch },
    { "/bundle/an entity for another build is refused", test_target_of_another_build },
    { "/bundle/what others could change is not trusted", test_owner },
    { "/bundle/huge files are not read", test_too_large },
    { "/bundle/equal input gives equal files", test_deterministic },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
