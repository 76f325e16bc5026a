/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the administrator wished for is on disk before the call returns, survives a killed service (hazards
 * 30, 31), and a damaged file is never overwritten (hazard 36) nor trusted (hazard 43). */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "format/json.h"
#include "sample.h"
#include "store/store.h"

#define UUID_1 "2ed6657d-e927-568b-95e1-2665a8aea6a2"
#define UUID_2 "886313e1-3b8a-5372-9b90-0c9aee199e5d"

typedef struct {
  char *root, *patches, *state, *file;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->root = g_dir_make_tmp ("syscare-store-XXXXXX", NULL);
  fixture->patches = g_build_filename (fixture->root, "patches", NULL);
  fixture->state = g_build_filename (fixture->root, "state", NULL);
  fixture->file = g_build_filename (fixture->state, "state.json", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  sample_remove (fixture->root);
  g_free (fixture->root);
  g_free (fixture->patches);
  g_free (fixture->state);
  g_free (fixture->file);
}

static LpStore *
open_store (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  LpStore *store = lp_store_open (fixture->patches, fixture->state, /* trusted_dir= */ NULL, 0, &error);

  g_assert_no_error (error);
  return store;
}

static void
wish (LpStore *store, const char *uuid, LpState state, guint64 sequence)
{
  g_autoptr (GError) error = NULL;
  LpWish wanted = {
    .uuid = (char *)uuid,
    .state = state,
    .restore = state == LP_STATE_ACTIVE,
    .sequence = sequence,
    .changed = G_GUINT64_CONSTANT (1800000000000000) + sequence,
    .uid = 1000,
    .boot_id = (char *)"boot-1",
  };

  g_assert_true (lp_store_set_wish (store, &wanted, &error));
  g_assert_no_error (error);
}

static void
record (LpStore *store, const char *verb, const char *uuid, const char *result)
{
  g_autoptr (GError) error = NULL;
  LpHistoryRecord entry = { .time = g_get_real_time (),
                            .uid = 1000,
                            .login_uid = 1000,
                            .verb = (char *)verb,
                            .patch = (char *)uuid,
                            .result = (char *)result };

  g_assert_true (lp_store_append_history (store, &entry, &error));
  g_assert_no_error (error);
}

static void
test_round_trip (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpStore) store = open_store (fixture);

  g_assert_null (lp_store_wish (store, UUID_1));
  wish (store, UUID_1, LP_STATE_ACTIVE, 2);
  wish (store, UUID_2, LP_STATE_ACCEPTED, 1);

  g_autoptr (LpStore) again = open_store (fixture);
  const LpWish *found = lp_store_wish (again, UUID_1);
  g_assert_cmpint (found->state, ==, LP_STATE_ACTIVE);
  g_assert_true (found->restore);
  g_assert_cmpuint (found->sequence, ==, 2);
  g_assert_cmpuint (found->changed, ==, G_GUINT64_CONSTANT (1800000000000002));
  g_assert_cmpuint (found->uid, ==, 1000);
  g_assert_cmpstr (found->boot_id, ==, "boot-1");
  g_autoptr (GPtrArray) wishes = lp_store_wishes (again);
  g_assert_cmpuint (wishes->len, ==, 2);
  g_assert_cmpstr (((const LpWish *)wishes->pdata[0])->uuid, ==, UUID_2);

  g_assert_true (lp_store_forget_wish (again, UUID_2, &error));
  g_assert_true (lp_store_forget_wish (again, UUID_2, &error));
  g_assert_null (lp_store_wish (again, UUID_2));
  g_autoptr (LpStore) last = open_store (fixture);
  g_assert_null (lp_store_wish (last, UUID_2));
  g_assert_nonnull (lp_store_wish (last, UUID_1));
}

static void
test_words (void)
{
  for (LpState state = LP_STATE_UNKNOWN; state <= LP_STATE_ACCEPTED; state++)
    {
      LpState found = LP_STATE_UNKNOWN;
      g_assert_true (lp_state_from_word (lp_state_word (state), &found));
      g_assert_cmpint (found, ==, state);
    }
  g_assert_false (lp_state_from_word ("Active", &(LpState){ 0 }));
}

