/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service's core without a bus: state table, options, settings, matching, queue, wire, errors, details
 * for polkit. */
#include "call-options.h"
#include "error-names.h"
#include "match.h"
#include "plan.h"
#include "questions.h"
#include "queue.h"
#include "settings.h"
#include "verbs.h"
#include "wire.h"

#include <string.h>

static ScPatch *
patch_of (const char *uuid, const char *build_id, LpState state)
{
  ScPatchInfo *info = sc_patch_info_new_orphan (uuid, "d1", build_id);
  ScPatch *patch = sc_patch_new (info);

  patch->state = state;
  sc_patch_info_unref (info);
  return patch;
}

/* ---- the table ---- */

/* The contract's table once more, written as the contract writes it: verb, states it leads from, result. */
static const struct {
  ScVerb verb;
  const char *from;
  LpState result;
} contract[] = {
  { SC_VERB_APPLY, "not-applied deactivated", LP_STATE_ACTIVE },
  { SC_VERB_LOAD, "not-applied", LP_STATE_DEACTIVATED },
  { SC_VERB_ACTIVATE, "deactivated", LP_STATE_ACTIVE },
  { SC_VERB_DEACTIVATE, "active accepted", LP_STATE_DEACTIVATED },
  { SC_VERB_REMOVE, "deactivated active accepted", LP_STATE_NOT_APPLIED },
  { SC_VERB_ACCEPT, "active", LP_STATE_ACCEPTED },
  { SC_VERB_REVOKE, "accepted", LP_STATE_ACTIVE },
};

static void
test_every_pair (void)
{
  g_assert_cmpuint (G_N_ELEMENTS (contract), ==, SC_N_VERBS);
  for (guint v = 0; v < SC_N_VERBS; v++)
    for (LpState state = LP_STATE_UNKNOWN; state < SC_N_STATES; state++)
      {
        const ScTransition *transition = sc_verb_transition (contract[v].verb, state);
        g_auto (GStrv) from = g_strsplit (contract[v].from, " ", -1);
        gboolean brings = contract[v].verb == SC_VERB_APPLY || contract[v].verb == SC_VERB_ACTIVATE;

        if (g_strv_contains ((const char *const *)from, lp_state_word (state)))
          {
            g_assert_cmpint (transition->outcome, ==, SC_OUTCOME_CHANGE);
            g_assert_cmpint (transition->result, ==, contract[v].result);
          }
        else if (state == contract[v].result || (brings && state == LP_STATE_ACCEPTED))
          {
            /* the result holds: nothing changes, an accepted patch stays accepted */
            g_assert_cmpint (transition->outcome, ==, SC_OUTCOME_UNCHANGED);
            g_assert_cmpint (transition->result, ==, state);
          }
        else
          g_assert_cmpint (transition->outcome, ==, SC_OUTCOME_INVALID);
      }
}

