/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the administrator wishes for: one small JSON file that is replaced as a whole. Must not know bundles.
 * A damaged file is moved aside, never overwritten; the history then tells what was wished for last. */
#include "store/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"

#define WISHES_MAX 100000
#define WORD_MAX 128
#define ASIDE_MAX 1000

static const char *const state_words[] = {
  [LP_STATE_UNKNOWN] = "unknown",         [LP_STATE_NOT_APPLIED] = "not-applied",
  [LP_STATE_DEACTIVATED] = "deactivated", [LP_STATE_ACTIVE] = "active",
  [LP_STATE_ACCEPTED] = "accepted",
};

const char *
lp_state_word (LpState state)
{
  g_return_val_if_fail ((guint)state < G_N_ELEMENTS (state_words), "unknown");
  return state_words[state];
}

gboolean
lp_state_from_word (const char *word, LpState *state)
{
  for (guint i = 0; i < G_N_ELEMENTS (state_words); i++)
    if (strcmp (state_words[i], word) == 0)
      {
        *state = i;
        return TRUE;
      }
  return FALSE;
}

static LpWish *
wish_copy (const LpWish *wish)
{
  LpWish *copy = g_memdup2 (wish, sizeof *wish);

  copy->uuid = g_strdup (wish->uuid);
  copy->boot_id = g_strdup (wish->boot_id != NULL ? wish->boot_id : "");
  return copy;
}

void
lp_wish_free (LpWish *wish)
{
  if (wish == NULL)
    return;
  g_free (wish->uuid);
  g_free (wish->boot_id);
  g_free (wish);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpWish, lp_wish_free)

static int
compare_wishes (gconstpointer a, gconstpointer b)
{
  const LpWish *left = *(const LpWish *const *)a;
  const LpWish *right = *(const LpWish *const *)b;

  if (left->sequence != right->sequence)
    return left->sequence < right->sequence ? -1 : 1;
  return strcmp (left->uuid, right->uuid);
}

GPtrArray *
lp_store_wishes (LpStore *store)
{
  GPtrArray *wishes = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer wish;

  g_hash_table_iter_init (&iter, store->wishes);
  while (g_hash_table_iter_next (&iter, NULL, &wish))
    g_ptr_array_add (wishes, wish);
  g_ptr_array_sort (wishes, compare_wishes);
  return wishes;
}

const LpWish *
lp_store_wish (LpStore *store, const char *uuid)
{
  return g_hash_table_lookup (store->wishes, uuid);
}

static JsonObject *
wish_to_json (const LpWish *wish)
{
  JsonObject *json = json_object_new ();

  lp_json_add_string (json, "uuid", wish->uuid);
  lp_json_add_string (json, "state", lp_state_word (wish->state));
  json_object_set_boolean_member (json, "restore", wish->restore);
  json_object_set_int_member (json, "sequence", wish->sequence);
  json_object_set_int_member (json, "changed", wish->changed);
  json_object_set_int_member (json, "uid", wish->uid);
  lp_json_add_string (json, "boot-id", wish->boot_id);
  return json;
}

/* Durable on return. */
static gboolean
save (LpStore *store, GError **error)
{
  g_autoptr (GPtrArray) wishes = lp_store_wishes (store);
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *json = json_object_new ();
  JsonArray *array = json_array_new ();

  json_node_take_object (root, json);
  json_object_set_int_member (json, "format", LP_STATE_FORMAT);
  for (guint i = 0; i < wishes->len; i++)
    json_array_add_object_element (array, wish_to_json (wishes->pdata[i]));
  json_object_set_array_member (json, "wishes", array);

  g_autofree char *text = lp_json_seal (root, LP_STATE_SEAL);
  g_autoptr (GError) local_error = NULL;
  if (lp_io_replace_at (store->state_fd, LP_STATE_FILE, 0600, text, strlen (text), &local_error))
    return TRUE;
  lp_store_explain_write (store, "the state", local_error, error);
  return FALSE;
}

static void
put_back (LpStore *store, const char *uuid, LpWish *previous)
{
  if (previous != NULL)
    g_hash_table_replace (store->wishes, previous->uuid, previous);
  else
    g_hash_table_remove (store->wishes, uuid);
}

static LpWish *
take_wish (LpStore *store, const char *uuid)
{
  gpointer wish = NULL;

  g_hash_table_steal_extended (store->wishes, uuid, NULL, &wish);
  return wish;
}

