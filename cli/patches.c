/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resolves ids. */
#include "config.h"
#include "patches.h"

#include <string.h>

#include "base/error.h"
#include "bus.h"
#include "text.h"

/* More candidates than this are not listed. */
#define CANDIDATES_SHOWN 10

const char *
cli_patch_name (GVariant *patch)
{
  const char *name = cli_get_string (patch, "Name");
  return *name != '\0' ? name : cli_get_string (patch, "Uuid");
}

/* UUIDs are compared without regard to case and dashes. */
static gboolean
equal_uuid (const char *a, const char *b)
{
  while (*a != '\0' || *b != '\0')
    {
      if (*a == '-')
        a++;
      else if (*b == '-')
        b++;
      else if (g_ascii_tolower (*a) != g_ascii_tolower (*b))
        return FALSE;
      else
        {
          a++;
          b++;
        }
    }
  return TRUE;
}

static gboolean
is_uuid (const char *id, GVariant *patch)
{
  return equal_uuid (id, cli_get_string (patch, "Uuid")) || equal_uuid (id, cli_get_string (patch, "Bundle"));
}

/* TARGET-VERSION/NAME/OBJECT, or without /OBJECT. */
static gboolean
is_full_name (const char *id, GVariant *patch)
{
  const char *name = cli_get_string (patch, "Name");
  gsize length = strlen (id);

  return length != 0 && strchr (id, '/') != NULL && strncmp (id, name, length) == 0
         && (name[length] == '\0' || name[length] == '/');
}

static gboolean
is_short_name (const char *id, GVariant *patch)
{
  g_auto (GStrv) parts = g_strsplit (cli_get_string (patch, "Name"), "/", 3);
  g_autofree const char **issues = cli_get_strings (patch, "Issues");

  for (gsize i = 0; issues[i] != NULL; i++)
    if (g_ascii_strcasecmp (issues[i], id) == 0)
      return TRUE;
  return g_strv_length (parts) >= 2 && g_str_equal (parts[1], id);
}

GPtrArray *
cli_narrow (const char *id, GPtrArray *candidates)
{
  static gboolean (*const tiers[]) (const char *, GVariant *) = { is_uuid, is_full_name, is_short_name };
  GPtrArray *narrowed = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);

  for (gsize tier = 0; tier < G_N_ELEMENTS (tiers) && narrowed->len == 0; tier++)
    for (guint i = 0; i < candidates->len; i++)
      if (tiers[tier](id, candidates->pdata[i]))
        g_ptr_array_add (narrowed, g_variant_ref (candidates->pdata[i]));
  if (narrowed->len != 0)
    return narrowed;
  for (guint i = 0; i < candidates->len; i++)
    g_ptr_array_add (narrowed, g_variant_ref (candidates->pdata[i]));
  return narrowed;
}

/* One patch, or several of one bundle. */
static gboolean
is_one_bundle (GPtrArray *patches)
{
  const char *bundle = cli_get_string (patches->pdata[0], "Bundle");

  for (guint i = 1; i < patches->len; i++)
    if (*bundle == '\0' || !g_str_equal (cli_get_string (patches->pdata[i], "Bundle"), bundle))
      return FALSE;
  return TRUE;
}

static void
set_ambiguous (GError **error, const char *id, GPtrArray *candidates)
{
  g_autoptr (GString) hint
      = g_string_new (_ ("it could be one of these; give more of the name, or the uuid:"));

  for (guint i = 0; i < MIN (candidates->len, CANDIDATES_SHOWN); i++)
    g_string_append_printf (hint, "\n  %s  %s", cli_get_string (candidates->pdata[i], "Uuid"),
                            cli_patch_name (candidates->pdata[i]));
  if (candidates->len > CANDIDATES_SHOWN)
    {
      guint more = candidates->len - CANDIDATES_SHOWN;
      g_string_append_c (hint, '\n');
      g_string_append_printf (hint, ngettext ("  and %u more", "  and %u more", more), more);
    }
  lp_error_set (error, LP_ERROR_AMBIGUOUS, hint->str, _ ("\"%s\" fits %u patches"), id, candidates->len);
}

/* @id in the form in which the bus writes ids, if it could be (the beginning of) one: lower case, dashes
 * where they belong; else as it is. Caller frees. */
