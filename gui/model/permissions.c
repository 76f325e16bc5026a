/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which verbs are possible now for some patches; see permissions.h. */
#include "permissions.h"

#include <glib/gi18n.h>

typedef enum {
  ANSWER_NONE, /* not asked, or not answered yet */
  ANSWER_YES,  /* for at least one patch yes, or with a password */
  ANSWER_NO,   /* polkit forbids it for all that fit */
  ANSWER_ERROR /* nobody can be asked */
} Answer;

struct _ScPermissions {
  GObject parent_instance;

  ScClient *client;
  GCancellable *cancellable;
  GPtrArray *patches; /* ScPatch */
  Answer answers[SC_N_VERBS];
  GHashTable *denied[SC_N_VERBS]; /* paths of patches for which polkit says no */
  guint ask_idle;
};

G_DEFINE_FINAL_TYPE (ScPermissions, sc_permissions, G_TYPE_OBJECT)

enum { CHANGED, N_SIGNALS };

static guint signals[N_SIGNALS];

typedef struct {
  ScPermissions *permissions; /* borrowed; valid unless the call was cancelled */
  ScVerb verb;
  GPtrArray *patches; /* ScPatch, in the order asked */
} Question;

static void
question_free (Question *question)
{
  g_ptr_array_unref (question->patches);
  g_free (question);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Question, question_free)

static GPtrArray *patches_in_state (ScPermissions *self, ScVerb verb);

/* Takes over the words for @question's patches; the interface answers one for each, in order. */
static void
take_answers (ScPermissions *self, Question *question, const char *const *words)
{
  GHashTable *denied = self->denied[question->verb];
  gboolean may = FALSE;

  g_hash_table_remove_all (denied);
  for (guint i = 0; i < question->patches->len && words[i]; i++)
    {
      if (g_str_equal (words[i], "yes") || g_str_equal (words[i], "challenge"))
        may = TRUE;
      else
        g_hash_table_add (denied, g_strdup (sc_patch_get_path (g_ptr_array_index (question->patches, i))));
    }
  self->answers[question->verb] = may ? ANSWER_YES : ANSWER_NO;
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Question) question = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);
  g_autofree const char **words = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  ScPermissions *self = question->permissions;
  if (reply)
    {
      g_variant_get (reply, "(^a&s)", &words);
      take_answers (self, question, words);
    }
  else
    self->answers[question->verb] = ANSWER_ERROR;
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
ask (ScPermissions *self, ScVerb verb)
{
  g_autoptr (GPtrArray) fit = patches_in_state (self, verb);
  GVariantBuilder paths, options;

  if (fit->len == 0 || fit->len > SC_MOST_PATCHES_AT_ONCE)
    return;
  Question *question = g_new0 (Question, 1);
  question->permissions = self;
  question->verb = verb;
  question->patches = g_ptr_array_ref (fit);
  g_variant_builder_init (&paths, G_VARIANT_TYPE_OBJECT_PATH_ARRAY);
  for (guint i = 0; i < fit->len; i++)
    g_variant_builder_add (&paths, "o", sc_patch_get_path (g_ptr_array_index (fit, i)));
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  sc_client_call (self->client, SC_MANAGER_PATH, SC_MANAGER_INTERFACE, "CanPerform",
                  g_variant_new ("(saoa{sv})", sc_verb_info (verb)->word, &paths, &options),
                  G_VARIANT_TYPE ("(as)"), SC_CALL_PLAIN, self->cancellable, on_answer, question);
}

static gboolean
on_ask_idle (gpointer user_data)
{
  ScPermissions *self = user_data;

  self->ask_idle = 0;
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  for (guint verb = 0; verb < SC_N_VERBS; verb++)
    ask (self, verb);
  g_signal_emit (self, signals[CHANGED], 0);
  return G_SOURCE_REMOVE;
}

/* Old answers stay until the new ones come, so that buttons don't flicker. */
static void
ask_soon (ScPermissions *self)
{
  if (self->ask_idle == 0)
    self->ask_idle = g_idle_add (on_ask_idle, self);
}

static void
unwatch (ScPermissions *self)
{
  for (guint i = 0; i < self->patches->len; i++)
    g_signal_handlers_disconnect_by_func (g_ptr_array_index (self->patches, i), ask_soon, self);
}

ScPermissions *
sc_permissions_new (ScClient *client)
{
  ScPermissions *self = g_object_new (SC_TYPE_PERMISSIONS, NULL);

  self->client = g_object_ref (client);
  g_signal_connect_object (client, "notify::state", G_CALLBACK (ask_soon), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "authority-changed", G_CALLBACK (ask_soon), self, G_CONNECT_SWAPPED);
  return self;
}

