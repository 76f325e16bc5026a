/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shares readings of the processes among those who ask. Must not know wishes or the bus. */
#include "truth.h"

#include "target-files.h"

/* A reading that was cheap is repeated earlier: however often is asked, reading takes at most a tenth of one
 * processor. */
#define AGE_PER_COST 10

/* One finished reading, indexed. */
typedef struct {
  LpScan *scan;
  GHashTable *targets;         /* build-id hex -> number of processes */
  GHashTable *carriers;        /* uuid -> ScCarried */
  GHashTable *target_problems; /* uuid -> static word */
  ScKernelReading *kernel;
} ScReading;

typedef struct {
  ScCarriers counts;
  char *digest; /* of the first image seen, hex */
  char *build_id;
  gboolean several_digests;
} ScCarried;

/* Somebody who waits. */
typedef struct {
  GTask *task;
  gint64 not_before; /* monotonic time at which the reading may have begun at the earliest */
  guint timer;
} ScWaiter;

struct ScTruth {
  void (*updated) (gpointer user_data);
  gpointer user_data;
  GPtrArray *infos;
  ScTargetFiles *files; /* used by one thread at a time: there is one reading at a time */
  ScReading *latest;
  gint64 latest_began;
  gint64 latest_took; /* microseconds */
  char *failure;
  gint64 running_began; /* 0: no reading is under way */
  GQueue waiters;
  GCancellable *cancellable;
};

