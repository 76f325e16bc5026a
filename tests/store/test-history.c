/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The history: newest first, bounded, readable after a writer was killed in the middle of a line. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sample.h"
#include "store/store.h"

typedef struct {
  char *root, *file, *older;
  LpStore *store;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  fixture->root = g_dir_make_tmp ("syscare-store-XXXXXX", NULL);
  g_autofree char *patches = g_build_filename (fixture->root, "patches", NULL);

  fixture->file = g_build_filename (fixture->root, "history.jsonl", NULL);
  fixture->older = g_build_filename (fixture->root, "history.1.jsonl", NULL);
  fixture->store = lp_store_open (patches, fixture->root, /* trusted_dir= */ NULL, 0, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  lp_store_free (fixture->store);
  sample_remove (fixture->root);
  g_free (fixture->root);
  g_free (fixture->file);
  g_free (fixture->older);
}

static void
append (Fixture *fixture, guint64 time, const char *reason)
{
  g_autoptr (GError) error = NULL;
  LpHistoryRecord record = {
    .time = time,
    .uid = 0,
    .login_uid = 1000,
    .session = (char *)"c2",
    .verb = (char *)"apply",
    .patch = (char *)"2ed6657d-e927-568b-95e1-2665a8aea6a2",
    .name = (char *)"redis-7.0.15-1~deb12u7/HP001/redis-check-rdb",
    .reason = (char *)reason,
    .result = (char *)"failed",
    .error = (char *)"ProcessBusy",
    .message = (char *)"two\nlines",
  };

  g_assert_true (lp_store_append_history (fixture->store, &record, &error));
  g_assert_no_error (error);
}

static GPtrArray *
history (Fixture *fixture, guint64 since, guint limit)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *records = lp_store_history (fixture->store, since, limit, &error);

  g_assert_no_error (error);
  return records;
}

static guint64
time_of (GPtrArray *records, guint i)
{
  return ((const LpHistoryRecord *)records->pdata[i])->time;
}

static void
test_round_trip (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpHistoryRecord) unknown = lp_history_record_new ();
  g_autoptr (GPtrArray) none = history (fixture, 0, 0);

  g_assert_cmpuint (none->len, ==, 0);
  append (fixture, 10, "CVE-2026-66373, \"now\" \xc3\xa4\xff");
  unknown->time = 20;
  unknown->verb = g_strdup ("install");
  unknown->processes = json_from_string ("[{\"Pid\": 7, \"Status\": \"patched\"}]", NULL);
  g_assert_true (lp_store_append_history (fixture->store, unknown, &error));

  g_autoptr (GPtrArray) records = history (fixture, 0, 0);
  const LpHistoryRecord *newest = records->pdata[0], *oldest = records->pdata[1];
  g_assert_cmpuint (newest->uid, ==, G_MAXUINT);
  g_assert_cmpuint (newest->login_uid, ==, G_MAXUINT);
  g_assert_cmpuint (json_array_get_length (json_node_get_array (newest->processes)), ==, 1);
  g_assert_cmpuint (oldest->uid, ==, 0);
  g_assert_cmpuint (oldest->login_uid, ==, 1000);
  g_assert_cmpstr (oldest->session, ==, "c2");
  g_assert_cmpstr (oldest->reason, ==, "CVE-2026-66373, \"now\" \xc3\xa4\xef\xbf\xbd");
  g_assert_cmpstr (oldest->message, ==, "two\nlines");
  g_assert_cmpstr (oldest->error, ==, "ProcessBusy");
  g_assert_null (oldest->processes);
}

static void
test_selection (Fixture *fixture, gconstpointer data)
{
  for (guint64 time = 1; time <= 10; time++)
    append (fixture, time, "");
  g_autoptr (GPtrArray) since = history (fixture, 7, 0);
  g_autoptr (GPtrArray) limited = history (fixture, 0, 3);

  g_assert_cmpuint (since->len, ==, 4);
  g_assert_cmpuint (time_of (since, 0), ==, 10);
  g_assert_cmpuint (time_of (since, 3), ==, 7);
  g_assert_cmpuint (limited->len, ==, 3);
  g_assert_cmpuint (time_of (limited, 2), ==, 8);
}