/* Memory follows the disk: when it can't be written, nothing was wished. */
gboolean
lp_store_set_wish (LpStore *store, const LpWish *wish, GError **error)
{
  LpWish *copy = wish_copy (wish);
  LpWish *previous = take_wish (store, copy->uuid);

  g_hash_table_replace (store->wishes, copy->uuid, copy);
  if (save (store, error))
    {
      lp_wish_free (previous);
      return TRUE;
    }
  g_autofree char *uuid = g_strdup (copy->uuid);
  put_back (store, uuid, previous);
  return FALSE;
}

gboolean
lp_store_forget_wish (LpStore *store, const char *uuid, GError **error)
{
  g_autoptr (LpWish) previous = take_wish (store, uuid);

  if (previous == NULL || save (store, error))
    return TRUE;
  put_back (store, uuid, g_steal_pointer (&previous));
  return FALSE;
}

static gboolean
read_wish (const LpJson *json, LpWish *wish, GError **error)
{
  g_autofree char *state = NULL;
  guint8 uuid[LP_UUID_BYTES];
  guint64 uid = 0;

  if (!lp_json_string (json, "uuid", TRUE, WORD_MAX, &wish->uuid, error)
      || !lp_json_string (json, "state", TRUE, WORD_MAX, &state, error)
      || !lp_json_boolean (json, "restore", TRUE, &wish->restore, error)
      || !lp_json_uint (json, "sequence", TRUE, &wish->sequence, error)
      || !lp_json_uint (json, "changed", TRUE, &wish->changed, error)
      || !lp_json_uint (json, "uid", TRUE, &uid, error)
      || !lp_json_string (json, "boot-id", TRUE, WORD_MAX, &wish->boot_id, error))
    return FALSE;
  if (!lp_uuid_parse (wish->uuid, uuid))
    return lp_json_refuse (json, "uuid", "not a UUID in lower case", error);
  if (!lp_state_from_word (state, &wish->state))
    return lp_json_refuse (json, "state", "not one of the known words", error);
  if (uid > G_MAXUINT32)
    return lp_json_refuse (json, "uid", "not a user id", error);
  wish->uid = uid;
  return TRUE;
}

static gboolean
read_wishes (const LpJson *json, GHashTable *wishes, GError **error)
{
  g_autofree char *where = NULL;
  JsonArray *array;
  LpJson element;

  if (!lp_json_array (json, "wishes", TRUE, WISHES_MAX, &array, error))
    return FALSE;
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      g_autoptr (LpWish) wish = g_new0 (LpWish, 1);
      if (!lp_json_element (json, "wishes", array, i, &element, &where, error)
          || !read_wish (&element, wish, error))
        return FALSE;
      if (g_hash_table_contains (wishes, wish->uuid))
        return lp_json_refuse (&element, "uuid", "comes twice", error);
      g_hash_table_insert (wishes, wish->uuid, wish);
      g_steal_pointer (&wish);
    }
  return TRUE;
}

static gboolean
read_format (const LpJson *json, GError **error)
{
  guint64 format = 0;

  if (!lp_json_uint (json, "format", TRUE, &format, error))
    return FALSE;
  if (format == LP_STATE_FORMAT)
    return TRUE;
  lp_error_set (error, LP_ERROR_NOT_SUPPORTED,
                "A newer SysCare wrote it: update SysCare, or move the file away.",
                "%s: format %" G_GUINT64_FORMAT " is not known to this SysCare", LP_STATE_FILE, format);
  return FALSE;
}

GHashTable *
lp_wishes_parse (const char *data, gsize length, GError **error)
{
  g_autoptr (JsonNode) root = lp_json_parse (data, length, LP_STATE_FILE, LP_ERROR_STATE_CORRUPT, error);
  g_autoptr (GHashTable) wishes
      = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)lp_wish_free);

  if (root == NULL)
    return NULL;
  LpJson json = { json_node_get_object (root), "", LP_ERROR_STATE_CORRUPT };
  if (!lp_json_check_seal (root, LP_STATE_SEAL, data, length, LP_ERROR_STATE_CORRUPT, error)
      || !read_format (&json, error) || !read_wishes (&json, wishes, error))
    return NULL;
  return g_steal_pointer (&wishes);
}