void
sc_permissions_set_patches (ScPermissions *self, GPtrArray *patches)
{
  unwatch (self);
  g_ptr_array_set_size (self->patches, 0);
  for (guint i = 0; i < patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (patches, i);
      g_ptr_array_add (self->patches, g_object_ref (patch));
      g_signal_connect_swapped (patch, "changed", G_CALLBACK (ask_soon), self);
    }
  for (guint verb = 0; verb < SC_N_VERBS; verb++)
    {
      self->answers[verb] = ANSWER_NONE;
      g_hash_table_remove_all (self->denied[verb]);
    }
  ask_soon (self);
}

GPtrArray *
sc_permissions_get_patches (ScPermissions *self)
{
  return self->patches;
}

static GPtrArray *
patches_in_state (ScPermissions *self, ScVerb verb)
{
  GPtrArray *fit = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->patches->len; i++)
    {
      ScPatch *patch = g_ptr_array_index (self->patches, i);
      if (sc_verb_fits (verb, patch) && !sc_patch_get_job (patch))
        g_ptr_array_add (fit, g_object_ref (patch));
    }
  return fit;
}

GPtrArray *
sc_permissions_get_fit (ScPermissions *self, ScVerb verb)
{
  GPtrArray *fit = patches_in_state (self, verb);

  /* All or nothing: one that polkit forbids would spoil it for the others. When all are forbidden, the reason
   * is told. */
  for (guint i = fit->len; i > 0 && self->answers[verb] == ANSWER_YES; i--)
    if (g_hash_table_contains (self->denied[verb], sc_patch_get_path (g_ptr_array_index (fit, i - 1))))
      g_ptr_array_remove_index (fit, i - 1);
  return fit;
}

/* Why @verb does nothing for any of the patches, as far as their states tell. */
static const char *
reason_of_state (ScPermissions *self, ScVerb verb)
{
  if (self->patches->len > 1)
    return _ ("None of the selected patches is in a state for this");

  ScPatch *patch = g_ptr_array_index (self->patches, 0);
  if (sc_patch_get_job (patch))
    return _ ("The patch is being worked on");
  if (sc_patch_has_problem (patch, "foreign"))
    return _ ("Something else loaded it, so only that can take it away");
  if (sc_patch_get_state (patch) == SC_STATE_UNKNOWN)
    return _ ("The state of the patch isn’t known at the moment");
  if (verb == SC_VERB_APPLY && sc_patch_get_state (patch) == SC_STATE_DEACTIVATED)
    return _ ("It is loaded already: activate it");
  return _ (sc_verb_info (verb)->off_reason);
}

gboolean
sc_permissions_check (ScPermissions *self, ScVerb verb, const char **reason)
{
  g_autoptr (GPtrArray) fit = sc_permissions_get_fit (self, verb);

  *reason = "";
  if (self->patches->len == 0)
    return FALSE;
  if (fit->len == 0)
    *reason = reason_of_state (self, verb);
  else if (fit->len > SC_MOST_PATCHES_AT_ONCE)
    *reason = _ ("At most 256 patches can be worked on at once");
  else if (self->answers[verb] == ANSWER_NO)
    *reason = _ ("You aren’t allowed to do this");
  else if (self->answers[verb] == ANSWER_ERROR)
    *reason = _ ("Nobody can say whether you may do this: polkit doesn’t answer");
  else if (self->answers[verb] == ANSWER_NONE)
    *reason = _ ("Asking whether you may do this");
  return self->answers[verb] == ANSWER_YES && fit->len > 0 && fit->len <= SC_MOST_PATCHES_AT_ONCE;
}

static void
sc_permissions_dispose (GObject *object)
{
  ScPermissions *self = SC_PERMISSIONS (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->ask_idle, g_source_remove);
  unwatch (self);
  g_ptr_array_set_size (self->patches, 0);
  G_OBJECT_CLASS (sc_permissions_parent_class)->dispose (object);
}

static void
sc_permissions_finalize (GObject *object)
{
  ScPermissions *self = SC_PERMISSIONS (object);

  g_clear_object (&self->client);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->patches, g_ptr_array_unref);
  for (guint verb = 0; verb < SC_N_VERBS; verb++)
    g_hash_table_unref (self->denied[verb]);
  G_OBJECT_CLASS (sc_permissions_parent_class)->finalize (object);
}

static void
sc_permissions_class_init (ScPermissionsClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = sc_permissions_dispose;
  G_OBJECT_CLASS (klass)->finalize = sc_permissions_finalize;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void
sc_permissions_init (ScPermissions *self)
{
  self->cancellable = g_cancellable_new ();
  self->patches = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint verb = 0; verb < SC_N_VERBS; verb++)
    self->denied[verb] = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}