/* Keeps wishing and says so after each one, until it is killed. */
static void
wish_until_killed (Fixture *fixture, guint64 first, int answer)
{
  LpStore *store = lp_store_open (fixture->patches, fixture->state, /* trusted_dir= */ NULL, 0, NULL);

  for (guint64 sequence = first;; sequence++)
    {
      LpWish wanted = { .uuid = (char *)UUID_1, .state = LP_STATE_ACCEPTED, .sequence = sequence };
      LpHistoryRecord entry = {
        .time = sequence, .verb = (char *)"accept", .patch = (char *)UUID_1, .result = (char *)"succeeded"
      };

      if (!lp_store_set_wish (store, &wanted, NULL) || !lp_store_append_history (store, &entry, NULL)
          || write (answer, &sequence, sizeof sequence) != sizeof sequence)
        _exit (1);
    }
}

static void
test_killed (Fixture *fixture, gconstpointer data)
{
  guint64 last = 0;

  for (guint round = 0; round < 20; round++)
    {
      g_autoptr (GError) error = NULL;
      int answers[2];
      g_assert_cmpint (pipe2 (answers, O_CLOEXEC), ==, 0);
      pid_t child = fork ();
      if (child == 0)
        wish_until_killed (fixture, last + 1, answers[1]);
      close (answers[1]);
      for (guint i = 0; i < 3 + round; i++)
        g_assert_cmpint (read (answers[0], &last, sizeof last), ==, sizeof last);
      kill (child, SIGKILL);
      waitpid (child, NULL, 0);
      while (read (answers[0], &last, sizeof last) == sizeof last) /* answered before it died */
        ;
      close (answers[0]);

      g_autoptr (LpStore) store = open_store (fixture);
      g_auto (GStrv) problems = lp_store_problems (store);
      g_autoptr (GPtrArray) records = lp_store_history (store, 0, 1, &error);
      const LpHistoryRecord *newest = records->pdata[0];
      g_assert_cmpuint (g_strv_length (problems), ==, 0);
      g_assert_cmpuint (lp_store_wish (store, UUID_1)->sequence, >=, last);
      g_assert_cmpuint (newest->time, >=, last);
      last = lp_store_wish (store, UUID_1)->sequence;
    }
}

static void
test_failed_write_changes_nothing (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpStore) store = open_store (fixture);
  LpWish wanted = { .uuid = (char *)UUID_1, .state = LP_STATE_ACCEPTED };
  g_autofree char *temporary = g_build_filename (fixture->state, ".state.json.new", NULL);

  wish (store, UUID_1, LP_STATE_ACTIVE, 1);
  g_assert_cmpint (g_mkdir (temporary, 0700), ==,
                   0); /* the place where the new file would be made is taken */
  g_assert_false (lp_store_set_wish (store, &wanted, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_FAILED);
  g_clear_error (&error);
  g_assert_cmpint (lp_store_wish (store, UUID_1)->state, ==, LP_STATE_ACTIVE);
  g_assert_false (lp_store_forget_wish (store, UUID_1, &error));
  g_assert_cmpint (lp_store_wish (store, UUID_1)->state, ==, LP_STATE_ACTIVE);
  g_clear_error (&error);
  wanted.uuid = (char *)UUID_2;
  g_assert_false (lp_store_set_wish (store, &wanted, &error));
  g_assert_null (lp_store_wish (store, UUID_2));
}

static void
test_unused_temporary_is_taken_away (Fixture *fixture, gconstpointer data)
{
  g_autofree char *temporary = g_build_filename (fixture->state, ".state.json.new", NULL);
  g_autoptr (LpStore) store = open_store (fixture);

  g_assert_true (g_file_set_contents (temporary, "{\"form", -1, NULL)); /* a writer was killed here */
  wish (store, UUID_1, LP_STATE_ACTIVE, 1);
  g_assert_false (g_file_test (temporary, G_FILE_TEST_EXISTS));
}

