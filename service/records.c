/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue with one thread in front of the store. Must not know the processes or the bus. */
#include "records.h"

struct ScRecords {
  char *patch_dir;
  char *state_dir;
  char *trusted_dir;
  LpBundleFlags flags;
  GThreadPool *thread; /* one thread: order is kept */
  LpStore *store;      /* only that thread touches it */
};

typedef enum { SCAN, WRITE, HISTORY, CALL } ScRecordsKind;

typedef struct {
  ScRecordsKind kind;
  GPtrArray *wishes;
  GPtrArray *history;
  guint64 since;
  guint limit;
  ScRecordsFunction function;
  gpointer data;
  GDestroyNotify destroy;
} ScRecordsRequest;

static void
request_free (gpointer data)
{
  ScRecordsRequest *request = data;

  g_clear_pointer (&request->wishes, g_ptr_array_unref);
  g_clear_pointer (&request->history, g_ptr_array_unref);
  if (request->destroy != NULL)
    request->destroy (request->data);
  g_free (request);
}

void
sc_records_snapshot_free (ScRecordsSnapshot *snapshot)
{
  if (snapshot == NULL)
    return;
  g_ptr_array_unref (snapshot->infos);
  g_ptr_array_unref (snapshot->kept);
  g_ptr_array_unref (snapshot->wishes);
  g_strfreev (snapshot->problems);
  g_strfreev (snapshot->unsettled);
  g_free (snapshot);
}

const char *
sc_boot_id (void)
{
  static gsize once = 0;
  static char *id = NULL;

  if (g_once_init_enter (&once))
    {
      if (!g_file_get_contents ("/proc/sys/kernel/random/boot_id", &id, NULL, NULL))
        id = g_strdup ("");
      g_strstrip (id);
      g_once_init_leave (&once, 1);
    }
  return id;
}

LpWish *
sc_wish_new (const char *uuid, LpState state, gboolean restore, guint64 sequence, guint uid)
{
  LpWish *wish = g_new0 (LpWish, 1);

  wish->uuid = g_strdup (uuid);
  wish->state = state;
  wish->restore = restore;
  wish->sequence = sequence;
  wish->changed = (guint64)g_get_real_time ();
  wish->uid = uid;
  wish->boot_id = g_strdup (sc_boot_id ());
  return wish;
}

void
sc_wish_free (LpWish *wish)
{
  if (wish == NULL)
    return;
  g_free (wish->uuid);
  g_free (wish->boot_id);
  g_free (wish);
}

LpWish *
sc_wish_copy (const LpWish *wish)
{
  LpWish *copy = g_memdup2 (wish, sizeof *wish);

  copy->uuid = g_strdup (wish->uuid);
  copy->boot_id = g_strdup (wish->boot_id != NULL ? wish->boot_id : "");
  return copy;
}

GPtrArray *
sc_wishes_copy (GPtrArray *wishes)
{
  GPtrArray *copies = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_wish_free);

  for (guint i = 0; i < wishes->len; i++)
    g_ptr_array_add (copies, sc_wish_copy (g_ptr_array_index (wishes, i)));
  return copies;
}

static GStrv
copy_texts (GPtrArray *texts)
{
  GStrv copy = g_new0 (char *, texts->len + 1);

  for (guint i = 0; i < texts->len; i++)
    copy[i] = g_strdup (g_ptr_array_index (texts, i));
  return copy;
}

static GPtrArray *
make_infos (GPtrArray *bundles)
{
  GPtrArray *infos = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);

  for (guint i = 0; i < bundles->len; i++)
    {
      const LpBundle *bundle = g_ptr_array_index (bundles, i);

      for (guint k = 0; k < bundle->manifest->objects->len; k++)
        g_ptr_array_add (infos, sc_patch_info_new (bundle, k));
    }
  return infos;
}

static ScRecordsSnapshot *
take_snapshot (LpStore *store)
{
  ScRecordsSnapshot *snapshot = g_new0 (ScRecordsSnapshot, 1);
  g_autoptr (GPtrArray) wishes = lp_store_wishes (store);

  snapshot->infos = make_infos (lp_store_bundles (store));
  snapshot->kept = make_infos (lp_store_kept (store));
  for (guint i = 0; i < snapshot->kept->len; i++)
    ((ScPatchInfo *)g_ptr_array_index (snapshot->kept, i))->kept = TRUE;
  snapshot->wishes = sc_wishes_copy (wishes);
  snapshot->problems = lp_store_problems (store);
  snapshot->unsettled = copy_texts (lp_store_unsettled (store));
  return snapshot;
}

static gboolean
open_store (ScRecords *records, GError **error)
{
  if (records->store != NULL)
    return TRUE;
  records->store
      = lp_store_open (records->patch_dir, records->state_dir, records->trusted_dir, records->flags, error);
  return records->store != NULL;
}