static void
test_words_and_actions (void)
{
  ScVerb verb;
  g_autoptr (GError) error = NULL;

  g_assert_true (sc_verb_from_word ("apply", FALSE, &verb, NULL) && verb == SC_VERB_LOAD);
  g_assert_true (sc_verb_from_word ("apply", TRUE, &verb, NULL) && verb == SC_VERB_APPLY);
  g_assert_false (sc_verb_from_word ("load", TRUE, &verb, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_INVALID_ARGS);
  g_assert_cmpstr (sc_verb_action (SC_VERB_LOAD, "user"), ==, "org.openeuler.syscare1.apply-user");
  g_assert_cmpstr (sc_verb_action (SC_VERB_REMOVE, "kernel"), ==, "org.openeuler.syscare1.withdraw-kernel");
  g_assert_cmpstr (sc_verb_action (SC_VERB_REVOKE, "user"), ==, "org.openeuler.syscare1.accept-user");
}

static void
test_state_from_truth_and_wish (void)
{
  static const struct {
    LpState wished;
    ScCarriers carriers;
    LpState state;
  } cases[] = {
    { LP_STATE_NOT_APPLIED, { .total = 2 }, LP_STATE_NOT_APPLIED },
    { LP_STATE_NOT_APPLIED, { .total = 2, .active = 1 }, LP_STATE_ACTIVE },
    { LP_STATE_NOT_APPLIED, { .total = 2, .partial = 1 }, LP_STATE_ACTIVE },
    { LP_STATE_NOT_APPLIED, { .total = 2, .loaded = 1 }, LP_STATE_DEACTIVATED },
    { LP_STATE_ACTIVE, { .total = 2, .loaded = 1 }, LP_STATE_DEACTIVATED },
    { LP_STATE_ACTIVE, { .total = 2 }, LP_STATE_ACTIVE },
    { LP_STATE_ACTIVE, { 0 }, LP_STATE_ACTIVE },
    { LP_STATE_ACCEPTED, { .total = 2, .active = 2 }, LP_STATE_ACCEPTED },
    { LP_STATE_ACCEPTED, { 0 }, LP_STATE_ACCEPTED },
    { LP_STATE_DEACTIVATED, { .total = 1, .active = 1 }, LP_STATE_ACTIVE },
    { LP_STATE_DEACTIVATED, { .total = 1 }, LP_STATE_DEACTIVATED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (sc_patch_compute_state (cases[i].wished, &cases[i].carriers), ==, cases[i].state);
}

static void
test_unpatched_processes_are_a_problem (void)
{
  g_autoptr (ScPatch) patch = patch_of ("u", "b", LP_STATE_UNKNOWN);
  ScCarriers carriers = { .total = 2, .active = 1 };

  patch->wished = LP_STATE_ACTIVE;
  g_assert_true (sc_patch_observe (patch, &carriers, NULL, FALSE, FALSE));
  g_assert_true (sc_patch_has_problem (patch, "processes-unpatched"));
  g_assert_false (sc_patch_observe (patch, &carriers, NULL, FALSE, FALSE));
  carriers.active = 2;
  g_assert_true (sc_patch_observe (patch, &carriers, "target-changed", FALSE, TRUE));
  g_assert_false (sc_patch_has_problem (patch, "processes-unpatched"));
  g_assert_true (sc_patch_has_problem (patch, "target-changed") && sc_patch_has_problem (patch, "untrusted"));
}

/* ---- options ---- */

static ScCallOptions *
parse (const char *text, ScOptionFlags allowed, GError **error)
{
  g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new_parsed (text));

  return sc_call_options_parse (variant, allowed, error);
}

static void
test_options_are_strict (void)
{
  static const char *const bad[] = { "{'nonsense': <true>}",    "{'force': <'true'>}",
                                     "{'timeout': <uint32 1>}", "{'timeout': <uint64 3600000001>}",
                                     "{'on-failure': <'x'>}",   "{'reason': <true>}",
                                     "{'limit': <uint32 1>}",   "{'consistency': <'STRICT'>}" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (parse (bad[i], SC_OPTIONS_SUBMIT, &error));
      g_assert_error (error, LP_ERROR, LP_ERROR_INVALID_ARGS);
    }
  g_autoptr (ScCallOptions) none = parse ("@a{sv} {}", 0, NULL);
  g_assert_true (none->activate && !none->force && none->given == 0);
  g_assert_cmpstr (none->reason, ==, "");
  g_autoptr (ScCallOptions) some
      = parse ("{'force': <true>, 'activate': <false>, 'timeout': <uint64 5>, 'reason': <'why'>, "
               "'on-failure': <'keep'>, 'consistency': <'entry'>}",
               SC_OPTIONS_SUBMIT, NULL);
  g_assert_true (some->force && !some->activate && some->keep_on_failure && some->timeout == 5);
  g_assert_cmpint (some->consistency, ==, LP_CONSISTENCY_ENTRY);
  g_assert_cmpstr (some->reason, ==, "why");
}

static void
test_settings_keep_defaults_for_bad_keys (void)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "test-core-XXXXXX", NULL);
  int fd = g_mkstemp (path);
  const char *text = "[service]\nrequire-signature=true\nbusy-timeout=soon\nqueue-limit=9\nother=1\n[install]"
                     "\nfile-limit=1\n";

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_autoptr (ScSettings) settings = sc_settings_load (path);
  g_assert_true (settings->require_signature);
  g_assert_cmpuint (settings->busy_timeout, ==, 30);
  g_assert_cmpuint (settings->queue_limit, ==, 9);
  g_assert_cmpuint (settings->install_file_limit, ==, 256);
  g_assert_cmpuint (g_strv_length (settings->problems), ==, 3);
  unlink (path);
  g_autoptr (ScSettings) missing = sc_settings_load (path);
  g_assert_cmpuint (g_strv_length (missing->problems), ==, 0);
}

/* ---- errors ---- */