static char *
contents (const char *path)
{
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static void
test_damaged_file_is_moved_aside (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = g_strconcat (fixture->file, ".corrupt-1", NULL);
  g_autofree char *second = g_strconcat (fixture->file, ".corrupt-2", NULL);
  g_autoptr (LpStore) store = open_store (fixture);

  /* What really happened, as the service records it. */
  record (store, "apply", UUID_1, "succeeded");
  record (store, "accept", UUID_1, "succeeded");
  record (store, "apply", UUID_2, "succeeded");
  record (store, "accept", UUID_2, "denied");
  record (store, "remove", UUID_2, "failed");
  wish (store, UUID_1, LP_STATE_ACCEPTED, 1);
  wish (store, UUID_2, LP_STATE_ACTIVE, 2);
  g_autofree char *text = contents (fixture->file);
  gsize size = strlen (text);

  for (gsize at = 0; at < size; at += 7)
    {
      g_autofree char *damaged = g_strdup (text);
      damaged[at] ^= 1;
      g_assert_true (g_file_set_contents (fixture->file, damaged, size, NULL));
      g_autoptr (LpStore) recovered = open_store (fixture);
      g_auto (GStrv) problems = lp_store_problems (recovered);
      g_assert_cmpuint (g_strv_length (problems), ==, 1);
      g_assert_nonnull (strstr (problems[0], "state.json.corrupt-1"));
      g_autofree char *kept = contents (first);
      g_assert_cmpstr (kept, ==, damaged);
      g_assert_cmpint (lp_store_wish (recovered, UUID_1)->state, ==, LP_STATE_ACCEPTED);
      g_assert_cmpint (lp_store_wish (recovered, UUID_2)->state, ==, LP_STATE_ACTIVE);
      g_assert_cmpuint (lp_store_wish (recovered, UUID_1)->sequence, <,
                        lp_store_wish (recovered, UUID_2)->sequence);
      g_assert_cmpint (g_unlink (first), ==, 0);
    }

  /* What was moved aside earlier isn't overwritten, and what was rebuilt is durable. */
  g_assert_true (g_file_set_contents (first, "older", -1, NULL));
  g_assert_true (g_file_set_contents (fixture->file, "", 0, NULL));
  lp_store_free (open_store (fixture));
  g_autofree char *older = contents (first);
  g_assert_cmpstr (older, ==, "older");
  g_assert_true (g_file_test (second, G_FILE_TEST_EXISTS));
  g_autoptr (LpStore) again = open_store (fixture);
  g_auto (GStrv) problems = lp_store_problems (again);
  g_assert_cmpuint (g_strv_length (problems), ==, 0);
  g_assert_cmpint (lp_store_wish (again, UUID_1)->state, ==, LP_STATE_ACCEPTED);
}

static void
test_truncated_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *aside = g_strconcat (fixture->file, ".corrupt-1", NULL);
  g_autoptr (LpStore) store = open_store (fixture);

  wish (store, UUID_1, LP_STATE_ACCEPTED, 1);
  g_autofree char *text = contents (fixture->file);
  for (gsize length = strlen (text); length > 0; length--)
    {
      g_assert_true (g_file_set_contents (fixture->file, text, length - 1, NULL));
      g_autoptr (LpStore) recovered = open_store (fixture);
      g_auto (GStrv) problems = lp_store_problems (recovered);
      g_assert_cmpuint (g_strv_length (problems), ==, 1);
      g_assert_cmpint (g_unlink (aside), ==, 0);
    }
}