static gboolean
write_all (ScRecords *records, const ScRecordsRequest *request, GError **error)
{
  for (guint i = 0; request->wishes != NULL && i < request->wishes->len; i++)
    {
      const LpWish *wish = g_ptr_array_index (request->wishes, i);

      gboolean forget = wish->state == LP_STATE_NOT_APPLIED && !wish->restore;

      if (forget ? !lp_store_forget_wish (records->store, wish->uuid, error)
                 : !lp_store_keep (records->store, wish->uuid, error)
                       || !lp_store_set_wish (records->store, wish, error))
        return FALSE;
    }
  for (guint i = 0; request->history != NULL && i < request->history->len; i++)
    if (!lp_store_append_history (records->store, g_ptr_array_index (request->history, i), error))
      return FALSE;
  return TRUE;
}

static void
return_boolean (GTask *task, gboolean ok, GError *error)
{
  if (ok)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
carry_out (gpointer data, gpointer user_data)
{
  g_autoptr (GTask) task = data;
  ScRecords *records = user_data;
  const ScRecordsRequest *request = g_task_get_task_data (task);
  GError *error = NULL;
  GPtrArray *history = NULL;
  gboolean opened = records->store != NULL; /* a store that is opened now has been scanned now */
  gboolean ok;

  if (request->kind != CALL && !open_store (records, &error))
    {
      g_task_return_error (task, error);
      return;
    }

  switch (request->kind)
    {
    case SCAN:
      if (!opened || lp_store_rescan (records->store, NULL, &error))
        g_task_return_pointer (task, take_snapshot (records->store),
                               (GDestroyNotify)sc_records_snapshot_free);
      else
        g_task_return_error (task, error);
      break;
    case WRITE:
      ok = write_all (records, request, &error);
      return_boolean (task, ok, error);
      break;
    case HISTORY:
      history = lp_store_history (records->store, request->since, request->limit, &error);
      if (history != NULL)
        g_task_return_pointer (task, history, (GDestroyNotify)g_ptr_array_unref);
      else
        g_task_return_error (task, error);
      break;
    case CALL:
      ok = request->function (request->data, &error);
      return_boolean (task, ok, error);
      break;
    }
}

ScRecords *
sc_records_new (const char *patch_dir, const char *state_dir, const char *trusted_dir, LpBundleFlags flags)
{
  ScRecords *records = g_new0 (ScRecords, 1);

  records->patch_dir = g_strdup (patch_dir);
  records->state_dir = g_strdup (state_dir);
  records->trusted_dir = g_strdup (trusted_dir);
  records->flags = flags;
  records->thread = g_thread_pool_new (carry_out, records, 1, FALSE, NULL);
  return records;
}

void
sc_records_free (ScRecords *records)
{
  if (records == NULL)
    return;
  g_thread_pool_free (records->thread, /* immediate= */ FALSE, /* wait= */ TRUE);
  g_clear_pointer (&records->store, lp_store_free);
  g_free (records->patch_dir);
  g_free (records->state_dir);
  g_free (records->trusted_dir);
  g_free (records);
}

static void
submit (ScRecords *records, ScRecordsRequest *request, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);

  g_task_set_task_data (task, request, request_free);
  g_thread_pool_push (records->thread, task, NULL);
}

void
sc_records_scan_async (ScRecords *records, GAsyncReadyCallback callback, gpointer user_data)
{
  ScRecordsRequest *request = g_new0 (ScRecordsRequest, 1);

  request->kind = SCAN;
  submit (records, request, callback, user_data);
}

ScRecordsSnapshot *
sc_records_scan_finish (ScRecords *records, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
sc_records_write_async (ScRecords *records, GPtrArray *wishes, GPtrArray *history,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  ScRecordsRequest *request = g_new0 (ScRecordsRequest, 1);

  request->kind = WRITE;
  request->wishes = wishes;
  request->history = history;
  submit (records, request, callback, user_data);
}

gboolean
sc_records_write_finish (ScRecords *records, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
sc_records_history_async (ScRecords *records, guint64 since, guint limit, GAsyncReadyCallback callback,
                          gpointer user_data)
{
  ScRecordsRequest *request = g_new0 (ScRecordsRequest, 1);

  request->kind = HISTORY;
  request->since = since;
  request->limit = limit;
  submit (records, request, callback, user_data);
}

GPtrArray *
sc_records_history_finish (ScRecords *records, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
sc_records_call_async (ScRecords *records, ScRecordsFunction function, gpointer data, GDestroyNotify destroy,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  ScRecordsRequest *request = g_new0 (ScRecordsRequest, 1);

  request->kind = CALL;
  request->function = function;
  request->data = data;
  request->destroy = destroy;
  submit (records, request, callback, user_data);
}

gboolean
sc_records_call_finish (ScRecords *records, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
