/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the window's model says and decides, without a window: words for errors, problems and states, the way
 * back, the filter and the order. Must not know a bus. */
#include "model/errors.h"
#include "model/patch-filter.h"
#include "model/verbs.h"
#include "model/words.h"

/* Every error name of the interface contract. */
static const char *const own_errors[] = {
  "Failed",        "Ambiguous",         "InvalidState",   "Changed",           "Busy",          "Cancelled",
  "NotCancelable", "PatchCorrupt",      "Untrusted",      "TargetMismatch",    "TargetMissing", "Conflict",
  "Overridden",    "KernelUnsupported", "ModuleRejected", "TransitionTimeout", "ProcessBusy",   "ProcessGone",
  "PartlyApplied", "RollbackFailed",    "StateCorrupt",   "NotSupported",
};
static const char *const standard_errors[] = { "AccessDenied",  "InteractiveAuthorizationRequired",
                                               "InvalidArgs",   "LimitsExceeded",
                                               "UnknownObject", "ServiceUnknown",
                                               "NoReply" };

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

  for (gsize i = 0; i < G_N_ELEMENTS (own_errors); i++)
    {
      g_autofree char *name = g_strconcat ("org.openeuler.SysCare1.Error.", own_errors[i], NULL);
      g_autoptr (ScFailure) failure = sc_failure_new (name, "text of the service");
      g_assert_true (g_hash_table_add (sentences, g_strdup (failure->sentence)));
      g_assert_cmpstr (failure->detail, ==, "text of the service");
      g_assert_cmpstr (failure->name, ==, name);
      g_assert_true (g_str_equal (own_errors[i], "Cancelled") == (failure->kind == SC_FAILURE_CANCELLED));
    }
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
  static const char *const problems[]
      = { "processes-unpatched", "transition-pending", "target-changed", "target-missing", "conflict",
          "overridden",          "digest-mismatch",    "untrusted",      "bundle-missing" };

  for (gsize i = 0; i < G_N_ELEMENTS (problems); i++)
    {
      const char *advice;
      g_assert_cmpstr (sc_words_problem (problems[i], &advice), !=, problems[i]);
      g_assert_cmpstr (advice, !=, "");
    }
  g_assert_cmpstr (sc_words_problem ("from-the-future", NULL), ==, "from-the-future");
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
  g_test_add_func ("/gui/errors/own-sentence", test_every_error_has_its_own_sentence);
  g_test_add_func ("/gui/errors/unknown", test_an_unknown_error_is_shown_with_its_text);
  g_test_add_func ("/gui/words/problems", test_every_problem_has_a_sentence_and_advice);
  g_test_add_func ("/gui/verbs/way-back", test_undo_leads_back_from_every_state);
  g_test_add_func ("/gui/patch/takes", test_a_patch_takes_what_the_service_says);
  g_test_add_func ("/gui/patch/nameless", test_a_nameless_patch_has_a_title);
  g_test_add_func ("/gui/filter/combines", test_the_filter_combines_text_state_and_kind);
  g_test_add_func ("/gui/order/total", test_the_order_is_total);
  return g_test_run ();
}
