/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the window's model says and decides, without a window: words for errors, problems and states, the way
 * back, the filter and the order. Must not know a bus. */
#include "base/error.h"
#include "model/errors.h"
#include "model/patch-filter.h"
#include "model/verbs.h"
#include "model/words.h"

#include <string.h>

static const char
    *interfaces; /* the directory of the interfaces' XML, whose prose has the words of the bus */

static const char *const standard_errors[] = { "AccessDenied",  "InteractiveAuthorizationRequired",
                                               "InvalidArgs",   "LimitsExceeded",
                                               "UnknownObject", "ServiceUnknown",
                                               "NoReply" };

/* What the prose of the interface @name says within the parentheses of @pattern, in one line. Caller frees.
 */
static char *
find_prose (const char *name, const char *pattern)
{
  g_autofree char *file = g_strdup_printf ("%s/org.openeuler.SysCare1.%s.xml", interfaces, name);
  g_autofree char *text = NULL;
  g_autoptr (GRegex) space = g_regex_new ("\\s+", 0, 0, NULL);
  g_autoptr (GRegex) regex = g_regex_new (pattern, 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_autofree char *line = g_regex_replace_literal (space, text, -1, 0, " ", 0, NULL);
  g_assert_true (g_regex_match (regex, line, 0, &match));
  return g_match_info_fetch (match, 1);
}

/* The words of a list in prose, which may explain each in parentheses. At least @least, so that a list that
 * is written otherwise one day isn't taken for a short one. */
static GStrv
words_of (const char *prose, guint least)
{
  g_autoptr (GRegex) aside = g_regex_new ("\\([^()]*\\)|or | while .*", 0, 0, NULL);
  g_autofree char *plain = g_regex_replace_literal (aside, prose, -1, 0, "", 0, NULL);
  GStrv words = g_regex_split_simple ("[\", ]+", g_strstrip (plain), 0, 0);

  g_assert_cmpuint (g_strv_length (words), >=, least);
  return words;
}

static GStrv
words_in (const char *name, const char *pattern, guint least)
{
  g_autofree char *prose = find_prose (name, pattern);

  return words_of (prose, least);
}

static ScPatch *
patch_new (const char *path, const char *format, ...)
{
  ScPatch *patch = sc_patch_new (path);
  va_list arguments;

  va_start (arguments, format);
  g_autoptr (GVariant) values = g_variant_ref_sink (g_variant_new_parsed_va (format, &arguments));
  va_end (arguments);
  sc_patch_update (patch, values);
  return patch;
}

static void
test_every_error_has_its_own_sentence (void)
{
  g_autoptr (GHashTable) sentences = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < LP_N_ERRORS; i++)
    {
      const LpErrorInfo *info = lp_error_info (i);
      g_autofree char *name = g_strconcat ("org.openeuler.SysCare1.Error.", info->name, NULL);
      /* Those of the build tool never travel on the bus. */
      if (info->standard || i == LP_ERROR_NOTHING_TO_PATCH || i == LP_ERROR_REFUSED
          || i == LP_ERROR_SOURCES_FAILED)
        continue;
      g_autoptr (ScFailure) failure = sc_failure_new (name, "text of the service");
      g_assert_true (g_hash_table_add (sentences, g_strdup (failure->sentence)));
      g_assert_cmpstr (failure->detail, ==, "text of the service");
      g_assert_cmpstr (failure->name, ==, name);
      g_assert_true ((i == LP_ERROR_CANCELLED) == (failure->kind == SC_FAILURE_CANCELLED));
      g_assert_true (*failure->advice || failure->kind == SC_FAILURE_CANCELLED);
    }
  g_assert_cmpuint (g_hash_table_size (sentences), >=, 22);
  for (gsize i = 0; i < G_N_ELEMENTS (standard_errors); i++)
    {
      g_autofree char *name = g_strconcat ("org.freedesktop.DBus.Error.", standard_errors[i], NULL);
      g_autoptr (ScFailure) failure = sc_failure_new (name, "");
      g_assert_true (g_hash_table_add (sentences, g_strdup (failure->sentence)));
      g_assert_cmpint (failure->kind, ==, i < 2 ? SC_FAILURE_DECLINED : SC_FAILURE_REAL);
    }
}

