/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All patches of the machine as a list model; see patch-store.h. */
#include "patch-store.h"

#define FIRST_PAGE_SIZE 50  /* more than a tall window shows: a list view makes a widget for each at once */
#define PAGE_SIZE 500       /* patches per call: an answer of some 300 kB */
#define SYNC_DELAY_MSEC 400 /* several changes at once make one question */
#define SYNC_REST_FACTOR 10 /* after a sync that took T, the next one waits at least 10 T */

struct _ScPatchStore {
  ScRows parent_instance;

  ScClient *client;
  GCancellable *cancellable; /* of the load under way */
  GHashTable *by_path;       /* path -> ScPatch (borrowed) */
  GHashTable *seen;          /* paths met by the load under way, NULL while there is none */
  guint offset;              /* of the next page */
  guint asked;               /* size of the page that is awaited */
  guint next_page_idle;
  gint64 load_began; /* monotonic time */
  gint64 rest_until;
  gboolean load_again; /* something changed while a load was under way */
  gboolean loaded;
  guint sync_timer;
  guint counts_idle;
  guint counts[SC_N_STATES];
  guint troubled;
};

static void load_page (ScPatchStore *self);

G_DEFINE_FINAL_TYPE (ScPatchStore, sc_patch_store, SC_TYPE_ROWS)

enum { COUNTS_CHANGED, LOADED, LOAD_FAILED, JOB_SEEN, N_SIGNALS };

static guint signals[N_SIGNALS];

static gboolean
on_counts_idle (gpointer user_data)
{
  ScPatchStore *self = user_data;

  self->counts_idle = 0;
  self->troubled = 0;
  for (guint i = 0; i < SC_N_STATES; i++)
    self->counts[i] = 0;
  for (guint i = 0; i < sc_rows_get_length (SC_ROWS (self)); i++)
    {
      ScPatch *patch = sc_rows_get (SC_ROWS (self), i);
      self->counts[sc_patch_get_state (patch)]++;
      self->troubled += sc_patch_get_problems (patch)[0] != NULL;
    }
  g_signal_emit (self, signals[COUNTS_CHANGED], 0);
  return G_SOURCE_REMOVE;
}

static void
count_soon (ScPatchStore *self)
{
  if (self->counts_idle == 0)
    self->counts_idle = g_idle_add (on_counts_idle, self);
}

static void
update_patch (ScPatchStore *self, ScPatch *patch, GVariant *values)
{
  ScUpdate effect = sc_patch_update (patch, values);
  guint position;

  if (effect & SC_UPDATE_PLACE)
    {
      count_soon (self);
      if (sc_rows_find (SC_ROWS (self), patch, &position))
        sc_rows_tell_changed (SC_ROWS (self), position);
    }
  if (effect != SC_UPDATE_NOTHING && sc_patch_get_job (patch))
    g_signal_emit (self, signals[JOB_SEEN], 0, sc_patch_get_job (patch));
}

static void
remove_at (ScPatchStore *self, guint position)
{
  ScPatch *patch = sc_rows_get (SC_ROWS (self), position);

  g_hash_table_remove (self->by_path, sc_patch_get_path (patch));
  sc_rows_remove (SC_ROWS (self), position);
  count_soon (self);
}

/* Takes over one page; new patches are appended and announced at once. Returns how many entries it had. */
static guint
take_page (ScPatchStore *self, GVariant *page)
{
  guint old_length = sc_rows_get_length (SC_ROWS (self));
  GVariantIter iter;
  GVariant *values;

  g_variant_iter_init (&iter, page);
  while ((values = g_variant_iter_next_value (&iter)))
    {
      g_autoptr (GVariant) owned G_GNUC_UNUSED = values;
      const char *path;
      if (!g_variant_lookup (values, "Path", "&o", &path))
        continue;
      g_hash_table_add (self->seen, g_strdup (path));
      ScPatch *patch = g_hash_table_lookup (self->by_path, path);
      if (patch)
        {
          update_patch (self, patch, values);
          continue;
        }
      patch = sc_patch_new (path);
      sc_patch_update (patch, values);
      sc_rows_add (SC_ROWS (self), patch);
      g_hash_table_insert (self->by_path, (char *)sc_patch_get_path (patch), patch);
      if (sc_patch_get_job (patch))
        g_signal_emit (self, signals[JOB_SEEN], 0, sc_patch_get_job (patch));
    }
  if (sc_rows_get_length (SC_ROWS (self)) > old_length)
    {
      sc_rows_tell_added (SC_ROWS (self), old_length);
      count_soon (self);
    }
  return g_variant_n_children (page);
}