char *
sc_hex (const guint8 *bytes, gsize size)
{
  GString *text = g_string_sized_new (2 * size);

  for (gsize i = 0; i < size; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  return g_string_free (text, FALSE);
}

char *
sc_uuid_to_string (const guint8 *uuid)
{
  g_autofree char *hex = sc_hex (uuid, LP_UUID_SIZE);

  return g_strdup_printf ("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void
carried_free (gpointer data)
{
  ScCarried *carried = data;

  g_free (carried->digest);
  g_free (carried->build_id);
  g_free (carried);
}

static void
reading_free (gpointer data)
{
  ScReading *reading = data;

  if (reading == NULL)
    return;
  g_clear_pointer (&reading->scan, lp_scan_free);
  g_hash_table_unref (reading->targets);
  g_hash_table_unref (reading->carriers);
  g_clear_pointer (&reading->target_problems, g_hash_table_unref);
  sc_kernel_reading_free (reading->kernel);
  g_free (reading);
}

static void
count_image (ScReading *reading, const LpScanImage *image, GHashTable *maps)
{
  const LpEntityIdentity *identity = &image->identity;
  g_autofree char *uuid = sc_uuid_to_string (identity->uuid);
  g_autofree char *digest = sc_hex (identity->digest, LP_DIGEST_SIZE);
  ScCarried *carried = g_hash_table_lookup (reading->carriers, uuid);

  if (carried == NULL)
    {
      carried = g_new0 (ScCarried, 1);
      carried->digest = g_strdup (digest);
      carried->build_id = sc_hex (identity->build_id, MIN (identity->build_id_size, LP_BUILD_ID_MAX));
      g_hash_table_insert (reading->carriers, g_steal_pointer (&uuid), carried);
    }
  carried->several_digests |= !g_str_equal (carried->digest, digest);
  carried->counts.active += image->state == LP_IMAGE_ACTIVE;
  carried->counts.partial += image->state == LP_IMAGE_PARTIAL;
  carried->counts.loaded += image->state == LP_IMAGE_LOADED;
  g_hash_table_add (maps, g_strdup (carried->build_id));
}

static ScReading *
index_scan (LpScan *scan)
{
  ScReading *reading = g_new0 (ScReading, 1);

  reading->scan = scan;
  reading->targets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  reading->carriers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, carried_free);
  for (guint i = 0; i < scan->processes->len; i++)
    {
      const LpScanProcess *process = g_ptr_array_index (scan->processes, i);
      g_autoptr (GHashTable) maps = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      GHashTableIter iter;
      gpointer build_id;

      for (guint k = 0; k < process->build_ids->len; k++)
        g_hash_table_add (maps, g_strdup (g_ptr_array_index (process->build_ids, k)));
      for (guint k = 0; k < process->images->len; k++)
        count_image (reading, &g_array_index (process->images, LpScanImage, k), maps);

      g_hash_table_iter_init (&iter, maps);
      while (g_hash_table_iter_next (&iter, &build_id, NULL))
        {
          guint n = GPOINTER_TO_UINT (g_hash_table_lookup (reading->targets, build_id));

          g_hash_table_insert (reading->targets, g_strdup (build_id), GUINT_TO_POINTER (n + 1));
        }
    }
  return reading;
}

typedef struct {
  GPtrArray *infos;
  ScTargetFiles *files;
} ScScanRequest;

static void
scan_request_free (gpointer data)
{
  ScScanRequest *request = data;

  g_ptr_array_unref (request->infos);
  g_free (request);
}

static void
scan_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const ScScanRequest *request = data;
  g_autoptr (GPtrArray) build_ids = g_ptr_array_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GError *error = NULL;

  for (guint i = 0; i < request->infos->len; i++)
    {
      const ScPatchInfo *info = g_ptr_array_index (request->infos, i);

      if (info->build_id[0] != '\0' && g_hash_table_add (seen, info->build_id))
        g_ptr_array_add (build_ids, info->build_id);
    }

  LpScan *scan = lp_scan_run (build_ids, cancellable, &error);
  if (scan == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  ScReading *reading = index_scan (scan);
  reading->target_problems = sc_target_files_check (request->files, request->infos);
  reading->kernel = sc_kernel_reading_new (request->infos);
  g_task_return_pointer (task, reading, reading_free);
}

static void start_reading (ScTruth *truth);

static void
answer (ScWaiter *waiter)
{
  if (waiter->timer != 0)
    g_source_remove (waiter->timer);
  g_task_return_boolean (waiter->task, TRUE);
  g_object_unref (waiter->task);
  g_free (waiter);
}

/* Lets go everybody for whom a reading begun at @began is fresh enough; whether somebody is left. */
static gboolean
answer_waiters (ScTruth *truth, gint64 began)
{
  for (GList *link = truth->waiters.head; link != NULL;)
    {
      GList *next = link->next;
      ScWaiter *waiter = link->data;

      if (waiter->not_before <= began)
        {
          g_queue_delete_link (&truth->waiters, link);
          answer (waiter);
        }
      link = next;
    }
  return truth->waiters.length > 0;
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ScTruth *truth;
  g_autoptr (GError) error = NULL;
  ScReading *reading = g_task_propagate_pointer (G_TASK (result), &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* the service is gone: user_data isn't there any more */
  truth = user_data;

  gint64 began = truth->running_began;
  truth->running_began = 0;
  g_clear_pointer (&truth->failure, g_free);
  if (reading != NULL)
    {
      reading_free (truth->latest);
      truth->latest = reading;
      truth->latest_began = began;
      truth->latest_took = g_get_monotonic_time () - began;
    }
  else
    truth->failure = g_strdup (error->message);

  truth->updated (truth->user_data);
  if (answer_waiters (truth, began) && truth->running_began == 0)
    start_reading (truth);
}

static void
start_reading (ScTruth *truth)
{
  g_autoptr (GTask) task = g_task_new (NULL, truth->cancellable, on_read, truth);
  ScScanRequest *request = g_new0 (ScScanRequest, 1);

  request->infos = g_ptr_array_ref (truth->infos);
  request->files = truth->files;
  truth->running_began = g_get_monotonic_time ();
  g_task_set_task_data (task, request, scan_request_free);
  g_task_run_in_thread (task, scan_thread);
}

static gboolean
on_patience_lost (gpointer data)
{
  ScWaiter *waiter = data;
  ScTruth *truth = g_task_get_task_data (waiter->task);

  waiter->timer = 0;
  g_queue_remove (&truth->waiters, waiter);
  answer (waiter);
  return G_SOURCE_REMOVE;
}

void
sc_truth_refresh_async (ScTruth *truth, gint64 max_age, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  gint64 not_before = g_get_monotonic_time () - MIN (max_age, AGE_PER_COST * truth->latest_took);

  g_task_set_task_data (task, truth, NULL);
  if (truth->latest != NULL && truth->latest_began >= not_before)
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }

  ScWaiter *waiter = g_new0 (ScWaiter, 1);
  waiter->task = task;
  waiter->not_before = not_before;
  waiter->timer = g_timeout_add_seconds (SC_TRUTH_PATIENCE, on_patience_lost, waiter);
  g_queue_push_tail (&truth->waiters, waiter);
  if (truth->running_began == 0)
    start_reading (truth);
}

void
sc_truth_refresh_finish (ScTruth *truth, GAsyncResult *result)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
}

ScTruth *
sc_truth_new (void (*updated) (gpointer user_data), gpointer user_data)
{
  ScTruth *truth = g_new0 (ScTruth, 1);

  truth->updated = updated;
  truth->user_data = user_data;
  truth->infos = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);
  truth->files = sc_target_files_new ();
  truth->cancellable = g_cancellable_new ();
  g_queue_init (&truth->waiters);
  return truth;
}

