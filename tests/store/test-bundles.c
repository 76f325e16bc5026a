/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which bundles the store takes: whole and trusted ones. Half-written ones are nobody's problem (hazard 37),
 * damaged ones are named, and neither keeps the others from being used. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sample.h"
#include "store/store.h"

typedef struct {
  char *root, *patches, *state;
  LpStore *store;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->root = g_dir_make_tmp ("syscare-store-XXXXXX", NULL);
  fixture->patches = g_build_filename (fixture->root, "a", "patches", NULL);
  fixture->state = g_build_filename (fixture->root, "b", "state", NULL);
  fixture->store = lp_store_open (fixture->patches, fixture->state, /* trusted_dir= */ NULL, 0, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  lp_store_free (fixture->store);
  sample_remove (fixture->root);
  g_free (fixture->root);
  g_free (fixture->patches);
  g_free (fixture->state);
}

static void
rescan (Fixture *fixture, gboolean expect_changed, guint n_bundles, const char *problem)
{
  g_autoptr (GError) error = NULL;
  gboolean changed = !expect_changed;

  g_assert_true (lp_store_rescan (fixture->store, &changed, &error));
  g_assert_no_error (error);
  g_auto (GStrv) problems = lp_store_problems (fixture->store);
  g_assert_true (changed == expect_changed);
  g_assert_cmpuint (lp_store_bundles (fixture->store)->len, ==, n_bundles);
  if (problem == NULL)
    g_assert_cmpuint (g_strv_length (problems), ==, 0);
  else if (g_strv_length (problems) != 1 || strstr (problems[0], problem) == NULL)
    g_test_fail_printf ("%s: %s", problem, problems[0]);
}

static void
test_directories_are_made (Fixture *fixture, gconstpointer data)
{
  struct stat st;

  g_assert_cmpint (stat (fixture->state, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 07777, ==, 0700);
  g_assert_cmpint (stat (fixture->patches, &st), ==, 0);
  g_assert_cmpuint (lp_store_bundles (fixture->store)->len, ==, 0);
}

static void
test_set_changes (Fixture *fixture, gconstpointer data)
{
  g_autofree char *second = sample_bundle (fixture->patches, "HP002", 1);
  rescan (fixture, TRUE, 1, NULL);
  const LpBundle *kept = lp_store_bundles (fixture->store)->pdata[0];
  rescan (fixture, FALSE, 1, NULL);

  g_autofree char *first = sample_bundle (fixture->patches, "HP001", 2);
  rescan (fixture, TRUE, 2, NULL);
  const LpBundle *sorted_first = lp_store_bundles (fixture->store)->pdata[0];
  g_assert_cmpstr (sorted_first->manifest->name, ==, "HP001");
  g_assert_true (lp_store_bundles (fixture->store)->pdata[1]
                 == kept); /* not read anew behind the service's back */

  sample_remove (second);
  rescan (fixture, TRUE, 1, NULL);
  sample_remove (first);
  rescan (fixture, TRUE, 0, NULL);
  rescan (fixture, FALSE, 0, NULL);
}

static void
test_half_written (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = sample_bundle (fixture->patches, "HP001", 2);
  g_autofree char *manifest = g_build_filename (path, "patch.json", NULL);
  g_autofree char *entity = g_build_filename (path, "object-1.entity", NULL);
  g_autofree char *unpacked = g_strconcat (entity, ".dpkg-new", NULL);
  g_autofree char *rpm = g_strconcat (entity, ";65a1b2c3", NULL);
  g_autofree char *aside = g_build_filename (fixture->root, "aside", NULL);
  g_autofree char *hidden = g_build_filename (fixture->patches, ".new", NULL);

  /* A writer of ours at work. */
  g_assert_cmpint (g_rename (path, hidden), ==, 0);
  rescan (fixture, FALSE, 0, NULL);
  g_assert_cmpint (g_rename (hidden, path), ==, 0);
  /* A package manager that has not come to the manifest yet. */
  g_assert_cmpint (g_rename (manifest, aside), ==, 0);
  rescan (fixture, FALSE, 0, NULL);
  g_assert_cmpint (g_rename (aside, manifest), ==, 0);
  /* One that has, but not to all entities. */
  g_assert_cmpint (g_rename (entity, unpacked), ==, 0);
  rescan (fixture, FALSE, 0, NULL);
  g_assert_cmpint (g_rename (unpacked, rpm), ==, 0);
  rescan (fixture, FALSE, 0, NULL);
  g_assert_cmpint (g_rename (rpm, aside), ==, 0);
  rescan (fixture, FALSE, 0, "object-1.entity");
  g_assert_cmpint (g_rename (aside, entity), ==, 0);
  rescan (fixture, TRUE, 1, NULL);
}

static void
test_damaged (Fixture *fixture, gconstpointer data)
{
  g_autofree char *good = sample_bundle (fixture->patches, "HP001", 1);
  g_autofree char *bad = sample_bundle (fixture->patches, "HP002", 1);
  g_autofree char *entity = g_build_filename (bad, "object-0.entity", NULL);
  g_autofree char *stray = g_build_filename (fixture->patches, "README", NULL);

  g_assert_true (g_file_set_contents (stray, "not a bundle", -1, NULL));
  rescan (fixture, TRUE, 2, NULL);
  g_assert_cmpint (truncate (entity, 100), ==, 0);
  rescan (fixture, TRUE, 1, "object-0.entity: has 100 bytes");
  const LpBundle *left = lp_store_bundles (fixture->store)->pdata[0];
  g_assert_cmpstr (left->path, ==, good);
}

static void
test_directory_has_the_id (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = sample_bundle (fixture->patches, "HP001", 1);
  g_autofree char *copy = g_build_filename (fixture->patches, "HP001-copy", NULL);

  g_assert_cmpint (g_rename (path, copy), ==, 0);
  rescan (fixture, FALSE, 0, "HP001-copy: holds bundle");
}

static void
test_foreign (Fixture *fixture, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (fixture->patches, "somebody's", NULL);
  g_autofree char *link = g_build_filename (fixture->patches, "link", NULL);

  g_assert_cmpint (g_mkdir (folder, 0755), ==, 0);
  rescan (fixture, FALSE, 0, NULL); /* who knows what becomes of it */
  g_assert_cmpuint (lp_store_unsettled (fixture->store)->len, ==, 1);
  lp_store_set_settled_after (fixture->store, 0);
  rescan (fixture, FALSE, 0, "holds no patch.json");
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_assert_cmpint (symlink (fixture->root, link), ==, 0);
  rescan (fixture, FALSE, 0, "is a symbolic link");
  g_assert_cmpint (g_unlink (link), ==, 0);
}

static LpWish
wish_for (const LpBundle *bundle, LpState state)
{
  return (LpWish){ .uuid = ((LpManifestObject *)bundle->manifest->objects->pdata[1])->uuid, .state = state };
}

static void
test_kept (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = sample_bundle (fixture->patches, "HP001", 2);
  g_autofree char *entity = NULL, *id = NULL;

  rescan (fixture, TRUE, 1, NULL);
  LpWish wish = wish_for (lp_store_bundles (fixture->store)->pdata[0], LP_STATE_ACCEPTED);
  g_autofree char *uuid = g_strdup (wish.uuid);
  wish.uuid = uuid;
  g_assert_true (lp_store_keep (fixture->store, uuid, &error));
  g_assert_true (lp_store_set_wish (fixture->store, &wish, &error));
  rescan (fixture, FALSE, 1, NULL);
  g_assert_cmpuint (lp_store_kept (fixture->store)->len, ==, 0); /* what is installed counts */
  id = g_path_get_basename (path);

  sample_remove (path);
  rescan (fixture, TRUE, 0, NULL);
  g_assert_cmpuint (lp_store_kept (fixture->store)->len, ==, 1);
  const LpBundle *copy = lp_store_kept (fixture->store)->pdata[0];
  g_assert_cmpstr (copy->manifest->id, ==, id);
  g_assert_cmpuint (copy->entities->len, ==, 2);

  /* A damaged copy is told, and not used. */
  entity = g_build_filename (copy->path, "object-1.entity", NULL);
  g_assert_cmpint (truncate (entity, 100), ==, 0);
  rescan (fixture, FALSE, 0, "the copy of a patch in effect is damaged");
  g_assert_cmpuint (lp_store_kept (fixture->store)->len, ==, 0);

  /* Forgotten with the wish. */
  g_autofree char *folder = g_path_get_dirname (entity);
  g_assert_true (lp_store_forget_wish (fixture->store, uuid, &error));
  g_autofree char *again G_GNUC_UNUSED = sample_bundle (fixture->patches, "HP001", 2);
  rescan (fixture, TRUE, 1, NULL);
  g_assert_false (g_file_test (folder, G_FILE_TEST_EXISTS));
  g_assert_no_error (error);
}

static void
test_trust (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = sample_bundle (fixture->patches, "HP001", 1);

  lp_store_free (fixture->store);
  fixture->store = lp_store_open (fixture->patches, fixture->state, /* trusted_dir= */ NULL,
                                  LP_BUNDLE_CHECK_OWNER, &error);
  g_assert_no_error (error);
  g_assert_cmpint (chmod (path, 0777), ==, 0);
  g_assert_true (lp_store_rescan (fixture->store, NULL, &error));
  g_auto (GStrv) problems = lp_store_problems (fixture->store);
  g_assert_cmpuint (lp_store_bundles (fixture->store)->len, ==, 0);
  g_assert_cmpuint (g_strv_length (problems), ==, 1);
  g_assert_cmpint (chmod (path, 0755), ==, 0);
  g_assert_cmpint (chmod (fixture->patches, 0777), ==, 0);
  g_assert_true (lp_store_rescan (fixture->store, NULL, &error));
  g_auto (GStrv) folder_problems = lp_store_problems (fixture->store);
  g_assert_cmpuint (lp_store_bundles (fixture->store)->len, ==, 0);
  g_assert_nonnull (strstr (folder_problems[0], "no patch in it is used"));
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/store/bundles/missing directories are made", test_directories_are_made },
    { "/store/bundles/a rescan sees what came and went", test_set_changes },
    { "/store/bundles/half-written ones are not read", test_half_written },
    { "/store/bundles/a damaged one is named, the others are used", test_damaged },
    { "/store/bundles/a directory is named by its bundle's id", test_directory_has_the_id },
    { "/store/bundles/foreign directories and links are named", test_foreign },
    { "/store/bundles/a copy of what is wished for outlives the installed one", test_kept },
    { "/store/bundles/what others could change is not used", test_trust },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
