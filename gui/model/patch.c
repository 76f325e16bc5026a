/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One patch as the service last described it; see patch.h. */
#include "patch.h"

#include <glib/gi18n.h>
#include <string.h>

const char *const sc_patch_list_properties[]
    = { "Name",       "Kind",     "TargetName", "TargetVersion", "TargetObject",   "Description",
        "Issues",     "Severity", "State",      "Problems",      "ProcessesTotal", "ProcessesPatched",
        "LastChange", "Job",      NULL };

struct _ScPatch {
  GObject parent_instance;

  char *path;
  char *uuid;
  char *name;
  char *target_name;
  char *target_version;
  char *object;
  char *description;
  char *job;
  char **issues;
  char **problems;
  ScKind kind;
  ScState state;
  ScSeverity severity;
  guint total;
  guint patched;
  guint64 last_change;

  char *title; /* derived from the above, as are the next two */
  char *target;
  char *haystack;
  GHashTable *details; /* property name -> GVariant, NULL until the first one comes */
};

G_DEFINE_FINAL_TYPE (ScPatch, sc_patch, G_TYPE_OBJECT)

enum { CHANGED, N_SIGNALS };

static guint signals[N_SIGNALS];

/* Index of @word in the NULL-terminated @words, @fallback when it isn't there. */
static guint
word_index (const char *word, const char *const *words, guint fallback)
{
  for (guint i = 0; words[i]; i++)
    if (g_str_equal (words[i], word))
      return i;
  return fallback;
}

static ScUpdate
set_string (char **field, GVariant *value, ScUpdate effect)
{
  const char *text = g_variant_get_string (value, NULL);

  if (g_strcmp0 (*field, text) == 0)
    return SC_UPDATE_NOTHING;
  g_free (*field);
  *field = g_strdup (text);
  return effect;
}

static ScUpdate
set_strings (char ***field, GVariant *value, ScUpdate effect)
{
  g_autofree const char **words = g_variant_get_strv (value, NULL);

  if (*field && g_strv_equal ((const char *const *)*field, words))
    return SC_UPDATE_NOTHING;
  g_strfreev (*field);
  *field = g_strdupv ((char **)words);
  return effect;
}

static ScUpdate
set_number (guint *field, guint value, ScUpdate effect)
{
  if (*field == value)
    return SC_UPDATE_NOTHING;
  *field = value;
  return effect;
}

static ScUpdate
set_word (guint *field, GVariant *value, const char *const *words, guint fallback)
{
  return set_number (field, word_index (g_variant_get_string (value, NULL), words, fallback),
                     SC_UPDATE_SHOWN | SC_UPDATE_PLACE);
}

static ScUpdate
set_time (ScPatch *self, GVariant *value)
{
  guint64 moment = g_variant_get_uint64 (value);

  if (self->last_change == moment)
    return SC_UPDATE_NOTHING;
  self->last_change = moment;
  return SC_UPDATE_SHOWN | SC_UPDATE_PLACE;
}

/* What is only shown on the detail page is kept as it came. */
static ScUpdate
set_detail (ScPatch *self, const char *property, GVariant *value)
{
  if (!self->details)
    self->details = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_variant_unref);
  GVariant *old = g_hash_table_lookup (self->details, property);
  if (old && g_variant_equal (old, value))
    return SC_UPDATE_NOTHING;
  g_hash_table_replace (self->details, g_strdup (property), g_variant_ref (value));
  return SC_UPDATE_SHOWN;
}

static ScUpdate
update_one (ScPatch *self, const char *property, GVariant *value)
{
  static const char *const states[] = { "unknown", "not-applied", "deactivated", "active", "accepted", NULL };
  static const char *const kinds[] = { "user", "kernel", NULL };
  static const char *const severities[] = { "", "low", "medium", "high", "critical", NULL };
  const struct {
    const char *name;
    char **field;
  } strings[] = {
    { "Uuid", &self->uuid },
    { "Name", &self->name },
    { "TargetName", &self->target_name },
    { "TargetVersion", &self->target_version },
    { "TargetObject", &self->object },
    { "Description", &self->description },
  };
  gboolean is_string = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING);
  gboolean is_strings = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY);
  gboolean is_number = g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32);

  for (gsize i = 0; is_string && i < G_N_ELEMENTS (strings); i++)
    if (g_str_equal (property, strings[i].name))
      return set_string (strings[i].field, value, SC_UPDATE_SHOWN | SC_UPDATE_PLACE);
  if (is_string && g_str_equal (property, "State"))
    return set_word (&self->state, value, states, SC_STATE_UNKNOWN);
  if (is_string && g_str_equal (property, "Kind"))
    return set_word (&self->kind, value, kinds, SC_KIND_USER);
  if (is_string && g_str_equal (property, "Severity"))
    return set_word (&self->severity, value, severities, SC_SEVERITY_NONE);
  if (is_strings && g_str_equal (property, "Issues"))
    return set_strings (&self->issues, value, SC_UPDATE_SHOWN | SC_UPDATE_PLACE);
  if (is_strings && g_str_equal (property, "Problems"))
    return set_strings (&self->problems, value, SC_UPDATE_SHOWN | SC_UPDATE_PLACE);
  if (is_number && g_str_equal (property, "ProcessesTotal"))
    return set_number (&self->total, g_variant_get_uint32 (value), SC_UPDATE_SHOWN);
  if (is_number && g_str_equal (property, "ProcessesPatched"))
    return set_number (&self->patched, g_variant_get_uint32 (value), SC_UPDATE_SHOWN);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64) && g_str_equal (property, "LastChange"))
    return set_time (self, value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_OBJECT_PATH) && g_str_equal (property, "Job"))
    return set_string (&self->job, value, SC_UPDATE_SHOWN);
  if (g_str_equal (property, "Path"))
    return SC_UPDATE_NOTHING;
  return set_detail (self, property, value);
}