static void
sync_soon (ScPatchStore *self)
{
  gint64 wait_msec = MAX (SYNC_DELAY_MSEC, (self->rest_until - g_get_monotonic_time ()) / 1000);

  if (self->seen)
    self->load_again = TRUE;
  else if (self->sync_timer == 0)
    self->sync_timer = g_timeout_add_once ((guint)wait_msec, (GSourceOnceFunc)sc_patch_store_reload, self);
}

static void
end_load (ScPatchStore *self)
{
  gint64 now = g_get_monotonic_time ();

  g_clear_pointer (&self->seen, g_hash_table_unref);
  self->rest_until = now + SYNC_REST_FACTOR * (now - self->load_began);
  if (self->load_again)
    sync_soon (self);
  self->load_again = FALSE;
}

static void
finish_load (ScPatchStore *self)
{
  for (guint i = sc_rows_get_length (SC_ROWS (self)); i > 0; i--)
    if (!g_hash_table_contains (self->seen, sc_patch_get_path (sc_rows_get (SC_ROWS (self), i - 1))))
      remove_at (self, i - 1);
  end_load (self);
  g_signal_emit (self, signals[LOADED], 0);
}

static void
on_page (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  ScPatchStore *self = user_data;

  if (!reply)
    {
      end_load (self);
      g_signal_emit (self, signals[LOAD_FAILED], 0, error);
      sc_client_tell_silent (self->client, error);
      return;
    }
  g_autoptr (GVariant) page = g_variant_get_child_value (reply, 0);
  guint n = take_page (self, page);
  gboolean first = !self->loaded;
  self->loaded = TRUE;
  self->offset += n;
  if (n < self->asked)
    finish_load (self);
  else if (first)
    {
      g_signal_emit (self, signals[LOADED], 0);
      /* The first page shall be painted before more comes. */
      self->next_page_idle = g_idle_add_once ((GSourceOnceFunc)load_page, self);
    }
  else
    load_page (self);
}

static void
load_page (ScPatchStore *self)
{
  GVariantBuilder match, options;

  self->next_page_idle = 0;
  self->asked = self->loaded ? PAGE_SIZE : FIRST_PAGE_SIZE;
  g_variant_builder_init (&match, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "offset", g_variant_new_uint32 (self->offset));
  g_variant_builder_add (&options, "{sv}", "limit", g_variant_new_uint32 (self->asked));
  sc_client_call (self->client, SC_MANAGER_PATH, SC_MANAGER_INTERFACE, "ListPatches",
                  g_variant_new ("(a{sv}^asa{sv})", &match, sc_patch_list_properties, &options),
                  G_VARIANT_TYPE ("(aa{sv})"), SC_CALL_PLAIN, self->cancellable, on_page, self);
}

static void
give_up_load (ScPatchStore *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->next_page_idle, g_source_remove);
  g_clear_pointer (&self->seen, g_hash_table_unref);
}

void
sc_patch_store_reload (ScPatchStore *self)
{
  self->sync_timer = 0;
  if (sc_client_get_state (self->client) != SC_SERVICE_READY)
    return;
  give_up_load (self);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  self->seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->load_began = g_get_monotonic_time ();
  self->load_again = FALSE;
  self->offset = 0;
  load_page (self);
}

static void
on_look_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = sc_client_call_finish (SC_CLIENT (source), result, &error);

  if (!reply)
    sc_client_tell_silent (SC_CLIENT (source), error);
}

void
sc_patch_store_look (ScPatchStore *self)
{
  static const char *const state[] = { "State", NULL };
  GVariantBuilder match, options;

  if (sc_client_get_state (self->client) != SC_SERVICE_READY)
    return;
  g_variant_builder_init (&match, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "limit", g_variant_new_uint32 (1));
  sc_client_call (self->client, SC_MANAGER_PATH, SC_MANAGER_INTERFACE, "ListPatches",
                  g_variant_new ("(a{sv}^asa{sv})", &match, state, &options), G_VARIANT_TYPE ("(aa{sv})"),
                  SC_CALL_PLAIN, self->cancellable, on_look_answer, NULL);
}