static void
test_an_unknown_error_is_shown_with_its_text (void)
{
  g_autoptr (GError) error
      = g_dbus_error_new_for_dbus_error ("org.openeuler.SysCare1.Error.FromTheFuture", "so it is");
  g_autoptr (ScFailure) failure = sc_failure_from_error (error);

  g_assert_cmpint (failure->kind, ==, SC_FAILURE_REAL);
  g_assert_cmpstr (failure->detail, ==, "so it is");
  g_assert_cmpstr (failure->name, ==, "org.openeuler.SysCare1.Error.FromTheFuture");
}

static void
test_every_problem_has_a_sentence_and_advice (void)
{
  g_auto (GStrv) problems = words_in ("Patch", "Problems: .*? as words: (.*?)\\. Of a kernel patch", 10);

  for (guint i = 0; problems[i]; i++)
    {
      const char *advice;
      g_test_message ("%s", problems[i]);
      g_assert_cmpstr (sc_words_problem (problems[i], SC_KIND_USER, &advice), !=, problems[i]);
      g_assert_cmpstr (advice, !=, "");
    }
  g_assert_cmpstr (sc_words_problem ("target-changed", SC_KIND_USER, NULL), !=,
                   sc_words_problem ("target-changed", SC_KIND_KERNEL, NULL));
  g_assert_cmpstr (sc_words_problem ("from-the-future", SC_KIND_USER, NULL), ==, "from-the-future");
}

static void
check_words (const char *interface, const char *pattern, guint least, ScWord (*look_up) (const char *))
{
  g_auto (GStrv) words = words_in (interface, pattern, least);

  for (guint i = 0; words[i]; i++)
    {
      g_test_message ("%s", words[i]);
      g_assert_cmpstr (look_up (words[i]).word, !=, words[i]);
    }
}

static void
test_every_word_of_the_interface_is_known (void)
{
  g_auto (GStrv) phases = words_in ("Job", "Phase: What a running job does: (.*?);", 6);

  check_words ("Patch", "\"Status\" \\(s: (.*?)\\)", 5, sc_word_process);
  check_words ("Job", "\"Status\" \\(s: (.*?)\\)", 7, sc_word_process);
  check_words ("Job", "\"Result\" \\(s: (.*?)\\)", 4, sc_word_result);
  check_words ("Manager", "\"Verb\".*?\"Result\" \\(s: (.*?)\\)", 4, sc_word_result);
  check_words ("Manager", "\"Severity\" \\(s: (.*?)\\)", 4, sc_word_finding);
  for (guint i = 0; phases[i]; i++)
    g_assert_cmpstr (sc_words_phase (phases[i], "running"), !=, phases[i]);
}

