/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses the options of a call by one table. Must not know what they are used for. */
#include "call-options.h"

#include <string.h>

#define TIMEOUT_MAX (3600 * G_GUINT64_CONSTANT (1000000)) /* an hour, in microseconds */

static gboolean
set_consistency (ScCallOptions *options, const char *word)
{
  options->consistency = g_str_equal (word, "entry") ? LP_CONSISTENCY_ENTRY : LP_CONSISTENCY_STRICT;
  return g_str_equal (word, "entry") || g_str_equal (word, "strict");
}

static gboolean
set_on_failure (ScCallOptions *options, const char *word)
{
  options->keep_on_failure = g_str_equal (word, "keep");
  return g_str_equal (word, "keep") || g_str_equal (word, "rollback");
}

static gboolean
set_reason (ScCallOptions *options, const char *text)
{
  g_free (options->reason);
  options->reason = g_strdup (text);
  return strlen (text) <= SC_REASON_MAX;
}

typedef struct {
  const char *key;
  const char *type; /* GVariant type */
  ScOptionFlags flag;
  gsize offset; /* of the member, for the plain types */
  gboolean (*set_word) (ScCallOptions *options, const char *word);
  const char *expected; /* in words, for messages */
} ScOptionRow;

#define PLAIN(key, type, flag, member, expected)                                                             \
  {                                                                                                          \
    key, type, flag, G_STRUCT_OFFSET (ScCallOptions, member), NULL, expected                                 \
  }

static const ScOptionRow option_table[] = {
  PLAIN ("force", "b", SC_OPTION_FORCE, force, "a boolean"),
  PLAIN ("activate", "b", SC_OPTION_ACTIVATE, activate, "a boolean"),
  PLAIN ("error-if-unchanged", "b", SC_OPTION_ERROR_IF_UNCHANGED, error_if_unchanged, "a boolean"),
  PLAIN ("accepted", "b", SC_OPTION_ACCEPTED, accepted, "a boolean"),
  PLAIN ("timeout", "t", SC_OPTION_TIMEOUT, timeout, "microseconds (t), at most an hour"),
  PLAIN ("expected-generation", "t", SC_OPTION_EXPECTED_GENERATION, expected_generation, "a generation (t)"),
  PLAIN ("offset", "u", SC_OPTION_OFFSET, offset, "a number (u)"),
  PLAIN ("limit", "u", SC_OPTION_LIMIT, limit, "a number (u)"),
  PLAIN ("omit-empty", "b", SC_OPTION_OMIT_EMPTY, omit_empty, "a boolean"),
  { "reason", "s", SC_OPTION_REASON, 0, set_reason, "a string of at most 1024 bytes" },
  { "on-failure", "s", SC_OPTION_ON_FAILURE, 0, set_on_failure, "\"rollback\" or \"keep\"" },
  { "consistency", "s", SC_OPTION_CONSISTENCY, 0, set_consistency, "\"strict\" or \"entry\"" },
};

static const ScOptionRow *
find_row (const char *key, ScOptionFlags allowed)
{
  for (guint i = 0; i < G_N_ELEMENTS (option_table); i++)
    if (g_str_equal (option_table[i].key, key))
      return (option_table[i].flag & allowed) != 0 ? &option_table[i] : NULL;
  return NULL;
}

static gboolean
set_value (ScCallOptions *options, const ScOptionRow *row, GVariant *value)
{
  gpointer member = G_STRUCT_MEMBER_P (options, row->offset);

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE (row->type)))
    return FALSE;
  options->given |= row->flag;
  if (row->set_word != NULL)
    return row->set_word (options, g_variant_get_string (value, NULL));

  g_variant_get (value, row->type, member);
  return options->timeout <= TIMEOUT_MAX;
}

ScCallOptions *
sc_call_options_parse (GVariant *dictionary, ScOptionFlags allowed, GError **error)
{
  g_autoptr (ScCallOptions) options = g_new0 (ScCallOptions, 1);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  options->activate = TRUE;
  options->reason = g_strdup ("");

  g_variant_iter_init (&iter, dictionary);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      g_autoptr (GVariant) owned = value;
      const ScOptionRow *row = find_row (key, allowed);

      if (row == NULL)
        {
          lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "unknown option \"%.64s\"", key);
          return NULL;
        }
      if (!set_value (options, row, owned))
        {
          lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "option \"%s\" must be %s", key, row->expected);
          return NULL;
        }
    }
  return g_steal_pointer (&options);
}

void
sc_call_options_free (ScCallOptions *options)
{
  if (options == NULL)
    return;
  g_free (options->reason);
  g_free (options);
}

ScCallOptions *
sc_call_options_new_none (void)
{
  g_autoptr (GVariant) none = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));

  return sc_call_options_parse (none, 0, NULL);
}
