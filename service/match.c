/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Matches patches by one table of keys. Must not know the bus. */
#include "match.h"

#include "base/error.h"

#include <string.h>

#define VALUE_MAX 512 /* bytes */

/* An exact id wins over a leading part, so that one name may begin another. */
typedef enum { NO, BY_PREFIX, EXACTLY } ScMatchDegree;

static ScMatchDegree
degree (gboolean matches)
{
  return matches ? EXACTLY : NO;
}

static ScMatchDegree
compare_text (const char *text, const char *value)
{
  if (g_ascii_strcasecmp (text, value) == 0)
    return EXACTLY;
  return g_ascii_strncasecmp (text, value, strlen (value)) == 0 ? BY_PREFIX : NO;
}

/* The version as upstream counts it: without epoch and revision. */
static char *
upstream_version (const char *version)
{
  const char *colon = strchr (version, ':');
  const char *start = colon != NULL ? colon + 1 : version;
  const char *dash = strrchr (start, '-');

  return dash != NULL ? g_strndup (start, dash - start) : g_strdup (start);
}

/* "TARGET-VERSION/NAME/OBJECT" for another way to name the target. */
static ScMatchDegree
match_name_variant (const ScPatchInfo *info, const char *target, const char *version, const char *value)
{
  /* Nearly none of thousands begins so: nothing is put together for those. */
  if (g_ascii_strncasecmp (target, value, MIN (strlen (target), strlen (value))) != 0)
    return NO;

  g_autofree char *name = g_strdup_printf ("%s-%s/%s/%s", target, version, info->short_name, info->object);
  g_autofree char *without_object = g_strdup_printf ("%s-%s/%s", target, version, info->short_name);

  if (compare_text (without_object, value) == EXACTLY)
    return EXACTLY;
  return compare_text (name, value);
}

static ScMatchDegree
match_name (const ScPatchInfo *info, const char *value)
{
  const char *colon = strchr (info->target_version, ':');
  const char *version = colon != NULL ? colon + 1 : info->target_version;
  g_autofree char *upstream = upstream_version (info->target_version);
  ScMatchDegree best = match_name_variant (info, info->target_source, version, value);

  best = MAX (best, match_name_variant (info, info->target_source, upstream, value));
  for (guint i = 0; info->target_packages[i] != NULL; i++)
    {
      best = MAX (best, match_name_variant (info, info->target_packages[i], version, value));
      best = MAX (best, match_name_variant (info, info->target_packages[i], upstream, value));
    }
  return best;
}

static ScMatchDegree
match_issue (const ScPatch *patch, const char *value)
{
  for (guint i = 0; patch->info->issues[i] != NULL; i++)
    if (g_ascii_strcasecmp (patch->info->issues[i], value) == 0)
      return EXACTLY;
  return NO;
}

static ScMatchDegree
match_id (const ScPatch *patch, const char *value)
{
  const ScPatchInfo *info = patch->info;
  ScMatchDegree best = compare_text (info->uuid, value);

  if (info->name[0] != '\0' && best != EXACTLY)
    best = MAX (best, match_name (info, value));
  if (g_ascii_strcasecmp (info->short_name, value) == 0 || match_issue (patch, value) == EXACTLY)
    best = EXACTLY;
  return best;
}

static ScMatchDegree
match_target (const ScPatch *patch, const char *value)
{
  const ScPatchInfo *info = patch->info;

  return degree (g_str_equal (info->target_source, value) || g_str_equal (info->object, value)
                 || g_strv_contains ((const char *const *)info->target_packages, value));
}

static ScMatchDegree
match_bundle (const ScPatch *patch, const char *value)
{
  return compare_text (patch->info->bundle, value);
}

static ScMatchDegree
match_kind (const ScPatch *patch, const char *value)
{
  return degree (g_str_equal (patch->info->kind, value));
}

static ScMatchDegree
match_state (const ScPatch *patch, const char *value)
{
  return degree (g_str_equal (lp_state_word (patch->state), value));
}

typedef struct {
  const char *key;
  ScMatchDegree (*match) (const ScPatch *patch, const char *value);
} ScMatchRow;

static const ScMatchRow match_table[] = {
  { "id", match_id },     { "target", match_target }, { "bundle", match_bundle },
  { "kind", match_kind }, { "state", match_state },   { "issue", match_issue },
};

struct ScMatch {
  char *values[G_N_ELEMENTS (match_table)]; /* NULL: not asked for */
};

static gboolean
set_key (ScMatch *match, const char *key, GVariant *value, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (match_table); i++)
    {
      if (!g_str_equal (match_table[i].key, key))
        continue;
      if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING) || g_variant_get_size (value) > VALUE_MAX
          || g_variant_get_string (value, NULL)[0] == '\0')
        {
          lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL,
                        "match key \"%s\" must be a string of 1 to %d bytes", key, VALUE_MAX - 1);
          return FALSE;
        }
      match->values[i] = g_variant_dup_string (value, NULL);
      return TRUE;
    }
  lp_error_set (error, LP_ERROR_INVALID_ARGS, "keys are id, target, bundle, kind, state and issue",
                "unknown match key \"%.64s\"", key);
  return FALSE;
}

ScMatch *
sc_match_new (GVariant *dictionary, GError **error)
{
  g_autoptr (ScMatch) match = g_new0 (ScMatch, 1);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, dictionary);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      g_autoptr (GVariant) owned = value;

      if (!set_key (match, key, owned, error))
        return NULL;
    }
  return g_steal_pointer (&match);
}

void
sc_match_free (ScMatch *match)
{
  if (match == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (match->values); i++)
    g_free (match->values[i]);
  g_free (match);
}

static ScMatchDegree
match_all (const ScMatch *match, const ScPatch *patch)
{
  ScMatchDegree worst = EXACTLY;

  for (guint i = 0; i < G_N_ELEMENTS (match->values) && worst != NO; i++)
    if (match->values[i] != NULL)
      worst = MIN (worst, match_table[i].match (patch, match->values[i]));
  return worst;
}

GPtrArray *
sc_match_filter (const ScMatch *match, GPtrArray *patches)
{
  g_autoptr (GPtrArray) exact = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);
  g_autoptr (GPtrArray) any = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_unref);

  for (guint i = 0; i < patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (patches, i);
      ScMatchDegree found = match_all (match, patch);

      if (found != NO)
        g_ptr_array_add (any, sc_patch_ref (patch));
      if (found == EXACTLY)
        g_ptr_array_add (exact, sc_patch_ref (patch));
    }
  return exact->len > 0 ? g_steal_pointer (&exact) : g_steal_pointer (&any);
}
