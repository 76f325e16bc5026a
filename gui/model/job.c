/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One piece of work of the service; see job.h. */
#include "job.h"

struct _ScJob {
  GObject parent_instance;

  char *path;
  char *verb;
  char *state;
  char *phase;
  char **patches;
  char *error_name;
  char *error_message;
  GVariant *results;
  guint uid;
  guint done;
  guint total;
  gboolean cancelable;
  gboolean known;
};

G_DEFINE_FINAL_TYPE (ScJob, sc_job, G_TYPE_OBJECT)

enum { CHANGED, N_SIGNALS };

static guint signals[N_SIGNALS];

ScJob *
sc_job_new (const char *path)
{
  ScJob *self = g_object_new (SC_TYPE_JOB, NULL);

  self->path = g_strdup (path);
  return self;
}

static void
take_string (GVariant *values, const char *property, char **field)
{
  const char *text;

  if (!g_variant_lookup (values, property, "&s", &text))
    return;
  g_free (*field);
  *field = g_strdup (text);
}

void
sc_job_update (ScJob *self, GVariant *values)
{
  g_autofree const char **patches = NULL;
  GVariant *results = g_variant_lookup_value (values, "Results", G_VARIANT_TYPE ("aa{sv}"));

  take_string (values, "Verb", &self->verb);
  take_string (values, "State", &self->state);
  take_string (values, "Phase", &self->phase);
  take_string (values, "ErrorName", &self->error_name);
  take_string (values, "ErrorMessage", &self->error_message);
  g_variant_lookup (values, "StartedByUid", "u", &self->uid);
  g_variant_lookup (values, "Done", "u", &self->done);
  g_variant_lookup (values, "Total", "u", &self->total);
  g_variant_lookup (values, "Cancelable", "b", &self->cancelable);
  if (g_variant_lookup (values, "Patches", "^a&o", &patches))
    {
      g_strfreev (self->patches);
      self->patches = g_strdupv ((char **)patches);
    }
  if (results)
    {
      g_clear_pointer (&self->results, g_variant_unref);
      self->results = results;
    }
  self->known |= *self->verb != '\0';
  g_signal_emit (self, signals[CHANGED], 0);
}

const char *
sc_job_get_path (ScJob *self)
{
  return self->path;
}

const char *
sc_job_get_verb (ScJob *self)
{
  return self->verb;
}

const char *
sc_job_get_state (ScJob *self)
{
  return self->state;
}

const char *
sc_job_get_phase (ScJob *self)
{
  return self->phase;
}

const char *const *
sc_job_get_patches (ScJob *self)
{
  return (const char *const *)self->patches;
}

guint
sc_job_get_uid (ScJob *self)
{
  return self->uid;
}

gboolean
sc_job_is_cancelable (ScJob *self)
{
  return self->cancelable && !g_str_equal (self->state, "cancelling") && !sc_job_is_finished (self);
}

gboolean
sc_job_is_known (ScJob *self)
{
  return self->known;
}

gboolean
sc_job_is_finished (ScJob *self)
{
  return g_str_equal (self->state, "succeeded") || g_str_equal (self->state, "failed")
         || g_str_equal (self->state, "cancelled");
}

double
sc_job_get_fraction (ScJob *self)
{
  return self->total > 0 ? (double)MIN (self->done, self->total) / self->total : -1;
}

const char *
sc_job_get_error_name (ScJob *self)
{
  return self->error_name;
}

const char *
sc_job_get_error_message (ScJob *self)
{
  return self->error_message;
}

GVariant *
sc_job_get_results (ScJob *self)
{
  return self->results;
}

static void
sc_job_finalize (GObject *object)
{
  ScJob *self = SC_JOB (object);

  g_free (self->path);
  g_free (self->verb);
  g_free (self->state);
  g_free (self->phase);
  g_free (self->error_name);
  g_free (self->error_message);
  g_strfreev (self->patches);
  g_clear_pointer (&self->results, g_variant_unref);
  G_OBJECT_CLASS (sc_job_parent_class)->finalize (object);
}

static void
sc_job_class_init (ScJobClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = sc_job_finalize;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void
sc_job_init (ScJob *self)
{
  self->verb = g_strdup ("");
  self->state = g_strdup ("queued");
  self->phase = g_strdup ("");
  self->error_name = g_strdup ("");
  self->error_message = g_strdup ("");
  self->patches = g_new0 (char *, 1);
}