/* Whatever part of the last line a killed writer got onto the disk. */
static void
test_torn_line (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first_line = NULL, *text = NULL;
  gsize first, size;

  append (fixture, 1, "");
  g_assert_true (g_file_get_contents (fixture->file, &first_line, &first, NULL));
  append (fixture, 2, "");
  g_assert_true (g_file_get_contents (fixture->file, &text, &size, NULL));
  for (gsize length = first; length <= size; length++)
    {
      g_assert_true (g_file_set_contents (fixture->file, text, length, NULL));
      g_autoptr (GPtrArray) torn = history (fixture, 0, 0);
      g_assert_cmpuint (torn->len, ==,
                        length >= size - 1 ? 2 : 1); /* without its newline the line is whole */
      append (fixture, 3, "");
      g_autoptr (GPtrArray) records = history (fixture, 0, 0);
      g_assert_cmpuint (records->len, ==, torn->len + 1);
      g_assert_cmpuint (time_of (records, 0), ==, 3);
      g_assert_cmpuint (time_of (records, records->len - 1), ==, 1);
    }
}

static void
test_bounded (Fixture *fixture, gconstpointer data)
{
  struct stat newer, older;

  lp_store_set_history_limit (fixture->store, 8192);
  for (guint64 time = 1; time <= 300; time++)
    append (fixture, time, "some reason or other");
  g_assert_cmpint (stat (fixture->file, &newer), ==, 0);
  g_assert_cmpint (stat (fixture->older, &older), ==, 0);
  g_assert_cmpint (newer.st_size, <=, 8192);
  g_assert_cmpint (older.st_size, <=, 8192);

  g_autoptr (GPtrArray) records = history (fixture, 0, 0);
  g_assert_cmpuint (records->len, >=, 20);
  for (guint i = 0; i < records->len; i++)
    g_assert_cmpuint (time_of (records, i), ==, 300 - i); /* no gap across the two files */
}

static void
test_huge_record (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpHistoryRecord) record = lp_history_record_new ();
  g_autoptr (GString) text = g_string_new ("[0");
  struct stat st;

  for (guint i = 0; i < 250000; i++)
    g_string_append_printf (text, ",%u", i);
  g_string_append_c (text, ']');
  record->verb = g_strdup ("apply");
  record->reason = g_strnfill (1000000, 'x');
  record->processes = json_from_string (text->str, NULL);
  g_assert_true (lp_store_append_history (fixture->store, record, &error));
  g_assert_cmpint (stat (fixture->file, &st), ==, 0);
  g_assert_cmpint (st.st_size, <, 100000);
  g_autoptr (GPtrArray) records = history (fixture, 0, 0);
  g_assert_cmpuint (records->len, ==, 1);
}

static void
test_damaged_lines_are_passed_over (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;
  gsize size;

  for (guint64 time = 1; time <= 3; time++)
    append (fixture, time, "");
  g_assert_true (g_file_get_contents (fixture->file, &text, &size, NULL));
  for (gsize at = 0; at < size; at++)
    {
      g_autofree char *damaged = g_memdup2 (text, size);
      damaged[at] ^= 0x80;
      g_assert_true (g_file_set_contents (fixture->file, damaged, size, NULL));
      g_autoptr (GPtrArray) records = history (fixture, 0, 0);
      g_assert_cmpuint (records->len, >=, 1); /* a damaged newline takes two lines with it */
      g_assert_cmpuint (records->len, <=, 3);
    }
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/store/history/what is appended is read back", test_round_trip },
    { "/store/history/newest first, since and limit", test_selection },
    { "/store/history/a torn last line costs that line only", test_torn_line },
    { "/store/history/stays bounded without a gap", test_bounded },
    { "/store/history/a huge record is cut, not refused", test_huge_record },
    { "/store/history/damaged lines are passed over", test_damaged_lines_are_passed_over },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