/* Gives the damaged file a name of its own; nothing that lies there already is touched. */
static gboolean
move_aside (LpStore *store, char **aside, GError **error)
{
  for (guint i = 1; i < ASIDE_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.corrupt-%u", LP_STATE_FILE, i);
      if (renameat2 (store->state_fd, LP_STATE_FILE, store->state_fd, name, RENAME_NOREPLACE) == 0)
        {
          *aside = g_steal_pointer (&name);
          return lp_io_sync_fd (store->state_fd, store->state_dir, error);
        }
      if (errno == EEXIST)
        continue;
      lp_error_set_errno (error, LP_ERROR_STATE_CORRUPT, errno, "%s/%s: is damaged and cannot be moved aside",
                          store->state_dir, LP_STATE_FILE);
      return FALSE;
    }
  lp_error_set (error, LP_ERROR_STATE_CORRUPT, "Look at the moved files and remove them.",
                "%s: too many damaged state files were moved aside", store->state_dir);
  return FALSE;
}

/* The state in which a verb that succeeded left its patch. */
static LpState
state_after (const char *verb)
{
  static const struct {
    const char *verb;
    LpState state;
  } table[] = {
    { "apply", LP_STATE_ACTIVE },           { "activate", LP_STATE_ACTIVE },
    { "deactivate", LP_STATE_DEACTIVATED }, { "remove", LP_STATE_NOT_APPLIED },
    { "accept", LP_STATE_ACCEPTED },        { "revoke", LP_STATE_ACTIVE },
    { "uninstall", LP_STATE_NOT_APPLIED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (strcmp (table[i].verb, verb) == 0)
      return table[i].state;
  return LP_STATE_UNKNOWN;
}

static void
replay (LpStore *store, const LpHistoryRecord *record, guint64 sequence)
{
  guint8 uuid[LP_UUID_BYTES];
  LpState state = state_after (record->verb);
  LpWish wish = {
    .uuid = record->patch, .state = state, .sequence = sequence, .changed = record->time, .uid = record->uid
  };

  if (strcmp (record->result, "succeeded") != 0 || state == LP_STATE_UNKNOWN
      || !lp_uuid_parse (record->patch, uuid))
    return;
  if (state == LP_STATE_NOT_APPLIED)
    {
      g_hash_table_remove (store->wishes, record->patch);
      return;
    }

  /* Only activation changes the order; the boot is unknown: as after a reboot, only what was accepted comes
   * back by itself. */
  const LpWish *known = g_hash_table_lookup (store->wishes, record->patch);
  if (known != NULL && strcmp (record->verb, "apply") != 0 && strcmp (record->verb, "activate") != 0)
    wish.sequence = known->sequence;
  LpWish *copy = wish_copy (&wish);
  g_hash_table_replace (store->wishes, copy->uuid, copy);
}

static gboolean
rebuild (LpStore *store, GError **error)
{
  g_autoptr (GPtrArray) records = lp_store_history (store, 0, 0, error);

  if (records == NULL)
    return FALSE;
  for (guint i = records->len; i > 0; i--) /* oldest first */
    replay (store, records->pdata[i - 1], records->len - i + 1);
  return save (store, error);
}

static gboolean
recover (LpStore *store, const GError *damage, GError **error)
{
  g_autofree char *aside = NULL;
  g_autofree char *what = lp_error_split (damage->message, NULL);

  if (!move_aside (store, &aside, error) || !rebuild (store, error))
    return FALSE;
  lp_store_add_problem (
      store->state_problems,
      "%s/%s: was damaged (%s) and moved to %s; %u recorded states were rebuilt from the history",
      store->state_dir, LP_STATE_FILE, what, aside, g_hash_table_size (store->wishes));
  return TRUE;
}

gboolean
lp_store_load_wishes (LpStore *store, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GBytes) bytes = lp_io_read_at (store->state_fd, LP_STATE_FILE, LP_STATE_SIZE_MAX, &reason);

  if (bytes == NULL && g_error_matches (reason, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return TRUE;
  if (bytes == NULL)
    {
      /* A disk that can't be read is no reason to begin anew. */
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s/%s", store->state_dir, reason->message);
      return FALSE;
    }

  GHashTable *wishes = lp_wishes_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), &reason);
  if (wishes == NULL && g_error_matches (reason, LP_ERROR, LP_ERROR_STATE_CORRUPT))
    return recover (store, reason, error);
  if (wishes == NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&reason), "%s/", store->state_dir);
      return FALSE;
    }
  g_hash_table_unref (store->wishes);
  store->wishes = wishes;
  return TRUE;
}