static void
test_every_error_has_its_own_name (void)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint code = 0; code < LP_N_ERRORS; code++)
    {
      g_autoptr (GError) error = g_error_new_literal (LP_ERROR, code, "x");
      const char *name = sc_error_name (error);

      g_assert_true (g_dbus_is_interface_name (name));
      g_assert_true (g_hash_table_add (names, (gpointer)name));
      g_assert_cmpstr (sc_error_name_for_short (lp_error_info (code)->name), ==, name);
      g_autoptr (JsonObject) message = json_object_new ();
      sc_wire_set_error (message, error);
      g_autoptr (GError) back = sc_wire_get_error (message);
      g_assert_error (back, LP_ERROR, (int)code);
    }
  g_assert_cmpstr (sc_error_name_for_short (""), ==, "");
  g_assert_cmpstr (sc_error_name_for_short ("NoSuchError"), ==, SC_ERROR_PREFIX "Failed");
}

/* ---- the wire ---- */

static void
test_wire_trusts_nothing (void)
{
  static const guint8 too_long[] = { 0xff, 0xff, 0xff, 0xff }, none[] = { 0, 0, 0, 0 };
  static const char *const bad[] = { "", "[]", "{", "1", "\xff\xfe", "{\"a\":}" };

  g_assert_cmpuint (sc_wire_length (too_long), ==, 0);
  g_assert_cmpuint (sc_wire_length (none), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (sc_wire_decode (bad[i], strlen (bad[i]), &error));
      g_assert_error (error, LP_ERROR, LP_ERROR_FAILED);
    }
  const char *text = "{\"s\": 1, \"i\": \"x\", \"a\": {}, \"n\": null, \"e\": [1, {}]}";
  g_autoptr (JsonObject) object = sc_wire_decode (text, strlen (text), NULL);
  g_assert_cmpstr (sc_wire_string (object, "s"), ==, "");
  g_assert_cmpstr (sc_wire_string (object, "n"), ==, "");
  g_assert_cmpint (sc_wire_int (object, "i"), ==, 0);
  g_assert_cmpint (sc_wire_int (object, "missing"), ==, 0);
  g_assert_false (sc_wire_bool (object, "s"));
  g_assert_null (sc_wire_array (object, "a"));
  g_assert_null (sc_wire_element (sc_wire_array (object, "e"), 0));
  g_assert_nonnull (sc_wire_element (sc_wire_array (object, "e"), 1));
}

/* ---- the queue ---- */

static void
note_start (ScJob *job, gpointer user_data)
{
  g_string_append_printf (user_data, "%" G_GUINT64_FORMAT " ", job->id);
}

static ScJob *
queue_job (ScQueue *queue, guint64 id, const char *build_id, guint uid, GString *started, GError **error)
{
  g_autoptr (GPtrArray) patches = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);
  g_autoptr (ScCaller) caller = sc_caller_new (":1.1", uid, 0, FALSE);

  g_ptr_array_add (patches, patch_of ("u", build_id, LP_STATE_NOT_APPLIED));
  ScJob *job = sc_job_new (id, "apply", patches, caller, parse ("@a{sv} {}", 0, NULL));
  job->start = note_start;
  job->start_data = started;
  job->ready = TRUE;
  if (sc_queue_add (queue, job, error))
    return job;
  sc_job_unref (job);
  return NULL;
}

static void
test_queue_runs_one_job_per_target (void)
{
  g_autoptr (ScQueue) queue = sc_queue_new ();
  g_autoptr (GString) started = g_string_new (NULL);
  g_autoptr (ScJob) one = queue_job (queue, 1, "a", 0, started, NULL);
  g_autoptr (ScJob) two = queue_job (queue, 2, "a", 0, started, NULL);
  g_autoptr (ScJob) three G_GNUC_UNUSED = queue_job (queue, 3, "b", 0, started, NULL);

  sc_queue_advance (queue);
  g_assert_cmpstr (started->str, ==, "1 3 ");
  sc_queue_advance (queue);
  g_assert_cmpstr (started->str, ==, "1 3 ");
  g_assert_true (sc_job_cancel (two, NULL));
  g_assert_cmpint (two->state, ==, SC_JOB_CANCELLED);
  g_autoptr (ScJob) four G_GNUC_UNUSED = queue_job (queue, 4, "a", 0, started, NULL);
  sc_job_finish (one, NULL, NULL);
  sc_queue_advance (queue);
  g_assert_cmpstr (started->str, ==, "1 3 4 ");
  g_assert_cmpuint (sc_queue_length (queue), ==, 2);
}