static void
test_unreadable_or_newer_is_left_alone (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) newer = json_from_string ("{\"format\": 2, \"wishes\": {}}", NULL);
  g_autofree char *text = lp_json_seal (newer, "digest");
  lp_store_free (open_store (fixture));

  g_assert_true (g_file_set_contents (fixture->file, text, -1, NULL));
  g_assert_null (lp_store_open (fixture->patches, fixture->state, /* trusted_dir= */ NULL, 0, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_autofree char *kept = contents (fixture->file);
  g_assert_cmpstr (kept, ==, text);

  g_assert_cmpint (g_unlink (fixture->file), ==, 0);
  g_assert_cmpint (g_mkdir (fixture->file, 0700), ==, 0);
  g_assert_null (lp_store_open (fixture->patches, fixture->state, /* trusted_dir= */ NULL, 0, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_FAILED);
  g_assert_true (g_file_test (fixture->file, G_FILE_TEST_IS_DIR));
}

/* Sealed, so that only the check of the member itself can refuse it. */
static void
test_malformed_members (Fixture *fixture, gconstpointer data)
{
  static const char *const wishes[] = {
    "[7]",
    "{}",
    "[{\"uuid\": \"x\", \"state\": \"active\", \"restore\": true, \"sequence\": 1, \"changed\": 1, \"uid\": "
    "0, \"boot-id\": \"\"}]",
    "[{\"uuid\": \"" UUID_1 "\", \"state\": \"on\", \"restore\": true, \"sequence\": 1, \"changed\": 1, "
    "\"uid\": 0, \"boot-id\": \"\"}]",
    "[{\"uuid\": \"" UUID_1 "\", \"state\": \"active\", \"restore\": 1, \"sequence\": 1, \"changed\": 1, "
    "\"uid\": 0, \"boot-id\": \"\"}]",
    "[{\"uuid\": \"" UUID_1 "\", \"state\": \"active\", \"restore\": true, \"sequence\": -1, \"changed\": 1, "
    "\"uid\": 0, \"boot-id\": \"\"}]",
    "[{\"uuid\": \"" UUID_1 "\", \"state\": \"active\", \"restore\": true, \"sequence\": 1, \"changed\": 1, "
    "\"uid\": 4294967296, \"boot-id\": \"\"}]",
    "[{\"uuid\": \"" UUID_1 "\", \"state\": \"active\"}]",
  };

  lp_store_free (open_store (fixture));
  for (guint i = 0; i < G_N_ELEMENTS (wishes); i++)
    {
      g_autofree char *document = g_strdup_printf ("{\"format\": 1, \"wishes\": %s}", wishes[i]);
      g_autoptr (JsonNode) node = json_from_string (document, NULL);
      g_autofree char *text = lp_json_seal (node, "digest");
      g_assert_true (g_file_set_contents (fixture->file, text, -1, NULL));
      g_autoptr (LpStore) store = open_store (fixture);
      g_auto (GStrv) problems = lp_store_problems (store);
      g_assert_cmpuint (g_strv_length (problems), ==, 1);
      g_assert_null (lp_store_wish (store, UUID_1));
    }
}

static void
test_private (Fixture *fixture, gconstpointer data)
{
  struct stat st;
  g_autoptr (LpStore) store = open_store (fixture);

  wish (store, UUID_1, LP_STATE_ACTIVE, 1);
  g_assert_cmpint (stat (fixture->file, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 07777, ==, 0600);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/store/wishes/are there when the store is opened again", test_round_trip },
    { "/store/wishes/survive a writer killed at any moment", test_killed },
    { "/store/wishes/a failed write changes nothing", test_failed_write_changes_nothing },
    { "/store/wishes/a killed writer's temporary file is taken away", test_unused_temporary_is_taken_away },
    { "/store/wishes/a damaged file is moved aside and rebuilt from the history",
      test_damaged_file_is_moved_aside },
    { "/store/wishes/a truncated file is moved aside", test_truncated_file },
    { "/store/wishes/an unreadable or newer file is left alone", test_unreadable_or_newer_is_left_alone },
    { "/store/wishes/malformed members are refused", test_malformed_members },
    { "/store/wishes/only root can read them", test_private },
  };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/wishes/states have words", test_words);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
