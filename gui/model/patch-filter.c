/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which patches are shown, and in which order; see patch-filter.h. */
#include "patch-filter.h"

#include <string.h>

struct _ScPatchFilter {
  GtkFilter parent_instance;

  char **words; /* case-folded */
  ScShow show;
  int kind; /* ScKind, -1 for all */
};

G_DEFINE_FINAL_TYPE (ScPatchFilter, sc_patch_filter, GTK_TYPE_FILTER)

static gboolean
show_matches (ScShow show, ScPatch *patch)
{
  static const ScState states[] = { [SC_SHOW_NOT_APPLIED] = SC_STATE_NOT_APPLIED,
                                    [SC_SHOW_DEACTIVATED] = SC_STATE_DEACTIVATED,
                                    [SC_SHOW_ACTIVE] = SC_STATE_ACTIVE,
                                    [SC_SHOW_ACCEPTED] = SC_STATE_ACCEPTED };

  if (show == SC_SHOW_ALL)
    return TRUE;
  if (show == SC_SHOW_TROUBLED)
    return sc_patch_get_problems (patch)[0] != NULL;
  return sc_patch_get_state (patch) == states[show];
}

static gboolean
match (GtkFilter *filter, gpointer item)
{
  ScPatchFilter *self = SC_PATCH_FILTER (filter);
  ScPatch *patch = item;

  if (self->kind >= 0 && (ScKind)self->kind != sc_patch_get_kind (patch))
    return FALSE;
  if (!show_matches (self->show, patch))
    return FALSE;
  for (guint i = 0; self->words && self->words[i]; i++)
    if (!strstr (sc_patch_get_haystack (patch), self->words[i]))
      return FALSE;
  return TRUE;
}

static GtkFilterMatch
get_strictness (GtkFilter *filter)
{
  return sc_patch_filter_is_set (SC_PATCH_FILTER (filter)) ? GTK_FILTER_MATCH_SOME : GTK_FILTER_MATCH_ALL;
}

ScPatchFilter *
sc_patch_filter_new (void)
{
  return g_object_new (SC_TYPE_PATCH_FILTER, NULL);
}

void
sc_patch_filter_set_text (ScPatchFilter *self, const char *text)
{
  g_autofree char *folded = g_utf8_casefold (text, -1);

  g_strfreev (self->words);
  self->words = g_strsplit_set (folded, " \t\n", -1);
  gtk_filter_changed (GTK_FILTER (self), GTK_FILTER_CHANGE_DIFFERENT);
}

void
sc_patch_filter_set_show (ScPatchFilter *self, ScShow show)
{
  if (self->show == show)
    return;
  self->show = show;
  gtk_filter_changed (GTK_FILTER (self), GTK_FILTER_CHANGE_DIFFERENT);
}

void
sc_patch_filter_set_kind (ScPatchFilter *self, const char *kind)
{
  int value = g_str_equal (kind, "user") ? SC_KIND_USER : g_str_equal (kind, "kernel") ? SC_KIND_KERNEL : -1;

  if (self->kind == value)
    return;
  self->kind = value;
  gtk_filter_changed (GTK_FILTER (self), GTK_FILTER_CHANGE_DIFFERENT);
}

ScShow
sc_patch_filter_get_show (ScPatchFilter *self)
{
  return self->show;
}

gboolean
sc_patch_filter_is_set (ScPatchFilter *self)
{
  gboolean text = FALSE;

  for (guint i = 0; self->words && self->words[i]; i++)
    text |= self->words[i][0] != '\0';
  return text || self->show != SC_SHOW_ALL || self->kind >= 0;
}

static void
sc_patch_filter_finalize (GObject *object)
{
  g_strfreev (SC_PATCH_FILTER (object)->words);
  G_OBJECT_CLASS (sc_patch_filter_parent_class)->finalize (object);
}

static void
sc_patch_filter_class_init (ScPatchFilterClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = sc_patch_filter_finalize;
  GTK_FILTER_CLASS (klass)->match = match;
  GTK_FILTER_CLASS (klass)->get_strictness = get_strictness;
}

static void
sc_patch_filter_init (ScPatchFilter *self)
{
  self->kind = -1;
}

typedef enum { KEY_NAME, KEY_STATE, KEY_SEVERITY, KEY_CHANGED } SortKey;

typedef struct {
  SortKey key;
  gboolean grouped;
} SortOrder;

/* Highest first, where there is a highest. */
static int
compare_key (SortKey key, ScPatch *a, ScPatch *b)
{
  switch (key)
    {
    case KEY_STATE:
      return (int)sc_patch_get_state (a) - (int)sc_patch_get_state (b);
    case KEY_SEVERITY:
      return (int)sc_patch_get_severity (b) - (int)sc_patch_get_severity (a);
    case KEY_CHANGED:
      return (sc_patch_get_last_change (a) < sc_patch_get_last_change (b))
             - (sc_patch_get_last_change (a) > sc_patch_get_last_change (b));
    case KEY_NAME:
    default:
      return 0;
    }
}

static int
compare_patches (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const SortOrder *order = user_data;
  ScPatch *first = (ScPatch *)a, *second = (ScPatch *)b;
  int result = order->grouped ? strcmp (sc_patch_get_target (first), sc_patch_get_target (second)) : 0;

  if (result == 0)
    result = compare_key (order->key, first, second);
  if (result == 0)
    result = strcmp (sc_patch_get_name (first), sc_patch_get_name (second));
  if (result == 0)
    result = strcmp (sc_patch_get_path (first), sc_patch_get_path (second));
  return result < 0 ? GTK_ORDERING_SMALLER : result > 0 ? GTK_ORDERING_LARGER : GTK_ORDERING_EQUAL;
}

GtkSorter *
sc_patch_sorter_new (const char *key, gboolean grouped)
{
  SortOrder *order = g_new0 (SortOrder, 1);

  order->grouped = grouped;
  if (g_str_equal (key, "state"))
    order->key = KEY_STATE;
  else if (g_str_equal (key, "severity"))
    order->key = KEY_SEVERITY;
  else if (g_str_equal (key, "changed"))
    order->key = KEY_CHANGED;
  return GTK_SORTER (gtk_custom_sorter_new (compare_patches, order, g_free));
}