static void
on_client_state (ScPatchStore *self)
{
  if (sc_client_get_state (self->client) == SC_SERVICE_READY)
    {
      self->rest_until = 0;
      sc_patch_store_reload (self);
      return;
    }
  /* What another service said before is no longer known to be true. */
  self->loaded = FALSE;
  g_clear_handle_id (&self->sync_timer, g_source_remove);
  give_up_load (self);
}

static void
on_generation (ScPatchStore *self)
{
  if (self->loaded || self->seen)
    sync_soon (self);
}

static void
on_object_changed (ScPatchStore *self, const char *path, const char *interface, GVariant *values)
{
  if (!g_str_equal (interface, SC_PATCH_INTERFACE))
    return;
  ScPatch *patch = g_hash_table_lookup (self->by_path, path);
  if (patch)
    update_patch (self, patch, values);
  else
    sync_soon (self);
}

static void
on_object_added (ScPatchStore *self, const char *path)
{
  if (g_str_has_prefix (path, SC_PATCH_PREFIX) && !g_hash_table_contains (self->by_path, path))
    sync_soon (self);
}

static void
on_object_removed (ScPatchStore *self, const char *path)
{
  ScPatch *patch = g_hash_table_lookup (self->by_path, path);
  guint position;

  if (patch && sc_rows_find (SC_ROWS (self), patch, &position))
    remove_at (self, position);
}

ScPatchStore *
sc_patch_store_new (ScClient *client)
{
  ScPatchStore *self = g_object_new (SC_TYPE_PATCH_STORE, NULL);

  self->client = g_object_ref (client);
  g_signal_connect_object (client, "notify::state", G_CALLBACK (on_client_state), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "notify::generation", G_CALLBACK (on_generation), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "object-changed", G_CALLBACK (on_object_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "object-added", G_CALLBACK (on_object_added), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "object-removed", G_CALLBACK (on_object_removed), self, G_CONNECT_SWAPPED);
  return self;
}

ScPatch *
sc_patch_store_find (ScPatchStore *self, const char *path)
{
  return g_hash_table_lookup (self->by_path, path);
}

gboolean
sc_patch_store_is_loaded (ScPatchStore *self)
{
  return self->loaded;
}

guint
sc_patch_store_count_state (ScPatchStore *self, ScState state)
{
  return self->counts[state];
}

guint
sc_patch_store_count_troubled (ScPatchStore *self)
{
  return self->troubled;
}

static void
sc_patch_store_dispose (GObject *object)
{
  ScPatchStore *self = SC_PATCH_STORE (object);

  give_up_load (self);
  g_clear_handle_id (&self->sync_timer, g_source_remove);
  g_clear_handle_id (&self->counts_idle, g_source_remove);
  G_OBJECT_CLASS (sc_patch_store_parent_class)->dispose (object);
}

static void
sc_patch_store_finalize (GObject *object)
{
  ScPatchStore *self = SC_PATCH_STORE (object);

  g_clear_object (&self->client);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->seen, g_hash_table_unref);
  g_clear_pointer (&self->by_path, g_hash_table_unref);
  G_OBJECT_CLASS (sc_patch_store_parent_class)->finalize (object);
}

static void
sc_patch_store_class_init (ScPatchStoreClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  object_class->dispose = sc_patch_store_dispose;
  object_class->finalize = sc_patch_store_finalize;
  SC_ROWS_CLASS (klass)->item_type = SC_TYPE_PATCH;
  signals[COUNTS_CHANGED]
      = g_signal_new ("counts-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[LOADED] = g_signal_new ("loaded", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[LOAD_FAILED] = g_signal_new ("load-failed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                       G_TYPE_NONE, 1, G_TYPE_ERROR);
  signals[JOB_SEEN] = g_signal_new ("job-seen", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                    G_TYPE_STRING);
}

static void
sc_patch_store_init (ScPatchStore *self)
{
  self->cancellable = g_cancellable_new ();
  self->by_path = g_hash_table_new (g_str_hash, g_str_equal);
}