char *
sc_patch_title_from_name (const char *name)
{
  g_auto (GStrv) parts = g_strsplit (name, "/", -1);
  guint n = g_strv_length (parts);

  if (n >= 3)
    return g_strdup_printf ("%s · %s", parts[1], parts[2]);
  return *name ? g_strdup (parts[n - 1]) : NULL;
}

static char *
derive_title (ScPatch *self)
{
  char *title = sc_patch_title_from_name (self->name);

  return title ? title : g_strdup_printf (_ ("Patch %.8s"), self->uuid);
}

static char *
derive_target (ScPatch *self)
{
  const char *epoch_end = strchr (self->target_version, ':');
  const char *version = epoch_end ? epoch_end + 1 : self->target_version;

  if (!*self->target_name)
    return g_strdup (self->object);
  return *version ? g_strdup_printf ("%s %s", self->target_name, version) : g_strdup (self->target_name);
}

static void
derive_texts (ScPatch *self)
{
  g_autofree char *issues = g_strjoinv (" ", self->issues);
  g_autofree char *all = g_strjoin (" ", self->name, self->target_name, self->target_version, self->object,
                                    issues, self->uuid, self->description, NULL);

  g_free (self->title);
  self->title = derive_title (self);
  g_free (self->target);
  self->target = derive_target (self);
  g_free (self->haystack);
  self->haystack = g_utf8_casefold (all, -1);
}

ScPatch *
sc_patch_new (const char *path)
{
  ScPatch *self = g_object_new (SC_TYPE_PATCH, NULL);

  self->path = g_strdup (path);
  return self;
}

ScUpdate
sc_patch_update (ScPatch *self, GVariant *values)
{
  GVariantIter iter;
  const char *property;
  GVariant *value;
  ScUpdate effect = SC_UPDATE_NOTHING;

  g_variant_iter_init (&iter, values);
  while (g_variant_iter_loop (&iter, "{&sv}", &property, &value))
    effect |= update_one (self, property, value);
  if (effect & SC_UPDATE_PLACE)
    derive_texts (self);
  if (effect != SC_UPDATE_NOTHING)
    g_signal_emit (self, signals[CHANGED], 0);
  return effect;
}

const char *
sc_patch_get_path (ScPatch *self)
{
  return self->path;
}

const char *
sc_patch_get_uuid (ScPatch *self)
{
  return self->uuid;
}

const char *
sc_patch_get_name (ScPatch *self)
{
  return self->name;
}

const char *
sc_patch_get_title (ScPatch *self)
{
  return self->title;
}

const char *
sc_patch_get_target (ScPatch *self)
{
  return self->target;
}

const char *
sc_patch_get_target_name (ScPatch *self)
{
  return self->target_name;
}

const char *
sc_patch_get_object (ScPatch *self)
{
  return self->object;
}

const char *
sc_patch_get_description (ScPatch *self)
{
  return self->description;
}

const char *
sc_patch_get_job (ScPatch *self)
{
  return g_str_equal (self->job, "/") ? NULL : self->job;
}

const char *const *
sc_patch_get_issues (ScPatch *self)
{
  return (const char *const *)self->issues;
}

const char *const *
sc_patch_get_problems (ScPatch *self)
{
  return (const char *const *)self->problems;
}

gboolean
sc_patch_has_problem (ScPatch *self, const char *problem)
{
  return g_strv_contains ((const char *const *)self->problems, problem);
}

ScKind
sc_patch_get_kind (ScPatch *self)
{
  return self->kind;
}

ScState
sc_patch_get_state (ScPatch *self)
{
  return self->state;
}

ScSeverity
sc_patch_get_severity (ScPatch *self)
{
  return self->severity;
}

guint
sc_patch_get_total (ScPatch *self)
{
  return self->total;
}

guint
sc_patch_get_patched (ScPatch *self)
{
  return self->patched;
}

guint64
sc_patch_get_last_change (ScPatch *self)
{
  return self->last_change;
}

const char *
sc_patch_get_haystack (ScPatch *self)
{
  return self->haystack;
}

GVariant *
sc_patch_get_detail (ScPatch *self, const char *property, const GVariantType *type)
{
  GVariant *value = self->details ? g_hash_table_lookup (self->details, property) : NULL;

  return value && g_variant_is_of_type (value, type) ? g_variant_ref (value) : NULL;
}

static void
sc_patch_finalize (GObject *object)
{
  ScPatch *self = SC_PATCH (object);

  g_free (self->path);
  g_free (self->uuid);
  g_free (self->name);
  g_free (self->target_name);
  g_free (self->target_version);
  g_free (self->object);
  g_free (self->description);
  g_free (self->job);
  g_strfreev (self->issues);
  g_strfreev (self->problems);
  g_free (self->title);
  g_free (self->target);
  g_free (self->haystack);
  g_clear_pointer (&self->details, g_hash_table_unref);
  G_OBJECT_CLASS (sc_patch_parent_class)->finalize (object);
}

static void
sc_patch_class_init (ScPatchClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = sc_patch_finalize;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void
sc_patch_init (ScPatch *self)
{
  self->uuid = g_strdup ("");
  self->name = g_strdup ("");
  self->target_name = g_strdup ("");
  self->target_version = g_strdup ("");
  self->object = g_strdup ("");
  self->description = g_strdup ("");
  self->job = g_strdup ("/");
  self->issues = g_new0 (char *, 1);
  self->problems = g_new0 (char *, 1);
  derive_texts (self);
}