static void
test_every_trouble_of_the_service_has_a_sentence (void)
{
  g_autofree char *prose = find_prose ("Manager", "Degraded: .*? Words: (.*?)\\. -->");
  g_autoptr (GRegex) quoted = g_regex_new ("\"([a-z-]+)\"", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  guint n = 0;

  for (g_regex_match (quoted, prose, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    {
      g_autofree char *word = g_match_info_fetch (match, 1);
      g_autofree char *trouble = g_strconcat (word, ": so it is", NULL);
      g_autofree char *text = sc_words_degraded (trouble);
      g_assert_cmpstr (text, !=, trouble);
      g_assert_true (g_str_has_suffix (text, ": so it is"));
      n++;
    }
  g_assert_cmpuint (n, >=, 11);
}

static void
test_what_fits_a_patch (void)
{
  g_autoptr (ScPatch) whole = patch_new ("/a", "{'State': <'active'>}");
  g_autoptr (ScPatch) partly
      = patch_new ("/b", "{'State': <'accepted'>, 'Problems': <['processes-unpatched']>}");
  g_autoptr (ScPatch) foreign = patch_new ("/c", "{'State': <'active'>, 'Problems': <['foreign']>}");

  g_assert_false (sc_verb_fits (SC_VERB_ACTIVATE, whole));
  g_assert_true (sc_verb_fits (SC_VERB_ACTIVATE, partly) && sc_verb_fits (SC_VERB_REVOKE, partly));
  for (guint verb = 0; verb < SC_N_VERBS; verb++)
    g_assert_false (sc_verb_fits (verb, foreign));
}

static void
test_a_kernel_in_transition_says_how_far_it_is (void)
{
  g_autoptr (ScPatch) patch
      = patch_new ("/k", "{'Kind': <'kernel'>, 'State': <'active'>, 'Problems': <['transition-pending']>, "
                         "'ProcessesTotal': <uint32 90>, 'ProcessesPatched': <uint32 88>}");
  g_autofree char *summary = sc_words_summary (patch);

  g_assert_nonnull (strstr (summary, "88 of 90 tasks have switched so far."));
}

static void
test_a_kernel_that_lacks_the_patch_is_told (void)
{
  static const char *const problems[] = { "not-loaded", "target-changed" };

  for (gsize i = 0; i < G_N_ELEMENTS (problems); i++)
    {
      g_autofree char *text
          = g_strdup_printf ("{'Kind': <'kernel'>, 'State': <'accepted'>, 'Problems': <['%s']>}",
                             problems[i]);
      g_autoptr (ScPatch) patch = patch_new ("/k", text);
      g_autofree char *summary = sc_words_summary (patch);
      g_assert_nonnull (strstr (summary, "doesn’t have the new code"));
    }
  g_autoptr (ScPatch) patch
      = patch_new ("/k", "{'Kind': <'kernel'>, 'State': <'accepted'>, 'Problems': <['not-loaded']>}");
  g_assert_true (sc_verb_fits (SC_VERB_ACTIVATE, patch));
}

static void
test_undo_leads_back_from_every_state (void)
{
  for (int from = SC_STATE_NOT_APPLIED; from < SC_N_STATES; from++)
    for (int to = SC_STATE_NOT_APPLIED; to < SC_N_STATES; to++)
      {
        ScStep steps[2];
        guint n = sc_verb_steps (from, to, steps);
        g_assert_cmpuint (n, ==, from == to ? 0 : n);
        g_assert_true (from == to || n > 0);
        if (n > 0)
          g_assert_true (sc_verb_is_from (steps[0].verb, from));
      }
  ScStep steps[2];
  g_assert_cmpuint (sc_verb_steps (SC_STATE_UNKNOWN, SC_STATE_ACTIVE, steps), ==, 0);
}

static void
test_a_patch_takes_what_the_service_says (void)
{
  g_autoptr (ScPatch) patch
      = patch_new ("/p",
                   "{'Name': <'redis-7.0.15-1/HP001/redis-check-rdb'>, 'TargetName': <'redis'>, 'State': "
                   "<'from-the-future'>, "
                   "'TargetVersion': <'5:7.0.15-1'>, 'ProcessesTotal': <'not a number'>, 'Digest': <'abc'>}");
  g_autoptr (GVariant) digest = sc_patch_get_detail (patch, "Digest", G_VARIANT_TYPE_STRING);

  g_assert_cmpstr (sc_patch_get_title (patch), ==, "HP001 · redis-check-rdb");
  g_assert_cmpstr (sc_patch_get_target (patch), ==, "redis 7.0.15-1");
  g_assert_cmpint (sc_patch_get_state (patch), ==, SC_STATE_UNKNOWN);
  g_assert_cmpuint (sc_patch_get_total (patch), ==, 0);
  g_assert_nonnull (digest);
}

static void
test_a_nameless_patch_has_a_title (void)
{
  g_autoptr (ScPatch) patch = patch_new ("/p", "{'Uuid': <'0123456789ab-cdef'>}");

  g_assert_nonnull (strstr (sc_patch_get_title (patch), "01234567"));
}

static void
test_the_filter_combines_text_state_and_kind (void)
{
  g_autoptr (ScPatch) redis
      = patch_new ("/a",
                   "{'Name': <'redis-7/HP001/redis'>, 'State': <'active'>, 'Issues': <['CVE-2026-1']>}");
  g_autoptr (ScPatch) kernel = patch_new ("/b", "{'Name': <'linux-6/HP002/vmlinux'>, 'Kind': <'kernel'>, "
                                                "'State': <'accepted'>, 'Problems': <['conflict']>}");
  g_autoptr (ScPatchFilter) filter = sc_patch_filter_new ();
  GtkFilter *plain = GTK_FILTER (filter);

  g_assert_false (sc_patch_filter_is_set (filter));
  g_assert_true (gtk_filter_match (plain, redis) && gtk_filter_match (plain, kernel));
  sc_patch_filter_set_text (filter, "  cve-2026-1  HP001 ");
  g_assert_true (gtk_filter_match (plain, redis) && !gtk_filter_match (plain, kernel));
  sc_patch_filter_set_text (filter, " ");
  g_assert_false (sc_patch_filter_is_set (filter));
  sc_patch_filter_set_kind (filter, "kernel");
  g_assert_true (!gtk_filter_match (plain, redis) && gtk_filter_match (plain, kernel));
  sc_patch_filter_set_show (filter, SC_SHOW_ACTIVE);
  g_assert_true (!gtk_filter_match (plain, redis) && !gtk_filter_match (plain, kernel));
  sc_patch_filter_set_show (filter, SC_SHOW_TROUBLED);
  g_assert_true (gtk_filter_match (plain, kernel));
}

static void
test_the_order_is_total (void)
{
  static const char *const keys[] = { "name", "state", "severity", "changed" };
  g_autoptr (ScPatch) first = patch_new ("/a", "{'Name': <'same'>}");
  g_autoptr (ScPatch) second = patch_new ("/b", "{'Name': <'same'>}");

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    for (int grouped = 0; grouped < 2; grouped++)
      {
        g_autoptr (GtkSorter) sorter = sc_patch_sorter_new (keys[i], grouped);
        g_assert_cmpint (gtk_sorter_compare (sorter, first, second), ==, GTK_ORDERING_SMALLER);
        g_assert_cmpint (gtk_sorter_compare (sorter, second, first), ==, GTK_ORDERING_LARGER);
        g_assert_cmpint (gtk_sorter_compare (sorter, first, first), ==, GTK_ORDERING_EQUAL);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  interfaces = argv[1];
  g_test_add_func ("/gui/errors/own-sentence", test_every_error_has_its_own_sentence);
  g_test_add_func ("/gui/errors/unknown", test_an_unknown_error_is_shown_with_its_text);
  g_test_add_func ("/gui/words/problems", test_every_problem_has_a_sentence_and_advice);
  g_test_add_func ("/gui/words/interface", test_every_word_of_the_interface_is_known);
  g_test_add_func ("/gui/words/troubles", test_every_trouble_of_the_service_has_a_sentence);
  g_test_add_func ("/gui/words/transition", test_a_kernel_in_transition_says_how_far_it_is);
  g_test_add_func ("/gui/words/not-loaded", test_a_kernel_that_lacks_the_patch_is_told);
  g_test_add_func ("/gui/verbs/fits", test_what_fits_a_patch);
  g_test_add_func ("/gui/verbs/way-back", test_undo_leads_back_from_every_state);
  g_test_add_func ("/gui/patch/takes", test_a_patch_takes_what_the_service_says);
  g_test_add_func ("/gui/patch/nameless", test_a_nameless_patch_has_a_title);
  g_test_add_func ("/gui/filter/combines", test_the_filter_combines_text_state_and_kind);
  g_test_add_func ("/gui/order/total", test_the_order_is_total);
  return g_test_run ();
}