static void
test_queue_has_limits (void)
{
  g_autoptr (ScQueue) queue = sc_queue_new ();
  g_autoptr (GString) started = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  sc_queue_set_limits (queue, 4, 2);
  for (guint i = 0; i < 2; i++)
    sc_job_unref (queue_job (queue, i, "a", 1000, started, NULL));
  g_assert_null (queue_job (queue, 3, "a", 1000, started, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_LIMITS_EXCEEDED);
  for (guint i = 0; i < 2; i++)
    sc_job_unref (queue_job (queue, 4 + i, "a", 0, started, NULL));
  g_assert_null (queue_job (queue, 6, "a", 0, started, NULL));
}

/* ---- polkit's questions ---- */

static ScTargetFacts *
facts_of (const char *source, gboolean verified)
{
  ScTargetFacts *facts = g_new0 (ScTargetFacts, 1);

  facts->name = g_strdup (source);
  facts->source = g_strdup (source);
  facts->version = g_strdup ("1");
  facts->object = g_strdup (source);
  facts->build_id = g_strdup (source);
  facts->why_not = g_strdup ("");
  facts->verified = verified;
  return facts;
}

static const char *
detail (GPtrArray *questions, guint i, const char *key)
{
  return g_hash_table_lookup (((ScQuestion *)g_ptr_array_index (questions, i))->details, key);
}

static void
test_questions_are_grouped (void)
{
  g_autoptr (GPtrArray) patches = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);
  g_autoptr (GPtrArray) facts = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_target_facts_free);
  g_autoptr (GArray) groups = NULL;

  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *uuid = g_strdup_printf ("u%u", i);

      g_ptr_array_add (patches, patch_of (uuid, "b", LP_STATE_NOT_APPLIED));
      g_ptr_array_add (facts, facts_of (i == 1 ? "other" : "redis", TRUE));
    }
  g_autoptr (GPtrArray) questions = sc_questions_new (SC_VERB_APPLY, patches, facts, TRUE, &groups);
  g_assert_cmpuint (questions->len, ==, 4); /* two groups, each once more for force */
  g_assert_cmpstr (detail (questions, 0, "patch.count"), ==, "2");
  g_assert_cmpstr (detail (questions, 0, "patch.uuid"), ==, "");
  g_assert_cmpstr (detail (questions, 0, "target.source"), ==, "redis");
  g_assert_cmpstr (detail (questions, 1, "patch.uuid"), ==, "u1");
  g_assert_cmpstr (detail (questions, 1, "force"), ==, "true");
  g_assert_cmpstr (((ScQuestion *)g_ptr_array_index (questions, 2))->action, ==,
                   "org.openeuler.syscare1.force");
  g_assert_cmpuint (g_array_index (groups, guint, 2), ==, 0);
  for (guint i = 0; i < questions->len; i++)
    g_assert_cmpuint (g_hash_table_size (((ScQuestion *)g_ptr_array_index (questions, i))->details), ==, 16);

  g_autoptr (GPtrArray) two = g_ptr_array_new ();
  g_ptr_array_add (two, g_ptr_array_index (questions, 0));
  g_ptr_array_add (two, g_ptr_array_index (questions, 1));
  g_autoptr (ScQuestion) merged = sc_questions_merge (two, NULL);
  g_assert_cmpstr (g_hash_table_lookup (merged->details, "patch.count"), ==, "3");
  g_assert_cmpstr (g_hash_table_lookup (merged->details, "target.source"), ==, "");
  g_assert_cmpstr (g_hash_table_lookup (merged->details, "target.verified"), ==, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/table/every pair is as the contract says", test_every_pair);
  g_test_add_func ("/table/words and actions", test_words_and_actions);
  g_test_add_func ("/state/truth has the last word, the wish where no process contradicts",
                   test_state_from_truth_and_wish);
  g_test_add_func ("/state/unpatched processes are a problem", test_unpatched_processes_are_a_problem);
  g_test_add_func ("/options/are parsed strictly", test_options_are_strict);
  g_test_add_func ("/settings/a bad key gets its default", test_settings_keep_defaults_for_bad_keys);
  g_test_add_func ("/errors/each has its own name, also through a worker", test_every_error_has_its_own_name);
  g_test_add_func ("/wire/trusts nothing", test_wire_trusts_nothing);
  g_test_add_func ("/queue/one job per target", test_queue_runs_one_job_per_target);
  g_test_add_func ("/queue/limits", test_queue_has_limits);
  g_test_add_func ("/polkit/questions are grouped and merged", test_questions_are_grouped);
  return g_test_run ();
}
