/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line does to words, without a bus: escaping, widths, times, JSON, the choice among
 * candidates. */
#include "config.h"

#include <locale.h>
#include <string.h>

#include "base/error.h"
#include "json.h"
#include "patches.h"
#include "report.h"
#include "text.h"
#include "verbs.h"

static void
test_escape (void)
{
  static const struct {
    const char *raw, *shown;
  } rows[] = {
    { "redis-7.0.15-1~deb12u7/HP001", "redis-7.0.15-1~deb12u7/HP001" },
    { "修复", "修复" },
    { "a\033[31mb", "a\\x1b[31mb" },
    { "a\nb\tc\rd\177", "a\\x0ab\\x09c\\x0dd\\x7f" },
    { "csi \xc2\x9b here", "csi \\x9b here" },
    { "a\xe2\x80\xae"
      "b",
      "a\\u{202e}b" },
    { "cut \xe4\xbf", "cut \xef\xbf\xbd" },
    { "", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *shown = cli_escape (rows[i].raw);
      g_assert_true (g_utf8_validate (shown, -1, NULL));
      if (strstr (rows[i].raw, "cut") == NULL)
        g_assert_cmpstr (shown, ==, rows[i].shown);
      else
        g_assert_true (g_str_has_prefix (shown, rows[i].shown));
    }
}

static void
test_width_and_cut (void)
{
  g_assert_cmpuint (cli_width ("abc"), ==, 3);
  g_assert_cmpuint (cli_width ("修复ab"), ==, 6);
  g_assert_cmpuint (cli_width ("e\xcc\x81"), ==, 1); /* e and a combining accent */

  static const struct {
    const char *text;
    guint columns;
    const char *cut;
  } rows[] = { { "abcdef", 6, "abcdef" },
               { "abcdef", 5, "abcd…" },
               { "修复代码", 5, "修复…" },
               { "修复代码", 4, "修…" },
               { "ab", 1, "…" } };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *cut = cli_cut (rows[i].text, rows[i].columns);
      g_assert_cmpstr (cut, ==, rows[i].cut);
      g_assert_cmpuint (cli_width (cut), <=, rows[i].columns);
    }
}

static void
test_durations (void)
{
  static const struct {
    const char *text;
    guint64 usec;
  } good[] = { { "30", 30000000 },   { "500ms", 500000 }, { "2min", 120000000 },
               { "1h", 3600000000 }, { "1.5s", 1500000 }, { "0", 0 } };
  static const char *const bad[] = { "", "x", "-1", "5 parsecs", "1e300h", "nan", "3sx", " 3", "0x10" };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      guint64 usec = 1;
      g_assert_true (cli_parse_duration (good[i].text, &usec, NULL));
      g_assert_cmpuint (usec, ==, good[i].usec);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 usec;
      g_assert_false (cli_parse_duration (bad[i], &usec, &error));
      g_assert_error (error, LP_ERROR, LP_ERROR_INVALID_ARGS);
    }
}

static void
test_times (void)
{
  const guint64 now
      = 1767269045 * (guint64)G_USEC_PER_SEC; /* 2026-01-01 12:04:05 UTC, and the test runs in UTC */
  static const struct {
    const char *text;
    guint64 seconds;
  } good[] = {
    { "2026-01-01", 1767225600 },
    { "2026-01-01 12:04", 1767269040 },
    { "2026-01-01T12:04:05", 1767269045 },
    { "2026-01-01T12:04:05Z", 1767269045 },
    { "today", 1767225600 },
    { "yesterday", 1767139200 },
    { "2h", 1767261845 },
    { "1d", 1767182645 },
    { "2026-01-01T13:04:05+01:00", 1767269045 },
  };
  static const char *const bad[] = {
    "", "tomorrow-ish", "2026-13-01", "2026-01-32", "2026-01-01 25:00", "2026-01-01 12:04:", "7", "12:00x"
  };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      guint64 usec = 0;
      g_assert_true (cli_parse_time (good[i].text, now, &usec, NULL));
      g_assert_cmpuint (usec / G_USEC_PER_SEC, ==, good[i].seconds);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 usec;
      g_assert_false (cli_parse_time (bad[i], now, &usec, &error));
      g_assert_error (error, LP_ERROR, LP_ERROR_INVALID_ARGS);
    }
}

static void
test_json_keys (void)
{
  static const char *const rows[][2] = { { "TargetBuildId", "target_build_id" },
                                         { "Uuid", "uuid" },
                                         { "UUID", "uuid" },
                                         { "ProcessesTotal", "processes_total" },
                                         { "on-failure", "on_failure" } };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *key = cli_json_key (rows[i][0]);
      g_assert_cmpstr (key, ==, rows[i][1]);
    }
}

/* What the writer prints is read back by another implementation. Printing is captured by a subprocess. */
static void
print_json (void)
{
  CliJson *json = cli_json_new ();
  g_autoptr (GVariant) value
      = g_variant_parse (NULL,
                         "{'Text': <'a\"b\\\\c\\n\\u001b修'>, 'Numbers': <[uint32 0, 4294967295]>, 'Big': "
                         "<uint64 18446744073709551615>, 'No': <false>, "
                         "'Path': <objectpath '/'>, 'Pairs': <[('a', 'b')]>, 'Nested': <[{'Pid': <uint32 "
                         "7>}]>, 'Empty': <@as []>, 'Minus': <-5>}",
                         NULL, NULL, NULL);
  cli_json_variant (json, "value", value);
  cli_json_string (json, "broken", "\xff");
  cli_json_finish (json, FALSE);
}