static char *
canonical_id (const char *id, gboolean *is_hex)
{
  static const guint dashes[] = { 8, 13, 18, 23 }; /* RFC 9562: 8-4-4-4-12 */
  g_autoptr (GString) canonical = g_string_new (NULL);
  const char *p = id;

  for (; *p == '-' || g_ascii_isxdigit (*p); p++)
    {
      if (*p == '-')
        continue;
      for (gsize i = 0; i < G_N_ELEMENTS (dashes); i++)
        if (canonical->len == dashes[i])
          g_string_append_c (canonical, '-');
      g_string_append_c (canonical, g_ascii_tolower (*p));
    }
  *is_hex = *p == '\0' && canonical->len >= 4 && canonical->len <= 36;
  return *is_hex ? g_string_free (g_steal_pointer (&canonical), FALSE) : g_strdup (id);
}

static GPtrArray *
list_matching (CliContext *context, const char *key, const char *value, const char *const *properties,
               GError **error)
{
  GVariantDict match;

  g_variant_dict_init (&match, NULL);
  g_variant_dict_insert (&match, key, "s", value);
  return cli_list_patches (context, g_variant_dict_end (&match), properties, error);
}

/* Everything that @id could mean. The bus finds patches by bundle id only under a key of its own. */
static GPtrArray *
find_candidates (CliContext *context, const char *id, const char *const *properties, GError **error)
{
  gboolean is_hex;
  g_autofree char *canonical = canonical_id (id, &is_hex);
  g_autoptr (GPtrArray) candidates = list_matching (context, "id", id, properties, error);

  if (candidates != NULL && candidates->len == 0 && is_hex && !g_str_equal (canonical, id))
    {
      g_ptr_array_unref (candidates);
      candidates = list_matching (context, "id", canonical, properties, error);
    }
  if (candidates != NULL && candidates->len == 0 && is_hex)
    {
      g_ptr_array_unref (candidates);
      candidates = list_matching (context, "bundle", canonical, properties, error);
    }
  return g_steal_pointer (&candidates);
}

/* What @id means, added to @patches unless it is there already. */
static gboolean
resolve_one (CliContext *context, const char *id, const char *const *properties, GPtrArray *patches,
             GHashTable *seen, GError **error)
{
  g_autoptr (GPtrArray) candidates = find_candidates (context, id, properties, error);
  if (candidates == NULL)
    return FALSE;

  if (candidates->len == 0)
    {
      lp_error_set (error, LP_ERROR_UNKNOWN_OBJECT, NULL, _ ("no such patch: \"%s\""), id);
      return FALSE;
    }
  g_autoptr (GPtrArray) meant = cli_narrow (id, candidates);
  if (!is_one_bundle (meant))
    {
      set_ambiguous (error, id, meant);
      return FALSE;
    }
  for (guint i = 0; i < meant->len; i++)
    if (g_hash_table_add (seen, g_strdup (cli_get_string (meant->pdata[i], "Path"))))
      g_ptr_array_add (patches, g_variant_ref (meant->pdata[i]));
  return TRUE;
}

GPtrArray *
cli_resolve (CliContext *context, const char *const *ids, const char *const *properties, GError **error)
{
  g_autoptr (GPtrArray) patches = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (gsize i = 0; ids[i] != NULL; i++)
    {
      if (!g_utf8_validate (ids[i], -1, NULL))
        {
          lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "%s", _ ("an id is not valid UTF-8"));
          return NULL;
        }
      if (!resolve_one (context, ids[i], properties, patches, seen, error))
        return NULL;
    }
  return g_steal_pointer (&patches);
}

GVariant *
cli_paths (GPtrArray *patches)
{
  GVariantBuilder paths;

  g_variant_builder_init (&paths, G_VARIANT_TYPE ("ao"));
  for (guint i = 0; i < patches->len; i++)
    g_variant_builder_add (&paths, "o", cli_get_string (patches->pdata[i], "Path"));
  return g_variant_builder_end (&paths);
}

char *
cli_describe_patches (GPtrArray *patches)
{
  const char *name = cli_patch_name (patches->pdata[0]);

  if (patches->len == 1)
    return g_strdup (name);
  if (!is_one_bundle (patches))
    return g_strdup_printf (ngettext ("%u patch", "%u patches", patches->len), patches->len);

  g_auto (GStrv) parts = g_strsplit (name, "/", 3);
  return g_strv_length (parts) >= 2 ? g_strdup_printf ("%s/%s", parts[0], parts[1]) : g_strdup (name);
}