void
sc_truth_free (ScTruth *truth)
{
  if (truth == NULL)
    return;
  g_cancellable_cancel (truth->cancellable);
  g_object_unref (truth->cancellable);
  while (truth->waiters.length > 0)
    answer (g_queue_pop_head (&truth->waiters));
  reading_free (truth->latest);
  g_ptr_array_unref (truth->infos);
  if (truth->running_began == 0) /* else the thread may still use it; the process is about to end */
    sc_target_files_free (truth->files);
  g_free (truth->failure);
  g_free (truth);
}

void
sc_truth_set_infos (ScTruth *truth, GPtrArray *infos)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);

  for (guint i = 0; i < infos->len; i++)
    g_ptr_array_add (copy, sc_patch_info_ref (g_ptr_array_index (infos, i)));
  g_ptr_array_unref (truth->infos);
  truth->infos = copy;
  truth->latest_began = 0;
}

const LpScan *
sc_truth_scan (ScTruth *truth)
{
  return truth->latest != NULL ? truth->latest->scan : NULL;
}

const char *
sc_truth_failure (ScTruth *truth)
{
  return truth->failure;
}

void
sc_truth_carriers (ScTruth *truth, const ScPatchInfo *info, ScCarriers *carriers)
{
  *carriers = (ScCarriers){ 0 };
  if (truth->latest == NULL)
    return;

  if (g_str_equal (info->kind, "kernel"))
    {
      sc_kernel_reading_carriers (truth->latest->kernel, info, carriers);
      return;
    }
  const ScCarried *carried = g_hash_table_lookup (truth->latest->carriers, info->uuid);
  if (carried != NULL)
    {
      *carriers = carried->counts;
      carriers->other_digest = carried->several_digests || !g_str_equal (carried->digest, info->digest);
    }
  carriers->total = GPOINTER_TO_UINT (g_hash_table_lookup (truth->latest->targets, info->build_id));
}

const char *
sc_truth_target_problem (ScTruth *truth, const ScPatchInfo *info)
{
  if (truth->latest == NULL)
    return NULL;
  return g_str_equal (info->kind, "kernel")
             ? sc_kernel_reading_target_problem (truth->latest->kernel, info)
             : g_hash_table_lookup (truth->latest->target_problems, info->uuid);
}

const ScKernelReading *
sc_truth_kernel (ScTruth *truth)
{
  return truth->latest != NULL ? truth->latest->kernel : NULL;
}

GPtrArray *
sc_truth_carried (ScTruth *truth)
{
  GPtrArray *infos = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);
  GHashTableIter iter;
  gpointer uuid, value;

  if (truth->latest == NULL)
    return infos;
  g_hash_table_iter_init (&iter, truth->latest->carriers);
  while (g_hash_table_iter_next (&iter, &uuid, &value))
    {
      const ScCarried *carried = value;

      g_ptr_array_add (infos, sc_patch_info_new_orphan (uuid, carried->digest, carried->build_id));
    }
  sc_kernel_reading_add_foreign (truth->latest->kernel, truth->infos, infos);
  return infos;
}
