/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups patches and words the questions to polkit. Must not know how questions are put. */
#include "questions.h"

#define ACTION_FORCE "org.openeuler.syscare1.force"

static const char *const detail_keys[] = {
  "verb",          "patch.uuid",     "patch.name",      "patch.bundle", "patch.kind",    "patch.issues",
  "patch.count",   "patch.digest",   "patch.signer",    "target.name",  "target.source", "target.version",
  "target.object", "target.buildid", "target.verified", "force",
};

/* Those that tell groups apart, besides action and force. */
static const char *const target_keys[] = {
  "target.name", "target.source", "target.version", "target.object", "target.buildid", "target.verified",
};

static const char *
get (const ScQuestion *question, const char *key)
{
  const char *value = g_hash_table_lookup (question->details, key);

  return value != NULL ? value : "";
}

ScQuestion *
sc_question_new_plain (const char *action, const char *verb)
{
  ScQuestion *question = sc_question_new (action);

  for (guint i = 0; i < G_N_ELEMENTS (detail_keys); i++)
    sc_question_set (question, detail_keys[i], "");
  sc_question_set (question, "verb", verb);
  sc_question_set (question, "force", "false");
  return question;
}

static void
set_count (ScQuestion *question, guint n)
{
  g_autofree char *text = g_strdup_printf ("%u", n);

  sc_question_set (question, "patch.count", text);
}

static ScQuestion *
question_for_patch (ScVerb verb, const ScPatchInfo *info, const ScTargetFacts *facts, gboolean force)
{
  ScQuestion *question = sc_question_new_plain (sc_verb_action (verb, info->kind), sc_verb_row (verb)->word);
  g_autofree char *issues = g_strjoinv (" ", info->issues);

  sc_question_set (question, "patch.uuid", info->uuid);
  sc_question_set (question, "patch.name", info->name);
  sc_question_set (question, "patch.bundle", info->bundle);
  sc_question_set (question, "patch.kind", info->kind);
  sc_question_set (question, "patch.issues", issues);
  sc_question_set (question, "patch.digest", info->digest);
  sc_question_set (question, "patch.signer", info->signer);
  set_count (question, 1);
  sc_question_set (question, "target.name", facts->name);
  sc_question_set (question, "target.source", facts->source);
  sc_question_set (question, "target.version", facts->version);
  sc_question_set (question, "target.object", facts->object);
  sc_question_set (question, "target.buildid", facts->build_id);
  sc_question_set (question, "target.verified", facts->verified ? "true" : "false");
  sc_question_set (question, "force", force ? "true" : "false");
  return question;
}

static gboolean
same_group (const ScQuestion *a, const ScQuestion *b)
{
  if (!g_str_equal (a->action, b->action))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (target_keys); i++)
    if (!g_str_equal (get (a, target_keys[i]), get (b, target_keys[i])))
      return FALSE;
  return TRUE;
}

/* What is true of both stays, what isn't becomes "". */
static void
join (ScQuestion *question, const ScQuestion *other)
{
  guint n = (guint)g_ascii_strtoull (get (question, "patch.count"), NULL, 10);
  guint m = (guint)g_ascii_strtoull (get (other, "patch.count"), NULL, 10);

  for (guint i = 0; i < G_N_ELEMENTS (detail_keys); i++)
    if (!g_str_equal (get (question, detail_keys[i]), get (other, detail_keys[i])))
      sc_question_set (question, detail_keys[i], "");
  set_count (question, n + m);
}

static ScQuestion *
copy_question (const ScQuestion *question, const char *action)
{
  ScQuestion *copy = sc_question_new (action);
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, question->details);
  while (g_hash_table_iter_next (&iter, &key, &value))
    sc_question_set (copy, key, value);
  return copy;
}

/* The group of @question in @groups, made when there is none yet. */
static guint
find_group (GPtrArray *groups, ScQuestion *question)
{
  for (guint i = 0; i < groups->len; i++)
    if (same_group (g_ptr_array_index (groups, i), question))
      {
        join (g_ptr_array_index (groups, i), question);
        sc_question_free (question);
        return i;
      }
  g_ptr_array_add (groups, question);
  return groups->len - 1;
}

GPtrArray *
sc_questions_new (ScVerb verb, GPtrArray *patches, GPtrArray *facts, gboolean force, GArray **indexes)
{
  GPtrArray *questions = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_question_free);
  g_autoptr (GArray) members = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < patches->len; i++)
    {
      const ScPatch *patch = g_ptr_array_index (patches, i);
      guint group = find_group (questions,
                                question_for_patch (verb, patch->info, g_ptr_array_index (facts, i), force));

      g_array_append_val (members, group);
    }

  guint n = questions->len;
  for (guint i = 0; force && i < n; i++)
    g_ptr_array_add (questions, copy_question (g_ptr_array_index (questions, i), ACTION_FORCE));
  if (indexes != NULL)
    *indexes = g_steal_pointer (&members);
  return questions;
}

ScQuestion *
sc_questions_merge (GPtrArray *questions, gpointer user_data)
{
  const ScQuestion *first = g_ptr_array_index (questions, 0);
  ScQuestion *merged = copy_question (first, first->action);

  for (guint i = 1; i < questions->len; i++)
    join (merged, g_ptr_array_index (questions, i));
  for (guint i = 0; questions->len > 1 && i < G_N_ELEMENTS (target_keys); i++)
    sc_question_set (merged, target_keys[i], "");

  /* The action's own message names one patch; for several the user is told how many. */
  if (get (merged, "patch.name")[0] == '\0' && get (merged, "patch.count")[0] != '\0')
    {
      g_autofree char *message = g_strdup_printf ("Authentication is required to %s %s hot patches",
                                                  get (merged, "verb"), get (merged, "patch.count"));

      sc_question_set (merged, "polkit.message", message);
    }
  return merged;
}