static void
test_json_reads_back (void)
{
  if (g_test_subprocess ())
    {
      print_json ();
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout ("*{\"value\": {\"text\": \"a\\\"b\\\\c\\n\\u001b修\",\"numbers\": "
                             "[0,4294967295],\"big\": 18446744073709551615,"
                             "\"no\": false,\"path\": \"/\",\"pairs\": [[\"a\",\"b\"]],\"nested\": "
                             "[{\"pid\": 7}],\"empty\": [],"
                             "\"minus\": -5},\"broken\": \"\xef\xbf\xbd\"}\n*");
}

static void
add_candidate (GPtrArray *candidates, const char *uuid, const char *bundle, const char *name,
               const char *issue)
{
  GVariantDict patch;
  const char *issues[] = { issue, NULL };

  g_variant_dict_init (&patch, NULL);
  g_variant_dict_insert (&patch, "Uuid", "s", uuid);
  g_variant_dict_insert (&patch, "Bundle", "s", bundle);
  g_variant_dict_insert (&patch, "Name", "s", name);
  g_variant_dict_insert_value (&patch, "Issues", g_variant_new_strv (issues, -1));
  g_ptr_array_add (candidates, g_variant_ref_sink (g_variant_dict_end (&patch)));
}

static void
test_narrow (void)
{
  g_autoptr (GPtrArray) candidates = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  add_candidate (candidates, "11111111-0000-5000-8000-000000000001", "aaaaaaaa-0000-5000-8000-00000000000a",
                 "redis-7/HP1/redis-server", "CVE-2026-1");
  add_candidate (candidates, "22222222-0000-5000-8000-000000000002", "aaaaaaaa-0000-5000-8000-00000000000a",
                 "redis-7/HP1/redis-cli", "CVE-2026-1");
  add_candidate (candidates, "33333333-0000-5000-8000-000000000003", "bbbbbbbb-0000-5000-8000-00000000000b",
                 "redis-7/HP10/redis-server", "CVE-2026-10");
  add_candidate (candidates, "44444444-0000-5000-8000-000000000004", "cccccccc-0000-5000-8000-00000000000c",
                 "nginx-1/HP1/nginx", "CVE-2026-100");

  static const struct {
    const char *id;
    const char *meant; /* first digits of the uuids */
  } rows[] = {
    { "11111111-0000-5000-8000-000000000001", "1" },
    { "22222222000050008000000000000002", "2" },
    { "AAAAAAAA-0000-5000-8000-00000000000A", "12" },
    { "redis-7/HP1", "12" }, /* not HP10, though it begins the same */
    { "redis-7/HP1/redis-cli", "2" },
    { "redis-7/HP10", "3" },
    { "HP1", "124" }, /* two bundles: the caller calls it ambiguous */
    { "HP10", "3" },
    { "cve-2026-1", "12" },
    { "CVE-2026-10", "3" },
    { "redis", "1234" }, /* a leading part: whatever the service found */
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GPtrArray) meant = cli_narrow (rows[i].id, candidates);
      g_autoptr (GString) found = g_string_new (NULL);
      for (guint j = 0; j < meant->len; j++)
        {
          const char *uuid;
          g_assert_true (g_variant_lookup (meant->pdata[j], "Uuid", "&s", &uuid));
          g_string_append_c (found, *uuid);
        }
      g_test_message ("%s", rows[i].id);
      g_assert_cmpstr (found->str, ==, rows[i].meant);
    }
}

static void
test_explain (void)
{
  g_autoptr (GError) mismatch
      = g_error_new_literal (LP_ERROR, LP_ERROR_TARGET_MISMATCH, "/usr/bin/x\nget another");
  cli_error_explain (&mismatch);
  g_assert_cmpstr (mismatch->message, ==,
                   "the target is another build than the patch was made for: /usr/bin/x\nget another");
  cli_error_explain (&mismatch); /* once only */
  g_assert_cmpstr (mismatch->message, ==,
                   "the target is another build than the patch was made for: /usr/bin/x\nget another");

  g_autoptr (GError) failed = g_error_new_literal (LP_ERROR, LP_ERROR_FAILED, "disk on fire");
  cli_error_explain (&failed);
  g_assert_cmpstr (failed->message, ==, "disk on fire");

  g_autoptr (GError) bare = g_error_new_literal (LP_ERROR, LP_ERROR_BUSY, "");
  cli_error_explain (&bare);
  g_assert_cmpstr (bare->message, ==, "another job is working on this target");
}

static void
test_nearest_verb (void)
{
  g_assert_cmpstr (cli_verb_nearest ("aply"), ==, "apply");
  g_assert_cmpstr (cli_verb_nearest ("lsit"), ==, "list");
  g_assert_null (cli_verb_nearest ("frobnicate"));
  g_assert_null (cli_verb_nearest (""));
  g_assert_null (cli_verb_nearest ("averylongwordthatfitsintonoverbwhatsoeverandgoesonandon"));
}

int
main (int argc, char **argv)
{
  g_setenv ("TZ", "UTC", TRUE);
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/words/control characters in names are made visible", test_escape);
  g_test_add_func ("/cli/words/wide characters count twice when text is measured and cut",
                   test_width_and_cut);
  g_test_add_func ("/cli/words/lengths of time are read and nonsense is refused", test_durations);
  g_test_add_func ("/cli/words/points in time are read and nonsense is refused", test_times);
  g_test_add_func ("/cli/json/keys are the bus names in snake case", test_json_keys);
  g_test_add_func ("/cli/json/every D-Bus type becomes sound JSON", test_json_reads_back);
  g_test_add_func ("/cli/ids/exact ids come before leading parts", test_narrow);
  g_test_add_func ("/cli/errors/the sentence stands in front of the detail once", test_explain);
  g_test_add_func ("/cli/verbs/a slip of the pen finds its verb", test_nearest_verb);
  return g_test_run ();
}
